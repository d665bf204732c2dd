/**
 * Bounds how many other servers one sender, and all of a tenant, make us connect to: a pair of domains that nobody has used of late costs a
 * token. What was used stays known, so whoever writes to many people at few servers pays once for each server.
 */
import type { Clock } from '../ports/clock.ts';
import { runtimeLimits } from './limits.ts';
import { RateLimit } from './rate-limit.ts';
import { RecentKeys } from './recent-keys.ts';

interface Pair {
  readonly host: string;
  readonly peer: string;
}

export class NewPairs {
  readonly #bySender: RateLimit;
  readonly #byTenant: RateLimit;
  readonly #known = new RecentKeys(runtimeLimits.knownPairsMax);
  /** The one that was used last: stanzas of a batch have one pair. */
  #last: Pair | undefined;

  constructor(clock: Clock) {
    const { newPairsPerSecond, newPairsBurst, newPairsOfTenantPerSecond, newPairsOfTenantBurst, newPairKeysMax } = runtimeLimits;
    this.#bySender = new RateLimit(clock, { perSecond: newPairsPerSecond, burst: newPairsBurst }, newPairKeysMax);
    const ofTenant = { perSecond: newPairsOfTenantPerSecond, burst: newPairsOfTenantBurst };
    this.#byTenant = new RateLimit(clock, ofTenant, newPairKeysMax);
  }

  /** The peer has come to us, or was reached. */
  know({ host, peer }: Pair): void {
    if (this.#isLast(host, peer)) return;
    this.#known.add(`${host} ${peer}`);
    this.#last = { host, peer };
  }

  #isLast(host: string, peer: string): boolean {
    return this.#last !== undefined && this.#last.host === host && this.#last.peer === peer;
  }

  /** @param sender a bare address of ours. @returns false when it has used too many servers of late that nobody else did */
  mayUse(sender: string, tenant: string, { host, peer }: Pair): boolean {
    const isKnown = this.#isLast(host, peer) || this.#known.has(`${host} ${peer}`);
    const mayUse = isKnown || (this.#bySender.take(sender) && this.#byTenant.take(tenant));
    if (mayUse) this.know({ host, peer });
    return mayUse;
  }
}
