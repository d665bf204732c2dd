/**
 * Admission in a storm. When all clients come back at once, they are let in at a rate that the node can bear, in three places. A
 * socket costs a TLS handshake: sockets above the rate of the node wait unread, and sockets above the rate of their address are
 * closed. A stream costs its tenant a share of the node. A resumption costs little and goes first; a bind, with everything that
 * follows, costs more and waits.
 */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { isOwnMachine, networkOf } from '../../../lib/runtime/networks.ts';
import { type Rate, RateLimit, TokenBucket } from '../../../lib/runtime/rate-limit.ts';
import { connectionLimits } from '../limits.ts';

export interface DoorRates {
  readonly accepts: Rate;
  readonly acceptsPerAddress: Rate;
  readonly opensPerTenant: Rate;
  readonly ready: Rate;
}

const defaultRates: DoorRates = {
  accepts: { perSecond: connectionLimits.acceptsPerSecond, burst: connectionLimits.acceptsBurst },
  acceptsPerAddress: { perSecond: connectionLimits.acceptsPerAddressPerSecond, burst: connectionLimits.acceptsPerAddressBurst },
  opensPerTenant: { perSecond: connectionLimits.opensPerTenantPerSecond, burst: connectionLimits.opensPerTenantBurst },
  ready: { perSecond: connectionLimits.readyTokensPerSecond, burst: connectionLimits.readyTokensBurst },
};

type Way = 'resume' | 'bind';

const tokens: Readonly<Record<Way, number>> = { resume: connectionLimits.resumeTokens, bind: connectionLimits.bindTokens };

export class Admission {
  readonly #sockets: WaitingLine;
  readonly #addresses: RateLimit;
  readonly #tenants: RateLimit;
  readonly #ready: WaitingLine;
  /** Sockets by network. This machine is not counted. */
  readonly #connected = new Map<string, number>();
  readonly #signedIn = new Map<string, number>();

  constructor(clock: Clock, rates: DoorRates = defaultRates) {
    this.#sockets = new WaitingLine(clock, rates.accepts, connectionLimits.acceptsWaitingMax);
    this.#addresses = new RateLimit(clock, rates.acceptsPerAddress, connectionLimits.acceptAddressesMax);
    this.#tenants = new RateLimit(clock, rates.opensPerTenant, runtimeLimits.tenantCacheMax);
    this.#ready = new WaitingLine(clock, rates.ready, connectionLimits.readyWaitingMax);
  }

  /**
   * @returns true when the socket may go on, perhaps after a wait; false when it must be closed
   * @param onClose registers a callback for the end of the socket, until which it counts for its network
   */
  mayConnect(address: string, onClose?: (gone: () => void) => void): Promise<boolean> | boolean {
    const network = networkOf(address);
    if (!isOwnMachine(network)) {
      const connected = this.#connected.get(network) ?? 0;
      const strangers = connected - (this.#signedIn.get(network) ?? 0);
      if (connected >= connectionLimits.socketsPerNetworkMax || strangers >= connectionLimits.strangersPerNetworkMax)
        return false;
      if (!this.#addresses.take(network)) return false;
      if (onClose !== undefined) {
        count(this.#connected, network, 1);
        onClose(() => count(this.#connected, network, -1));
      }
    }
    return this.#sockets.enter('first', 1);
  }

  /** Counts a client that has signed in, or the end of its stream. */
  signedIn(address: string, change: 1 | -1): void {
    const network = networkOf(address);
    if (!isOwnMachine(network)) count(this.#signedIn, network, change);
  }

  mayOpen(domain: string): boolean {
    return this.#tenants.take(domain);
  }

  /** Resolves to true when it is this client's turn, and to false when too many wait. */
  mayGetReady(way: Way): Promise<boolean> | boolean {
    return this.#ready.enter(way === 'resume' ? 'first' : 'later', tokens[way]);
  }

  stop(): void {
    this.#sockets.stop();
    this.#ready.stop();
  }
}

function count(counts: Map<string, number>, network: string, change: 1 | -1): void {
  const now = (counts.get(network) ?? 0) + change;
  if (now > 0) counts.set(network, now);
  else counts.delete(network);
}

interface Waiting {
  readonly cost: number;
  readonly go: (mayGo: boolean) => void;
}

/** A token bucket and those who wait for it. Whoever waits `first` goes before everybody who waits `later`. */
class WaitingLine {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #max: number;
  readonly #lines: Readonly<Record<'first' | 'later', Waiting[]>> = { first: [], later: [] };
  #timer: Timer | undefined;

  constructor(clock: Clock, rate: Rate, max: number) {
    this.#clock = clock;
    this.#bucket = new TokenBucket(clock, rate);
    this.#max = max;
  }

  get #count(): number {
    return this.#lines.first.length + this.#lines.later.length;
  }

  enter(line: 'first' | 'later', cost: number): Promise<boolean> | boolean {
    if (this.#count === 0 && this.#bucket.take(cost)) return true;
    if (this.#count >= this.#max) return false;
    return new Promise((go) => {
      this.#lines[line].push({ cost, go });
      this.#schedule();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined; // a node that drains may take streams again
    for (const { go } of [...this.#lines.first.splice(0), ...this.#lines.later.splice(0)]) go(false);
  }

  #schedule(): void {
    const next = this.#lines.first[0] ?? this.#lines.later[0];
    if (next === undefined) return;
    // The pause has a minimum, so that many are let in together when the rate is high.
    this.#timer ??= this.#clock.after(Math.max(connectionLimits.admissionPauseMs, this.#bucket.waitMs(next.cost)), () => {
      this.#timer = undefined;
      this.#serve();
      this.#schedule();
    });
  }

  #serve(): void {
    for (const line of [this.#lines.first, this.#lines.later]) {
      let count = 0;
      while (count < line.length && this.#bucket.take(line[count]!.cost)) count++;
      for (const { go } of line.splice(0, count)) go(true);
      if (line.length > 0) return;
    }
  }
}
