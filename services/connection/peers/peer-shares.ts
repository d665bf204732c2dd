/**
 * What other servers may do to a node. What nobody has proved counts for the network that it comes from, because a claim may be anybody's:
 * streams that are opened, and keys of dialback that we have to ask for. What is proved counts for the domain: whoever sends more than its
 * share is read later, so that TCP slows it down, and others are not.
 */

import type { Clock } from '../../../lib/ports/clock.ts';
import type { Allowances } from '../../../lib/runtime/allowance.ts';
import { isOwnMachine, networkOf } from '../../../lib/runtime/networks.ts';
import { RateLimit } from '../../../lib/runtime/rate-limit.ts';
import { peerAllowances, StreamPace } from '../../../lib/s2s/stream-pace.ts';
import { connectionLimits } from '../limits.ts';

export class PeerShares {
  readonly #openings: RateLimit;
  readonly #askings: RateLimit;
  readonly #askingsOfDomain: RateLimit;
  readonly #allowances: Allowances;

  constructor(clock: Clock) {
    const limits = connectionLimits;
    const openings = { perSecond: limits.peerOpeningsPerSecond, burst: limits.peerOpeningsBurst };
    this.#openings = new RateLimit(clock, openings, limits.peerSharesMax);
    const askings = { perSecond: limits.peerKeysPerSecond, burst: limits.peerKeysBurst };
    this.#askings = new RateLimit(clock, askings, limits.peerSharesMax);
    const ofDomain = { perSecond: limits.peerKeysOfDomainPerSecond, burst: limits.peerKeysOfDomainBurst };
    this.#askingsOfDomain = new RateLimit(clock, ofDomain, limits.peerSharesMax);
    this.#allowances = peerAllowances(clock);
  }

  /** A header more. @param address of the socket's other end */
  mayOpen(address: string): boolean {
    const network = networkOf(address);
    return isOwnMachine(network) || this.#openings.take(network);
  }

  /** A key more that we would have to ask the server of the domain for. */
  mayAsk(address: string, domain: string): boolean {
    const network = networkOf(address);
    return (isOwnMachine(network) || this.#askings.take(network)) && this.#askingsOfDomain.take(domain);
  }

  /** The pace of one more stream. @param go reading may go on */
  pace(go: () => void): StreamPace {
    return new StreamPace(this.#allowances, go);
  }
}
