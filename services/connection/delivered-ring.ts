/** The last archive ids that a session was given, against doubles (DESIGN §2). */
import { limits } from '../../lib/limits.ts';
import { firstIdAt } from '../../lib/runtime/ids.ts';

export class DeliveredRing {
  /** In order of insertion. Most sessions are idle and have none: a set of its own costs a fifth of a kilobyte. */
  #ids: Set<string> | undefined;

  constructor(ids: readonly string[] = []) {
    for (const id of ids) this.add(id);
  }

  get ids(): readonly string[] {
    return this.#ids === undefined ? [] : [...this.#ids];
  }

  /**
   * An id with which reading begins that is to find whatever came since `nowMs` and a little before, because an entry with a smaller id
   * may commit later. A ring that is full may have forgotten ids of that time; what it forgot was given.
   */
  startAt(nowMs: number): string {
    const overlap = firstIdAt(nowMs - limits.catchUpOverlapMs).padEnd(18, '0');
    if (this.#ids === undefined || this.#ids.size < limits.deliveredRingMax) return overlap;
    const oldest = [...this.#ids].sort()[0]!;
    return oldest > overlap ? oldest : overlap;
  }

  has(id: string): boolean {
    return this.#ids?.has(id) ?? false;
  }

  add(id: string): void {
    this.#ids ??= new Set();
    this.#ids.add(id);
    if (this.#ids.size <= limits.deliveredRingMax) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  /** It was never sent after all. */
  remove(id: string): void {
    this.#ids?.delete(id);
  }
}
