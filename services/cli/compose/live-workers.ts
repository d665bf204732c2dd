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
