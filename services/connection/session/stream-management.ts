/**
 * What XEP-0198 counts for one session in both directions: when the client is told how many of its stanzas were handled, and when
 * it is asked how many of ours it has received. The negotiation and the elements are in the stream feature of the same name.
 *
 * `<a h/>` to the client covers only stanzas that a router has answered, because until then a stanza exists only here. A stanza
 * that was refused because no router could be reached is covered when a later one succeeds.
 */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { connectionLimits } from '../limits.ts';
import { type Entry, Outbox } from './outbox.ts';

export const NS_SM = 'urn:xmpp:sm:3';
const request = `<r xmlns='${NS_SM}'/>`;

/** What another node needs when it takes over the session. */
export interface Counters {
  readonly inbound: number;
  readonly acked: number;
  readonly unacked: readonly Entry[];
  readonly pending: readonly Entry[];
}

export interface StreamManagementOptions {
  readonly clock: Clock;
  readonly token: string;
  /** How long the client wants the session to be kept after the stream was lost, ms; 0 when it did not ask for resumption. */
  readonly askedMs: number;
  readonly hasPush: boolean;
  readonly pushResumeMs: number;
  /** Writes an element that is not counted. */
  readonly write: (text: string) => void;
  /** The client has not answered for a while. It is called once, until the client acknowledges something. */
  readonly silent: () => void;
  readonly counters?: Counters;
}

export class StreamManagement {
  readonly token: string;
  readonly outbox: Outbox;
  /** True when the client can be woken (XEP-0357). Its session is kept for longer. */
  hasPush: boolean;
  /** {@link SessionTerms.pushResumeMs} */
  pushResumeMs: number;
  readonly #askedMs: number;
  readonly #silent: () => void;
  readonly #clock: Clock;
  readonly #write: (text: string) => void;
  /** Counters of the client's stanzas: read; answered by a router; answered or refused. */
  #received: number;
  #handled: number;
  #settled: number;
  /** The oldest and the newest number that an `<r/>` waits for. At most one timer serves all of them. */
  #asked: number | undefined;
  #askedLast = 0;
  #askedTimer: Timer | undefined;
  #sinceRequest = 0;
  #requestTimer: Timer | undefined;
  /** Since when the client owes an answer to `<r/>`, monotonic ms. */
  #owesSinceMs: number | undefined;
  isSilent = false;

  constructor(options: StreamManagementOptions) {
    this.token = options.token;
    this.#askedMs = options.askedMs;
    this.hasPush = options.hasPush;
    this.pushResumeMs = options.pushResumeMs;
    this.#silent = options.silent;
    this.#clock = options.clock;
    this.#write = options.write;
    const { inbound = 0, acked = 0, unacked = [], pending = [] } = options.counters ?? {};
    this.#received = inbound;
    this.#handled = inbound;
    this.#settled = inbound;
    this.outbox = new Outbox(acked, unacked);
    for (const entry of pending) this.outbox.add(entry);
  }

  /** How long the session is kept after the stream was lost, ms; 0 without resumption. */
  get resumeMs(): number {
    return Math.min(this.#askedMs, this.hasPush ? this.pushResumeMs : serviceLimits.resumeTimeoutMs);
  }

  /** What the next node takes as asked for: it need not be infinite. */
  get longestResumeMs(): number {
    return Math.min(this.#askedMs, runtimeLimits.pushResumeHoursMax * 60 * 60 * 1_000);
  }

  /** As the client is told: modulo 2^32. */
  get h(): number {
    return this.#handled >>> 0;
  }

  get counters(): Counters {
    const { acked, unacked, pending } = this.outbox;
    return { inbound: this.#handled, acked, unacked, pending };
  }

  /** @returns the number of the stanza that was read */
  count(): number {
    return ++this.#received;
  }

  /** A batch is done. @param number of its last stanza; 0 when it came before `<enable/>` */
  settle(number: number, isHandled: boolean): void {
    this.#settled = Math.max(this.#settled, number);
    if (isHandled) this.#handled = Math.max(this.#handled, number);
    if (this.#asked !== undefined && this.#settled >= this.#asked) this.#answer();
    // A client that asks faster than routers answer still hears of each step.
    if (this.#askedLast > this.#settled) this.#await(this.#askedLast);
  }

  /** Stanzas that were read and not answered will come again. */
  forgetUnanswered(): void {
    this.#received = this.#handled;
    this.#settled = this.#handled;
  }

  /** Handles `<r/>`. It is answered when every stanza before it is, or after a while with what is. */
  onRequest(): void {
    this.#askedLast = this.#received;
    if (this.#settled >= this.#received) this.#answer();
    else this.#await(this.#received);
  }

  /** Handles `<a h='…'/>`. @returns the archive ids that the client has now. @throws {StreamError} */
  onAck(h: string | undefined): string[] {
    const count = this.outbox.countAcked(readCount(h));
    if (count === undefined) throw handledCountTooHigh(h, this.outbox);
    const ids = this.outbox.ack(count);
    this.#owesSinceMs = undefined;
    this.isSilent = false;
    if (this.outbox.size === 0) this.#stopRequests();
    return ids;
  }

  /** A stanza was written. */
  onSent(): void {
    this.outbox.markSent();
    if (++this.#sinceRequest >= connectionLimits.ackRequestStanzas) this.requestAck();
    else this.#requestTimer ??= this.#clock.after(connectionLimits.ackRequestMs, () => this.requestAck());
  }

  requestAck(): void {
    this.#sinceRequest = 0;
    this.#requestTimer?.cancel();
    this.#requestTimer = this.#clock.after(connectionLimits.ackRequestMs, () => this.requestAck());
    this.#write(request);
    if (this.hasPush) this.#owe();
  }

  #owe(): void {
    const now = this.#clock.monotonic();
    this.#owesSinceMs ??= now;
    if (this.isSilent || now - this.#owesSinceMs < connectionLimits.silenceMs) return;
    this.isSilent = true;
    this.#silent();
  }

  /** The stream is gone. */
  stop(): void {
    this.#owesSinceMs = undefined;
    this.isSilent = false;
    this.#stopRequests();
    this.#askedTimer?.cancel();
    this.#askedTimer = undefined;
    this.#asked = undefined;
    this.#askedLast = 0;
  }

  #await(number: number): void {
    this.#asked ??= number;
    this.#askedTimer ??= this.#clock.after(connectionLimits.batchTimeoutMs, () => {
      this.#askedLast = 0;
      this.#answer();
    });
  }

  #stopRequests(): void {
    this.#requestTimer?.cancel();
    this.#requestTimer = undefined;
    this.#sinceRequest = 0;
  }

  #answer(): void {
    this.#askedTimer?.cancel();
    this.#askedTimer = undefined;
    this.#asked = undefined;
    this.#write(`<a xmlns='${NS_SM}' h='${this.h}'/>`);
  }
}

/** An xs:unsignedInt. @throws {StreamError} bad-format */
export function readCount(h: string | undefined): number {
  const value = /^\s*\+?0*([0-9]{1,10})\s*$/.exec(h ?? '')?.[1];
  if (value === undefined || Number(value) >= 2 ** 32) throw new StreamError('bad-format', '"h" must be a number below 2^32');
  return Number(value);
}

/** §6. */
export function handledCountTooHigh(h: string | undefined, { acked, unackedCount }: Outbox): StreamError {
  const counts = { xmlns: NS_SM, h, 'send-count': (acked + unackedCount) >>> 0 };
  return new StreamError('undefined-condition', undefined, { extra: xml('handled-count-too-high', counts) });
}
