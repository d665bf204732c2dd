/**
 * Stanzas of one stream of another server, or of a component, on their way to routers: one batch of one pair of domains at a time, sent
 * again with the same ids until a router has taken it. What is counted here is durable.
 */
import type { Logger } from 'pino';
import type { Bus } from '../ports/bus.ts';
import { sleep } from '../ports/clock.ts';
import type { DeploymentClock } from '../runtime/deployment-clock.ts';
import { ask, checkDone, isOperating, report } from '../runtime/faults.ts';
import { encodeFrame } from '../runtime/frame.ts';
import type { IdMint } from '../runtime/ids.ts';
import { serviceLimits } from '../runtime/service-limits.ts';
import { type InboundRequest, inboundAnswer, routerSubject } from '../runtime/wire.ts';
import { s2sLimits } from './limits.ts';

interface Dependencies {
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly ids: IdMint;
  readonly log: Logger;
}

export interface ArrivalEvents {
  /** Some were taken. */
  handled(): void;
  /** No router takes them. */
  failed(): void;
  /** The policy of the tenant does not allow the peer any more. */
  forbidden(host: string, peer: string): void;
}

/** Ours, and the peer's. */
export interface Domains {
  readonly host: string;
  readonly peer: string;
}

/** How a peer has proved that it is a domain, towards one of ours. */
export interface Proven {
  /** Whose domain that of ours is. */
  readonly tenant: string;
  /** By its certificate; else by dialback. */
  readonly isCertified: boolean;
}

/** Between which domains stanzas are, and how that was proved. */
export interface ArrivalPair extends Domains, Proven {}

interface Arrival {
  readonly pair: ArrivalPair;
  readonly id: string;
  readonly body: Buffer;
}

type Outcome = 'taken' | 'not taken' | 'forbidden';

export class Arrivals {
  /** Stanzas that came, and those of them that routers have taken, from the first on. */
  received = 0;
  handled = 0;
  readonly #dependencies: Dependencies;
  readonly #events: ArrivalEvents;
  readonly #isFromComponent: true | undefined;
  readonly #waiting: (Arrival | undefined)[] = [];
  #bytes = 0;
  #isRunning = false;
  #isStopped = false;

  constructor(dependencies: Dependencies, events: ArrivalEvents, source: 'peer' | 'component' = 'peer') {
    this.#dependencies = dependencies;
    this.#isFromComponent = source === 'component' ? true : undefined;
    this.#events = events;
  }

  get isFull(): boolean {
    return this.#waiting.length >= s2sLimits.arrivingStanzasMax || this.#bytes >= s2sLimits.arrivingBytesMax;
  }

  get isIdle(): boolean {
    return this.handled === this.received;
  }

  push(pair: ArrivalPair, body: Buffer): void {
    this.received++;
    this.#bytes += body.length;
    this.#waiting.push({ pair, id: this.#dependencies.ids.mint(), body });
    this.#start();
  }

  /** A stanza that is for nobody behind this node: it only counts. */
  skip(): void {
    this.received++;
    this.#waiting.push(undefined);
    this.#start();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #start(): void {
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // What comes in one turn of the event loop goes together.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 && !this.#isStopped) {
      const batch = this.#next();
      const arrivals = batch.filter((arrival) => arrival !== undefined);
      const outcome = arrivals.length > 0 ? await this.#send(arrivals) : 'taken';
      if (outcome !== 'taken') {
        this.#isRunning = false;
        const { host, peer } = arrivals[0]!.pair;
        if (outcome === 'forbidden') this.#events.forbidden(host, peer);
        else this.#events.failed();
        return;
      }
      this.#waiting.splice(0, batch.length);
      for (const { body } of arrivals) this.#bytes -= body.length;
      this.handled += batch.length;
      this.#events.handled();
    }
    this.#isRunning = false;
  }

  /** Those of the first pair in front. */
  #next(): (Arrival | undefined)[] {
    const batch: (Arrival | undefined)[] = [];
    let pair: ArrivalPair | undefined;
    let bytes = 0;
    for (const arrival of this.#waiting) {
      pair ??= arrival?.pair;
      bytes += arrival?.body.length ?? 0;
      const isOver = batch.length >= serviceLimits.batchStanzasMax || bytes > serviceLimits.batchBytesMax;
      if (batch.length > 0 && (isOver || (arrival !== undefined && !isSame(arrival.pair, pair!)))) break;
      batch.push(arrival);
    }
    return batch;
  }

  async #send(arrivals: readonly Arrival[]): Promise<Outcome> {
    const { bus, clock, log } = this.#dependencies;
    const untilMs = clock.monotonic() + s2sLimits.arrivalPatienceMs;
    const ids = arrivals.map(({ id }) => id);
    const bodies = arrivals.map(({ body }) => body);
    for (let tries = 1; ; tries++) {
      const at = clock.now();
      const begun = clock.monotonic();
      const deadline = at + s2sLimits.arrivalTimeoutMs;
      const { tenant: domain, isCertified } = arrivals[0]!.pair;
      const request: InboundRequest = {
        kind: 'inbound',
        ...{ domain, ids, deadline, at },
        isFromPeer: true,
        isFromComponent: this.#isFromComponent,
        isCertified: isCertified || undefined,
      };
      try {
        const payload = encodeFrame(request, bodies);
        const answer = await ask(bus, inboundAnswer, routerSubject, payload, s2sLimits.arrivalTimeoutMs);
        clock.observe(answer.take('at'));
        checkDone(answer, routerSubject);
        return answer.take('isForbidden') ? 'forbidden' : 'taken';
      } catch (error) {
        if (!isOperating(error)) {
          report(log, error, 'stanzas of another server could not be handled');
          return 'taken'; // it would fail again
        }
        log.debug({ err: error }, 'stanzas of another server were not accepted');
      }
      if (this.#isStopped || clock.monotonic() > untilMs) return 'not taken';
      // A router that stood still has to find that its time is over before another one begins.
      const restMs = clock.monotonic() - begun > s2sLimits.arrivalTimeoutMs / 2 ? s2sLimits.arrivalTimeoutMs : 0;
      const pauseMs = Math.min(serviceLimits.batchBackoffMs * 2 ** (tries - 1), s2sLimits.arrivalBackoffMaxMs);
      await sleep(clock, Math.max(pauseMs, restMs - (clock.monotonic() - begun)));
      // Whoever has broken the stream meanwhile sends them again on another one: later than those they would be out of order.
      if (this.#isStopped) return 'not taken';
    }
  }
}

function isSame(one: ArrivalPair, other: ArrivalPair): boolean {
  return one.host === other.host && one.peer === other.peer && one.isCertified === other.isCertified;
}
