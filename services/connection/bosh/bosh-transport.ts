/**
 * BOSH (XEP-0124) as a transport: what the stream sends waits until a request of the client is there to answer.
 *
 * Requests are handled in the order of their `rid`, and answered in that order. The last answers are kept, because a client whose connection
 * broke asks again. A stanza counts as read by the client when the answer that had it can no longer be asked for.
 */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { TokenBucket } from '../../../lib/runtime/rate-limit.ts';
import { bytesOf } from '../../../lib/runtime/traffic.ts';
import type { StreamError } from '../../../lib/xmpp/errors.ts';
import { type BoshExchange, shownBy } from '../door/bosh.ts';
import { connectionLimits } from '../limits.ts';
import type { Cork, Flushable } from '../stream/cork.ts';
import type { Transport, TransportReader } from '../stream/transport.ts';
import { bodyOf, creation, refuse, type Terminal, terminal, terminalOf } from './answers.ts';
import type { BindingCondition, BoshBody } from './body.ts';
import { type Agreed, agree } from './terms.ts';

interface Request {
  readonly body: BoshBody;
  exchange: BoshExchange;
}

/** A request that has been handled and not answered. */
interface Held extends Request {
  readonly timer: Timer | undefined;
}

interface Answered {
  readonly bytes: Buffer;
  readonly status: number;
  readonly atMs: number;
  /** Entries of the archive that it had. */
  readonly ids: readonly string[];
}

interface Waiting {
  readonly bytes: Buffer;
  readonly id: string | undefined;
}

interface BoshTransportOptions {
  readonly clock: Clock;
  readonly cork: Cork;
  readonly sid: string;
  readonly address: string;
  readonly isSecure: boolean;
  /** {@link BoshExchange.chain} */
  readonly chain: readonly Buffer[];
  /** The request for the session. */
  readonly first: BoshBody;
}

export class BoshTransport implements Transport, Flushable {
  readonly kind = 'bosh';
  readonly carriage = 'bosh';
  bytes = bytesOf('client', 'bosh');
  readonly sid: string;
  readonly address: string;
  readonly isSecure: boolean;
  /** A session has several connections, so there is none to bind to. */
  readonly binding = {};
  readonly offeredBinding = {};
  readonly tlsVersion = undefined;
  readonly #shown: string;
  #chain: readonly Buffer[];
  readonly #clock: Clock;
  readonly #cork: Cork;
  readonly #terms: Agreed;
  readonly #bucket: TokenBucket;
  readonly #firstRid: number;
  #reader: TransportReader | undefined;
  #isOver = false;
  #isTrusted = false;
  #isPaused = false;
  #terminal: Terminal | undefined;
  /** The request that is to be handled next. */
  #next: number;
  readonly #early = new Map<number, Request>();
  readonly #held: Held[] = [];
  readonly #answered = new Map<number, Answered>();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #report: { readonly rid: number; readonly atMs: number } | undefined;
  #inactivityMs: number;
  #inactive: Timer | undefined;
  #later: Timer | undefined;
  #gone: (() => void) | undefined;

  constructor({ clock, cork, sid, address, isSecure, chain, first }: BoshTransportOptions) {
    this.#clock = clock;
    this.#cork = cork;
    this.sid = sid;
    this.address = address;
    this.isSecure = isSecure;
    this.#chain = chain;
    this.#shown = shownBy(chain);
    this.#terms = agree(first);
    this.#firstRid = first.rid;
    this.#next = first.rid;
    this.#inactivityMs = this.#terms.inactivity * 1_000;
    const { boshRequestsPerSecond: perSecond, boshRequestsBurst: burst } = connectionLimits;
    this.#bucket = new TokenBucket(clock, { perSecond, burst });
  }

  /** What came with the request for the session, as long as all others have come with the same: who knows the sid has not shown anything yet. */
  get chain(): readonly Buffer[] {
    return this.#chain;
  }

  get bufferedBytes(): number {
    return this.#waitingBytes;
  }

  /** True when its client has signed in, so that its requests may be long. */
  get isTrusted(): boolean {
    return this.#isTrusted;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** How long a request may wait for its answer, ms. */
  get waitMs(): number {
    return this.#terms.wait * 1_000;
  }

  /** @param run called when the stream is over */
  onClosed(run: () => void): void {
    this.#gone = run;
  }

  open(reader: TransportReader): void {
    this.#reader = reader;
    setImmediate(() => this.#advance());
  }

  trust(): void {
    this.#isTrusted = true;
    this.#chain = [];
  }

  /** A request of the client. */
  take(body: BoshBody, exchange: BoshExchange): void {
    if (this.#chain.length > 0 && exchange.shown !== this.#shown) this.#chain = [];
    const { rid } = body;
    const known = this.#answered.get(rid);
    if (known !== undefined) {
      exchange.answer(known.status, known.bytes);
      return;
    }
    const waiting = this.#early.get(rid) ?? this.#held.find((held) => held.body.rid === rid);
    if (waiting !== undefined) {
      waiting.exchange.drop(); // the client asks again because it has lost that connection
      this.#watch(waiting, exchange);
      this.flush();
      return;
    }
    if (this.#isOver) {
      refuse(exchange, this.#terminal ?? terminal('item-not-found'));
      return;
    }
    const { requests } = this.#terms;
    const extra = body.isTerminate || body.pause !== undefined ? 1 : 0;
    if (rid < this.#next || rid >= this.#next + requests + extra) this.#violate('item-not-found', exchange);
    else if (this.#early.size + this.#held.length >= requests + extra) this.#violate('policy-violation', exchange);
    else {
      const request: Request = { body, exchange };
      this.#early.set(rid, request);
      this.#watch(request, exchange);
      this.#advance();
    }
  }

  send(bytes: Buffer | string, id?: string): number {
    if (this.#isOver || bytes.length === 0) return this.#waitingBytes;
    this.#waitingBytes += bytes.length;
    this.#waiting.push({ bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, id });
    if (this.#waiting.length === 1) this.#cork.add(this);
    return this.#waitingBytes;
  }

  /** The oldest request whose connection is there takes what waits. Those before it are answered first; the client asks for them again. */
  flush(): void {
    while (this.#waiting.length > 0) {
      const at = this.#held.findIndex(({ exchange }) => exchange.isOpen);
      if (at < 0) return;
      for (let count = 0; count < at; count++) this.#answerOldest([]);
      this.#answerOldest(this.#takeWaiting());
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    setImmediate(() => this.#advance());
  }

  /** An answer after `wait` seconds does the same. */
  ping(): void {}

  end(_isPeerFirst = false, error?: StreamError): void {
    this.#finish(error === undefined ? terminal() : terminalOf(error));
    setImmediate(() => this.#close());
  }

  destroy(): void {
    this.#finish(terminal('remote-connection-failed'));
    this.#close();
  }

  /** The client has broken the rules: the session of HTTP ends. What XEP-0198 keeps can be resumed. */
  #violate(condition: BindingCondition, exchange: BoshExchange): void {
    const last = terminal(condition, this.#terms.isLegacy);
    this.#finish(last);
    refuse(exchange, last);
    setImmediate(() => this.#close());
  }

  #finish(last: Terminal): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#terminal = last;
    this.#later?.cancel();
    this.#inactive?.cancel();
    const early = [...this.#early.values()];
    this.#early.clear();
    while (this.#held.length > 1) this.#answerOldest(this.#takeWaiting());
    if (this.#held.length === 1) this.#answerOldest(this.#takeWaiting(), last);
    for (const { exchange } of early) refuse(exchange, last);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #close(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.closed();
    this.#gone?.();
    this.#gone = undefined;
  }

  #watch(request: Request, exchange: BoshExchange): void {
    request.exchange = exchange;
    exchange.onGone(() => this.#lookForActivity());
    this.#lookForActivity();
  }

  /** §9: a client without a request that waits is away, and after some time it is gone. */
  #lookForActivity(): void {
    if (this.#isOver) return;
    const isActive = [...this.#held, ...this.#early.values()].some(({ exchange }) => exchange.isOpen);
    if (isActive) {
      this.#inactive?.cancel();
      this.#inactive = undefined;
      return;
    }
    this.#inactive ??= this.#clock.after(this.#inactivityMs, () => {
      this.#finish(terminal('item-not-found', this.#terms.isLegacy));
      this.#close();
    });
  }

  #advance(): void {
    while (this.#reader !== undefined && !this.#isOver && !this.#isPaused) {
      const request = this.#early.get(this.#next);
      if (request === undefined) return;
      if (!this.#bucket.take()) {
        this.#later ??= this.#clock.after(this.#bucket.waitMs(), () => {
          this.#later = undefined;
          this.#advance();
        });
        return;
      }
      this.#early.delete(this.#next);
      this.#next++;
      this.#handle(request);
    }
  }

  #handle(request: Request): void {
    const { body } = request;
    const { pause } = body;
    this.#confirm(body);
    const { wait, hold, inactivity } = this.#terms;
    this.#inactivityMs = inactivity * 1_000;
    const isHeld = wait > 0 && hold > 0 && pause === undefined && this.#report === undefined;
    const timer = isHeld ? this.#clock.after(this.waitMs, () => this.#answerOldest([])) : undefined;
    this.#held.push(Object.assign(request, { timer }));
    for (const message of body.messages) {
      this.bytes.in.add(message.length);
      this.#reader?.data(message);
    }
    if (this.#isOver) return;
    if (pause !== undefined) this.#pauseFor(pause);
    else if (isHeld) while (this.#held.length > hold) this.#answerOldest(this.#takeWaiting());
    else if (!this.#isNew) while (this.#held.length > 0) this.#answerOldest(this.#takeWaiting());
    this.flush();
    this.#lookForActivity();
  }

  /** The features of the stream come with the first answer. */
  get #isNew(): boolean {
    return this.#answered.size === 0 && this.#next === this.#firstRid + 1;
  }

  /** §9: all requests are answered, this one with nothing. */
  #pauseFor(seconds: number): void {
    this.#inactivityMs = Math.min(seconds, connectionLimits.boshPauseSecondsMax) * 1_000;
    while (this.#held.length > 1) this.#answerOldest(this.#takeWaiting());
    this.#answerOldest([]);
  }

  /** §8.2, §14.3: what has certainly arrived need not be kept. */
  #confirm({ rid, ack }: BoshBody): void {
    const { hasAcks, requests } = this.#terms;
    const last = Math.max(...this.#answered.keys());
    const upTo = hasAcks ? Math.max(ack ?? rid - 1, rid - requests) : rid - requests;
    const ids: string[] = [];
    for (const [each, answer] of this.#answered) {
      if (each > upTo) continue;
      this.#answered.delete(each);
      ids.push(...answer.ids);
    }
    if (ids.length > 0) this.#reader?.drained(ids);
    const missing = ack !== undefined && hasAcks && ack < last ? this.#answered.get(ack + 1) : undefined;
    if (missing !== undefined && this.#clock.monotonic() - missing.atMs >= connectionLimits.boshReportMs) {
      this.#report = { rid: ack! + 1, atMs: missing.atMs };
    }
  }

  #takeWaiting(): readonly Waiting[] {
    const items = this.#waiting;
    let bytes = 0;
    let count = 0;
    while (count < items.length && (count === 0 || bytes + items[count]!.bytes.length <= connectionLimits.boshAnswerBytesMax)) {
      bytes += items[count++]!.bytes.length;
    }
    this.#waitingBytes -= bytes;
    this.#waiting = items.slice(count);
    return items.slice(0, count);
  }

  #answerOldest(items: readonly Waiting[], last?: Terminal): void {
    const { body, exchange, timer } = this.#held.shift()!;
    timer?.cancel();
    const now = this.#clock.monotonic();
    const { rid, pause } = body;
    const payloads = [...items.map(({ bytes }) => bytes), ...(last?.payloads ?? [])];
    for (const payload of payloads) this.bytes.out.add(payload.length);
    const bytes = bodyOf({ ...this.#attributesFor(rid, now), ...last?.attributes }, payloads);
    const ids = items.flatMap(({ id }) => id ?? []);
    const status = last?.status ?? 200;
    if (pause === undefined) this.#answered.set(rid, { bytes, status, atMs: now, ids });
    exchange.answer(status, bytes, () => this.#reader?.drained([]));
    this.#lookForActivity();
  }

  #attributesFor(rid: number, now: number): Readonly<Record<string, string | number | undefined>> {
    if (rid === this.#firstRid) {
      const { wait, hold, inactivity, requests, version } = this.#terms;
      const { sid } = this;
      const secure = this.isSecure ? 'true' : undefined;
      const maxpause = connectionLimits.boshPauseSecondsMax;
      return creation({ sid, wait, hold, requests, inactivity, maxpause, ver: version, ack: rid, secure });
    }
    const report = this.#report;
    this.#report = undefined;
    const received = this.#next - 1;
    return {
      ack: received === rid ? undefined : received,
      ...(report && { report: report.rid, time: Math.round(now - report.atMs) }),
    };
  }
}
