/** The ids of the archive entries that a session was given last, so that it gets none of them twice. */
import { firstIdAt, timeOfId } from '../../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { connectionLimits } from '../limits.ts';

export class DeliveredRing {
  /** In the order in which they were added. Undefined for most sessions, which are idle. */
  #ids: Set<string> | undefined;
  /** The greatest id that was ever added. Ids come nearly in order, so most are known to be new without a search. */
  #greatest = '';
  readonly #keepsRecent: boolean;

  /**
   * @param keepsRecent whether more ids than `deliveredRingMax` are kept for a while. They are archive ids then. When a node or its bus has
   *   stood still, the archive is read again from the first delivery that nobody confirmed on, and much may have been given since.
   */
  constructor(ids: readonly string[] = [], keepsRecent = false) {
    this.#keepsRecent = keepsRecent;
    for (const id of ids) this.add(id);
  }

  /** The last `deliveredRingMax` of them, which others are told. */
  get ids(): readonly string[] {
    return [...(this.#ids ?? [])].slice(-serviceLimits.deliveredRingMax);
  }

  /**
   * An id at which reading must begin to find everything that came since `nowMs`. It is a little earlier, because an entry with a
   * smaller id may be committed later. A full ring may have forgotten ids of that time; these entries were given.
   */
  startAt(nowMs: number): string {
    const overlap = firstIdAt(nowMs - runtimeLimits.catchUpOverlapMs).padEnd(18, '0');
    const { ids } = this;
    if (ids.length < serviceLimits.deliveredRingMax) return overlap;
    const oldest = [...ids].sort()[0]!;
    return oldest > overlap ? oldest : overlap;
  }

  has(id: string): boolean {
    return id <= this.#greatest && (this.#ids?.has(id) ?? false);
  }

  /** @returns false when it has the id already */
  add(id: string): boolean {
    if (this.has(id)) return false;
    if (id > this.#greatest) this.#greatest = id;
    this.#ids ??= new Set();
    this.#ids.add(id);
    if (this.#ids.size > serviceLimits.deliveredRingMax) this.#forgetOldest(this.#ids);
    return true;
  }

  #forgetOldest(ids: Set<string>): void {
    for (const oldest of ids) {
      if (ids.size <= serviceLimits.deliveredRingMax || (ids.size <= connectionLimits.recentIdsMax && this.#isRecent(oldest)))
        return;
      ids.delete(oldest);
    }
  }

  #isRecent(id: string): boolean {
    return this.#keepsRecent && timeOfId(this.#greatest) - timeOfId(id) < connectionLimits.recentIdsMs;
  }

  /** The entry was not sent after all. */
  remove(id: string): void {
    this.#ids?.delete(id);
  }
}
