/** Keeps a number of equal processes running. One that dies is started again; the pause grows with each failed start. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { programLimits } from '../limits.ts';
import type { Child, Ending } from './child-process.ts';
import type { Addresses } from './listening.ts';

interface PoolOptions {
  readonly count: number;
  readonly log: Logger;
  /** @param addresses where the first process listens; undefined when this is the first */
  start(name: string, addresses: Addresses | undefined): Promise<Child>;
  started(child: Child): void;
  died(child: Child, ending: Ending): void;
}

export class ProcessPool {
  readonly #options: PoolOptions;
  /** The running processes by name. One that is about to be started again is not in it. */
  readonly #children = new Map<string, Child>();
  /** The starts that are under way. A stop waits for them. */
  readonly #starting = new Set<Promise<unknown>>();
  readonly #over = new AbortController();
  #addresses: Addresses | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** @returns where the processes listen. @throws {Refusal} when one of them does not get ready */
  async start(): Promise<Addresses> {
    const names = Array.from({ length: this.#options.count }, (_, index) => `p${index + 1}`);
    const first = await this.#start(names[0]!);
    this.#addresses = first.addresses;
    await Promise.all(names.slice(1).map((name) => this.#start(name)));
    return first.addresses;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.allSettled(this.#starting);
    await Promise.all([...this.#children.values()].map((child) => child.stop()));
  }

  async #start(name: string): Promise<Child> {
    const starting = this.#options.start(name, this.#addresses);
    this.#starting.add(starting);
    try {
      const child = await starting;
      this.#children.set(name, child);
      this.#options.started(child);
      const startedMs = performance.now();
      void child.ended.then((ending) => this.#ended(child, ending, performance.now() - startedMs));
      return child;
    } finally {
      this.#starting.delete(starting);
    }
  }

  async #ended(child: Child, ending: Ending, livedMs: number): Promise<void> {
    this.#children.delete(child.name);
    if (this.#over.signal.aborted) return;
    this.#options.log.error({ name: child.name, pid: child.pid, ...ending }, 'a process died; it is started again');
    this.#options.died(child, ending);
    let delayMs = livedMs < programLimits.processRestartMsMax ? programLimits.processRestartMs : 0;
    for (;;) {
      try {
        await pause(delayMs, undefined, { signal: this.#over.signal });
        await this.#start(child.name);
        return;
      } catch (error) {
        if (this.#over.signal.aborted) return;
        this.#options.log.error({ err: error, name: child.name }, 'a process could not be started again; it is tried once more');
        delayMs = Math.min(programLimits.processRestartMsMax, Math.max(programLimits.processRestartMs, delayMs * 2));
      }
    }
  }
}
