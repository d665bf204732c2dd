/** Runs the command line as its users do, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../services/main.ts', import.meta.url));

/** No setting of the machine that runs the tests. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SKYLARK_')));

export interface Finished {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

export interface RunOptions {
  readonly input?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another than the one of this tree. */
  readonly program?: string;
  /** True for a {@link Service}; false when it says its events without being asked. */
  readonly json?: boolean;
}

function spawnSkylark(args: readonly string[], { variables, cwd, program = main }: RunOptions): ChildProcess {
  return spawn(process.execPath, [program, ...args], { env: { ...environment, ...variables }, cwd, stdio: 'pipe' });
}

export async function skylark(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawnSkylark(args, options);
  const said = collect(child);
  child.stdin!.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { ...said, code };
}

/** Runs until it has printed `text`, then sends SIGTERM. */
export async function stopWhenSaid(args: readonly string[], text: string): Promise<Finished> {
  const child = spawnSkylark(args, {});
  const said = collect(child);
  child.stdout!.on('data', () => {
    if (said.out.includes(text)) child.kill('SIGTERM');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { ...said, code };
}

function collect(child: ChildProcess): { out: string; err: string } {
  const said = { out: '', err: '' };
  child.stdout!.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    said.err += chunk;
  });
  return said;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'skylark-cli-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export const anyPorts = [
  '--c2s-port=0',
  '--c2s-tls-port=0',
  '--http-port=0',
  '--https-port=0',
  '--s2s-port=0',
  '--component-port=0',
];

interface Event {
  readonly event?: string;
  readonly [name: string]: unknown;
}

export type Addresses = Readonly<Record<string, { readonly address: string; readonly port: number }>>;

/** A command that goes on until it is told to stop, with `--json`. */
export class Service {
  readonly child: ChildProcess;
  readonly said: { readonly out: string; readonly err: string };
  readonly events: Event[] = [];
  readonly ended: Promise<number | null>;
  #onEvent: () => void = () => {};

  private constructor(child: ChildProcess) {
    this.child = child;
    this.said = collect(child);
    this.ended = once(child, 'close').then(([code]) => code as number | null);
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.events.push(JSON.parse(line) as Event);
      this.#onEvent();
    });
    void this.ended.then(() => this.#onEvent());
  }

  /** Resolves with the first event of that name. */
  static async start(args: readonly string[], until = 'listening', options: RunOptions = {}): Promise<Service> {
    const service = new Service(spawnSkylark(options.json === false ? args : [...args, '--json'], options));
    await service.find((event) => event.event === until);
    return service;
  }

  async find(isIt: (event: Event) => boolean): Promise<Event> {
    for (;;) {
      const found = this.events.find(isIt);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`it ended and said: ${this.said.err}`);
      await new Promise<void>((resolve) => {
        this.#onEvent = resolve;
      });
    }
  }

  /** Resolves when its log has a line that matches. */
  async logged(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.said.err)) await once(this.child.stderr!, 'data');
  }

  get addresses(): Addresses {
    return this.events.find(({ event }) => event === 'listening')!.addresses as Addresses;
  }

  /** @returns the exit code; null when the signal ended it */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}
