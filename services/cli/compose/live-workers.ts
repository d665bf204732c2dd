/** Keeps the list of live processes of one kind, among which shards are divided. */
import type { LiveNode, NodeKind } from '../../../lib/runtime/nodes.ts';
import type { WorkerRegistry } from '../../../lib/runtime/shard-owner.ts';

/** The subject that announces that a worker came or went, so that the others look at once. A lost announcement costs 3 s. */
export const changedSubject = 'ctl.workers';

export class LiveWorkers implements WorkerRegistry {
  readonly #kind: NodeKind;
  readonly #listeners = new Set<() => void>();
  #live: readonly { readonly name: string; readonly incarnation: string }[] = [];

  constructor(kind: NodeKind) {
    this.#kind = kind;
  }

  live() {
    return this.#live;
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  set(nodes: readonly LiveNode[]): void {
    const workers = nodes.filter(({ kind }) => kind === this.#kind);
    const live = workers
      .map(({ name, subject }) => ({ name, incarnation: subject }))
      .sort((a, b) => (a.incarnation < b.incarnation ? -1 : 1));
    const isSame = live.map(({ incarnation }) => incarnation).join() === this.#live.map(({ incarnation }) => incarnation).join();
    this.#live = live;
    if (!isSame) for (const changed of this.#listeners) changed();
  }
}

/**
 * Does a process live, of which this one may not have heard yet? Whoever is not in the list is looked for once more, in rows that are read
 * after the question. Those who ask meanwhile share the next look.
 * @param look reads the rows, and tells the list
 */
export function livesNow(workers: LiveWorkers, look: () => Promise<void>): (incarnation: string) => Promise<boolean> {
  const isListed = (process: string) => workers.live().some(({ incarnation }) => incarnation === process);
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  const lookAnew = () => {
    next ??= running
      .catch(() => {}) // those who waited for it are told
      .then(() => {
        next = undefined;
        running = look();
        return running;
      });
    return next;
  };
  return async (process) => {
    if (isListed(process)) return true;
    await lookAnew();
    return isListed(process);
  };
}
