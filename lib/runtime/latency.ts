/** How long something takes, as a histogram: an increment each time, and the share that people ask for when they ask. */
import type { Clock } from '../ports/clock.ts';

/** Each bucket ends a fifth above the one before, from 1 ms to beyond a minute. */
const perDoubling = 4;
const doublings = 16;
const buckets = doublings * perDoubling + 1;

/** All that was measured since the process began. */
export interface LatencyTotals {
  readonly count: number;
  readonly sumMs: number;
  /** How many took at most so long, ms; each includes the ones before it. */
  readonly upTo: readonly { readonly ms: number; readonly count: number }[];
}

export class Durations {
  readonly #counts = new Float64Array(buckets);
  /** The counts at the last call of {@link take}. */
  #taken = new Float64Array(buckets);
  #sumMs = 0;

  add(ms: number): void {
    this.#counts[ms <= 1 ? 0 : Math.min(buckets - 1, Math.ceil(Math.log2(ms) * perDoubling))]!++;
    this.#sumMs += ms;
  }

  /**
   * That share of them took at most so long, milliseconds, of those since the last call, and up to a fifth more than it was; undefined:
   * there was none.
   */
  take(share: number): number | undefined {
    const grown = this.#counts.map((count, bucket) => count - this.#taken[bucket]!);
    const count = grown.reduce((sum, one) => sum + one, 0);
    if (count === 0) return undefined;
    this.#taken = this.#counts.slice();
    let seen = 0;
    let bucket = 0;
    while (bucket < buckets - 1 && seen + grown[bucket]! < Math.ceil(count * share)) seen += grown[bucket++]!;
    return 2 ** (bucket / perDoubling);
  }

  get totals(): LatencyTotals {
    const upTo: { ms: number; count: number }[] = [];
    let count = 0;
    for (let bucket = 0; bucket < buckets; bucket++) {
      count += this.#counts[bucket]!;
      // The last bucket has no end.
      if (bucket % perDoubling === 0 && bucket < buckets - 1) upTo.push({ ms: 2 ** (bucket / perDoubling), count });
    }
    return { count, sumMs: this.#sumMs, upTo };
  }
}

/** The same for whoever begins and ends something. */
export class Latency extends Durations {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  begin(): number {
    return this.#clock.monotonic();
  }

  end(begunMs: number): void {
    this.add(this.#clock.monotonic() - begunMs);
  }
}
