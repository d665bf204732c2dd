/** So many per second in the long run, and more at once after a quiet time. */
import type { Clock } from '../../../lib/ports/clock.ts';

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  readonly #clock: Clock;
  readonly #rate: Rate;
  #tokens: number;
  #filledMs: number;

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledMs = clock.monotonic();
  }

  take(count = 1): boolean {
    this.#fill();
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Until as many are there, milliseconds. */
  waitMs(count: number): number {
    this.#fill();
    return Math.max(0, ((count - this.#tokens) * 1_000) / this.#rate.perSecond);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((now - this.#filledMs) * this.#rate.perSecond) / 1_000);
    this.#filledMs = now;
  }
}

/** One bucket for each key, the last used ones: to be forgotten is to be full again. */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #max: number;
  readonly #byKey = new Map<string, TokenBucket>();

  constructor(clock: Clock, rate: Rate, max: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#max = max;
  }

  take(key: string): boolean {
    const bucket = this.#byKey.get(key) ?? new TokenBucket(this.#clock, this.#rate);
    this.#byKey.delete(key);
    this.#byKey.set(key, bucket);
    if (this.#byKey.size > this.#max) for (const oldest of this.#byKey.keys()) if (this.#byKey.delete(oldest)) break;
    return bucket.take();
  }
}
