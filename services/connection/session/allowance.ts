/**
 * Bounds what one account may send over time, in all its sessions at a node: stanzas and bytes per second, with a burst that
 * people do not reach. A client that sends more is not refused but read later, so that TCP slows it down.
 */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { type Rate, RateLimit, type TokenBucket } from '../../../lib/runtime/rate-limit.ts';
import { connectionLimits } from '../limits.ts';

export interface SendingRates {
  readonly stanzas: Rate;
  readonly bytes: Rate;
}

const defaultRates: SendingRates = {
  stanzas: { perSecond: connectionLimits.sentStanzasPerSecond, burst: connectionLimits.sentStanzasBurst },
  bytes: { perSecond: connectionLimits.sentBytesPerSecond, burst: connectionLimits.sentBytesBurst },
};

export class Allowances {
  readonly #clock: Clock;
  readonly #stanzas: RateLimit;
  readonly #bytes: RateLimit;

  constructor(clock: Clock, rates: SendingRates = defaultRates) {
    this.#clock = clock;
    this.#stanzas = new RateLimit(clock, rates.stanzas, connectionLimits.sendingAccountsMax);
    this.#bytes = new RateLimit(clock, rates.bytes, connectionLimits.sendingAccountsMax);
  }

  /** Makes the allowance of one more session of the account. */
  of(account: string): Allowance {
    return new Allowance(this.#clock, this.#stanzas.bucket(account), this.#bytes.bucket(account));
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

  /** Everything that was read counts, so the account may go into debt. @returns the new `waitMs` */
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
