/** Starts the processes of a cluster one group at a time and watches them. A process that ends is not started again. */
import { type Child, type Ending, startChild } from './child-process.ts';
import type { Cleanup } from './lifetime.ts';

export interface Planned {
  readonly service: string;
  readonly name: string;
  readonly args: readonly string[];
}

export interface SupervisorEvents {
  /** Called when a process is ready. */
  started(child: Child): void;
  /** Called when a process has ended although nobody stopped it. */
  died(child: Child, ending: Ending): void;
}

export class Supervisor {
  readonly #cleanup: Cleanup;
  readonly #events: SupervisorEvents;
  #isStopping = false;

  constructor(cleanup: Cleanup, events: SupervisorEvents) {
    this.#cleanup = cleanup;
    this.#events = events;
  }

  /** From here on processes are expected to end, so `died` is not called any more. */
  expectEnds(): void {
    this.#isStopping = true;
  }

  /**
   * Starts a group of processes at the same time. They are also stopped together.
   * @throws {Refusal} when one of them does not get ready
   */
  async start(group: readonly Planned[]): Promise<Child[]> {
    const started = group.map(async ({ service, name, args }) => {
      const child = await startChild(service, name, args);
      void child.ended.then((ending) => {
        if (!this.#isStopping) this.#events.died(child, ending);
      });
      return child;
    });
    this.#cleanup.add(group.map(({ name }) => name).join(', '), async () => {
      const children = (await Promise.allSettled(started)).flatMap((child) =>
        child.status === 'fulfilled' ? [child.value] : [],
      );
      await Promise.all(children.map((child) => child.stop()));
    });
    const children = await Promise.all(started);
    for (const child of children) this.#events.started(child);
    return children;
  }
}
