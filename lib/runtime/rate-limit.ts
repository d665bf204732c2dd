/**
 * Token buckets: how often something may happen in the long run, and how much of it at once after a quiet time.
 *
 * Time is monotonic, so that a clock that steps gives nobody a burst. A limit by key remembers a bounded number of keys. When there are
 * more, it forgets the fullest of those that were not used for longest: whoever sprays keys leaves nearly full buckets behind, and they
 * make room before a bucket that somebody has emptied does. A key that was forgotten begins with a full bucket, so nobody is refused for
 * what others did.
 */
import type { Clock } from '../ports/clock.ts';
import { runtimeLimits } from './limits.ts';

export interface Rate {
  readonly perSecond: number;
  /** Also what a bucket holds at first. */
  readonly burst: number;
}

export class TokenBucket {
  readonly #clock: Clock;
  #rate: Rate;
  #tokens: number;
  #filledMs: number;

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledMs = clock.monotonic();
  }

  /** Below zero while it is in debt, see {@link spend}. */
  get tokens(): number {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((now - this.#filledMs) * this.#rate.perSecond) / 1_000);
    this.#filledMs = now;
    return this.#tokens;
  }

  /** From now on. What there is beyond the new burst is lost, and a debt stays. */
  setRate(rate: Rate): void {
    this.#tokens = Math.min(this.tokens, rate.burst);
    this.#rate = rate;
  }

  get isFull(): boolean {
    return this.tokens === this.#rate.burst;
  }

  /** @returns whether there were enough; else none is taken */
  take(count = 1): boolean {
    if (this.tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes tokens for something that has happened already: the bucket may go into debt. */
  spend(count: number): void {
    this.#tokens = this.tokens - count;
  }

  /** How long until there are as many tokens, ms. */
  waitMs(count = 1): number {
    return Math.max(0, ((count - this.tokens) * 1_000) / this.#rate.perSecond);
  }
}

/** One bucket for each key. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #keysMax: number;
  /** The one used last stands last. */
  readonly #byKey = new Map<string, TokenBucket>();

  constructor(clock: Clock, rate: Rate, keysMax: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#byKey.size;
  }

  take(key: string, count = 1): boolean {
    return this.bucket(key).take(count);
  }

  /** As {@link TokenBucket.waitMs}; a key that is not remembered is not remembered for the question either. */
  waitMs(key: string, count = 1): number {
    return (this.#byKey.get(key) ?? new TokenBucket(this.#clock, this.#rate)).waitMs(count);
  }

  /** Whoever keeps it goes on with it when the key is forgotten. */
  bucket(key: string): TokenBucket {
    const bucket = this.#byKey.get(key) ?? new TokenBucket(this.#clock, this.#rate);
    this.#byKey.delete(key);
    if (this.#byKey.size >= this.#keysMax) this.#forgetOne();
    this.#byKey.set(key, bucket);
    return bucket;
  }

  #forgetOne(): void {
    let fullest: string | undefined;
    let most = Number.NEGATIVE_INFINITY;
    let compared = 0;
    for (const [key, bucket] of this.#byKey) {
      const { tokens } = bucket;
      if (tokens > most) [fullest, most] = [key, tokens];
      if (bucket.isFull || ++compared === runtimeLimits.rateKeysComparedMax) break;
    }
    if (fullest !== undefined) this.#byKey.delete(fullest);
  }
}
