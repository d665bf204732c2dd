/** Runs measures on servers in turns (A B C, C B A, A B C …), so that other work on the machine affects all of them alike. */
import type { Endpoint } from './generator/endpoint.ts';
import { accountsFor, type Measure, type MeasuredServer } from './measures.ts';
import type { Outcome } from './modes/outcome.ts';
import type { Outside } from './outside/outside.ts';
import { Cannot, type Server, type ServerOptions } from './servers/server.ts';
import type { Make, Settings } from './settings.ts';

export interface Run {
  readonly measure: string;
  readonly server: string;
  readonly round: number;
  /** The reason why the server cannot do this measure at all. */
  readonly cannot?: string;
  /** The reason why the run broke off. */
  readonly failed?: string;
  readonly outcome?: Outcome;
}

const serverNames: Readonly<Record<Make, string>> = {
  skylark: 'Skylark',
  prosody: 'Prosody',
  ejabberd: 'ejabberd',
  before: 'Before',
};

/** @throws {Cannot} when the server is not installed */
export type Starter = (options: ServerOptions) => Promise<Server>;

export class Grounds {
  readonly versions = new Map<string, string>();
  readonly #settings: Settings;
  readonly #starters: Readonly<Record<Make, Starter>>;
  readonly #outside: Outside | undefined;
  readonly #running = new Map<string, Server>();

  /** @param outside the other servers, for modes that need them */
  constructor(settings: Settings, starters: Readonly<Record<Make, Starter>>, outside?: Outside) {
    this.#outside = outside;
    this.#settings = settings;
    this.#starters = starters;
  }

  /** @param measured receives all runs so far after each measure */
  async runAll(
    measures: readonly Measure[],
    report: (run: Run, measure: Measure) => void,
    measured: (runs: readonly Run[]) => void,
  ): Promise<Run[]> {
    const runs: Run[] = [];
    try {
      for (const measure of measures) {
        for (let round = 1; round <= Math.min(this.#settings.rounds, measure.roundsMax ?? Infinity); round++) {
          const { makes } = this.#settings;
          for (const make of round % 2 === 1 ? makes : makes.toReversed()) {
            const run = await this.#one(measure, make, round);
            runs.push(run);
            report(run, measure);
          }
        }
        measured(runs);
      }
      return runs;
    } finally {
      for (const server of this.#running.values()) await server.stop();
    }
  }

  async #one(measure: Measure, make: Make, round: number): Promise<Run> {
    let server: Server | undefined;
    const said = { measure: measure.id, server: serverNames[make], round };
    try {
      server = await this.#serverFor(measure, make);
      const endpoint = server.endpoint(this.#settings.transport, this.#settings.mechanism);
      return { ...said, outcome: await measure.run({ ...server, outside: this.#outside }, endpoint, round) };
    } catch (error) {
      if (error instanceof Cannot) return { ...said, cannot: error.message };
      const failed = `${(error as Error).message}\n${server?.output() ?? ''}`.trim();
      // its state is unknown, so the next measurement must not use it
      for (const [key, running] of this.#running) if (running === server) this.#running.delete(key);
      if (!measure.isFresh) await server?.stop();
      return { ...said, failed };
    } finally {
      if (measure.isFresh) await server?.stop();
    }
  }

  async #serverFor(measure: Measure, make: Make): Promise<Server> {
    const archive = measure.archive || make === 'skylark' || make === 'before';
    const { mechanism } = this.#settings;
    const options = { accounts: accountsFor(this.#settings), archive, mechanism, outside: this.#outside };
    const key = `${make} ${archive}`;
    const known = measure.isFresh ? undefined : this.#running.get(key);
    const server = known ?? (await this.#starters[make](options));
    this.versions.set(server.name, server.version);
    if (!measure.isFresh) this.#running.set(key, server);
    return server;
  }
}

export function isFaulty({ outcome, failed }: Run): boolean {
  if (failed !== undefined) return true;
  return outcome !== undefined && (outcome.count === 0 || outcome.lost + outcome.duplicated + outcome.reordered > 0);
}

/** For servers that run elsewhere: each measure runs once. */
export async function runForeign(
  server: MeasuredServer,
  endpoint: Endpoint,
  measures: readonly Measure[],
  rounds: number,
  report: (run: Run, measure: Measure) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const measure of measures) {
    for (let round = 1; round <= rounds; round++) {
      const run = { measure: measure.id, server: server.name, round, outcome: await measure.run(server, endpoint, round) };
      runs.push(run);
      report(run, measure);
    }
  }
  return runs;
}
