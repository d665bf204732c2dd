/** The ids of the archive entries that a session was given last, so that it gets none of them twice. */
import { firstIdAt } from '../../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';

export class DeliveredRing {
  /** Undefined for most sessions, which are idle. In the order of insertion until it is full; then the oldest is at `#oldest`. */
  #ids: string[] | undefined;
  #oldest = 0;
  /** The greatest id that was ever added. Ids come nearly in order, so most are known to be new without a search. */
  #greatest = '';

  constructor(ids: readonly string[] = []) {
    for (const id of ids) this.add(id);
  }

  get ids(): readonly string[] {
    if (this.#ids === undefined) return [];
    return [...this.#ids.slice(this.#oldest), ...this.#ids.slice(0, this.#oldest)];
  }

  /**
   * An id at which reading must begin to find everything that came since `nowMs`. It is a little earlier, because an entry with a
   * smaller id may be committed later. A full ring may have forgotten ids of that time; these entries were given.
   */
  startAt(nowMs: number): string {
    const overlap = firstIdAt(nowMs - runtimeLimits.catchUpOverlapMs).padEnd(18, '0');
    if (this.#ids === undefined || this.#ids.length < serviceLimits.deliveredRingMax) return overlap;
    const oldest = [...this.#ids].sort()[0]!;
    return oldest > overlap ? oldest : overlap;
  }

  has(id: string): boolean {
    return id <= this.#greatest && (this.#ids?.includes(id) ?? false);
  }

  /** @returns false when it has the id already */
  add(id: string): boolean {
    if (this.has(id)) return false;
    if (id > this.#greatest) this.#greatest = id;
    this.#ids ??= [];
    if (this.#ids.length < serviceLimits.deliveredRingMax) {
      this.#ids.push(id);
    } else {
      this.#ids[this.#oldest] = id;
      this.#oldest = (this.#oldest + 1) % serviceLimits.deliveredRingMax;
    }
    return true;
  }

  /** The entry was not sent after all. */
  remove(id: string): void {
    if (!this.has(id)) return;
    this.#ids = this.ids.filter((other) => other !== id);
    this.#oldest = 0;
  }
}
