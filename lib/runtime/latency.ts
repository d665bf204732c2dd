/** How long something takes, as a histogram: an increment each time, and the share that people ask for when they ask. */
import type { Clock } from '../ports/clock.ts';

/** Each bucket ends a fifth above the one before, from 1 ms to beyond a minute. */
const perDoubling = 4;
const buckets = 16 * perDoubling + 1;

export class Latency {
  readonly #clock: Clock;
  #counts = new Uint32Array(buckets);
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(): number {
    return this.#clock.monotonic();
  }

  end(begunMs: number): void {
    const ms = this.#clock.monotonic() - begunMs;
    this.#counts[ms <= 1 ? 0 : Math.min(buckets - 1, Math.ceil(Math.log2(ms) * perDoubling))]!++;
    this.#count++;
  }

  /**
   * That share of them took at most so long, milliseconds, of those since the last call, and up to a fifth more than it was; undefined:
   * there was none.
   */
  take(share: number): number | undefined {
    if (this.#count === 0) return undefined;
    const wanted = Math.ceil(this.#count * share);
    let seen = 0;
    let bucket = 0;
    while (bucket < buckets - 1 && seen + this.#counts[bucket]! < wanted) seen += this.#counts[bucket++]!;
    this.#counts = new Uint32Array(buckets);
    this.#count = 0;
    return 2 ** (bucket / perDoubling);
  }
}
