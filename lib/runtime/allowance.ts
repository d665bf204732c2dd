/**
 * Bounds what one account, or one other server, may send over time, in all its streams to a process: stanzas and bytes per second, with a
 * burst that people do not reach. Whoever sends more is not refused but read later, so that TCP slows it down.
 */
import type { Clock, Timer } from '../ports/clock.ts';
import { type Rate, RateLimit, type TokenBucket } from './rate-limit.ts';

export interface SendingRates {
  readonly stanzas: Rate;
  readonly bytes: Rate;
}

export class Allowances {
  readonly #clock: Clock;
  readonly #stanzas: RateLimit;
  readonly #bytes: RateLimit;

  /** @param sendersMax whose rates are remembered while they have no stream */
  constructor(clock: Clock, rates: SendingRates, sendersMax: number) {
    this.#clock = clock;
    this.#stanzas = new RateLimit(clock, rates.stanzas, sendersMax);
    this.#bytes = new RateLimit(clock, rates.bytes, sendersMax);
  }

  /** Makes the allowance of one more stream of the sender. */
  of(sender: string): Allowance {
    return new Allowance(this.#clock, this.#stanzas.bucket(sender), this.#bytes.bucket(sender));
  }
}

export class Allowance {
  readonly #clock: Clock;
  readonly #buckets: readonly [stanzas: TokenBucket, bytes: TokenBucket];
  #timer: Timer | undefined;

  constructor(clock: Clock, stanzas: TokenBucket, bytes: TokenBucket) {
    this.#clock = clock;
    this.#buckets = [stanzas, bytes];
  }

  /** From now on, for all streams of the sender. */
  setRates({ stanzas, bytes }: SendingRates): void {
    this.#buckets[0].setRate(stanzas);
    this.#buckets[1].setRate(bytes);
  }

  /** Everything that was read counts, so the sender may go into debt. @returns the new `waitMs` */
  spend(bytes: number): number {
    this.#buckets[0].spend(1);
    this.#buckets[1].spend(bytes);
    return Math.max(this.#buckets[0].waitMs(0), this.#buckets[1].waitMs(0));
  }

  /** How long nothing more may be read, ms. */
  get waitMs(): number {
    return Math.max(this.#buckets[0].waitMs(0), this.#buckets[1].waitMs(0));
  }

  /** Calls `go` once when reading may go on. Another call replaces this one. */
  wait(go: () => void): void {
    this.#timer ??= this.#clock.after(this.waitMs, () => {
      this.#timer = undefined;
      go();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
