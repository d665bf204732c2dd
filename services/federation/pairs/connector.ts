/**
 * The stream of one pair: opened when it is wanted, tried again after a pause that doubles. A key of dialback may be asked for as soon as
 * the stream is encrypted, before the peer has let us in: otherwise two servers that verify each other would wait for each other.
 */
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Urgency } from '../core/beginnings.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Gate } from '../core/gate.ts';
import type { Verdict, Way, WayEvents } from '../core/way.ts';
import { federationLimits } from '../limits.ts';
import { authenticate } from '../streams/authentication.ts';
import { openStream } from '../streams/opening.ts';
import type { OutgoingStream } from '../streams/outgoing.ts';

export class Connector implements Way {
  readonly #dependencies: Dependencies;
  readonly #gate: Gate;
  readonly #pair: PairName;
  readonly #events: WayEvents<OutgoingStream>;
  readonly #abort = new AbortController();
  #opening: Promise<OutgoingStream> | undefined;
  #stream: OutgoingStream | undefined;
  #failures = 0;
  /** By the monotonic clock. */
  #retryAtMs = Number.NEGATIVE_INFINITY;
  /** XEP-0288 is not asked for until then, by the monotonic clock. */
  #oneWayUntilMs = Number.NEGATIVE_INFINITY;
  /** Something was confirmed on the stream. */
  #hasSucceeded = false;
  /** When something was confirmed last, on any stream, by the monotonic clock. */
  #reachedAtMs = Number.NEGATIVE_INFINITY;
  /** In words, for people. */
  lastError: string | undefined;

  constructor(dependencies: Dependencies, gate: Gate, pair: PairName, events: WayEvents<OutgoingStream>) {
    this.#dependencies = dependencies;
    this.#gate = gate;
    this.#pair = pair;
    this.#events = events;
  }

  get isIdle(): boolean {
    return this.#opening === undefined && (this.#stream === undefined || this.#stream.link.isClosed);
  }

  get retryInMs(): number {
    return Math.max(0, this.#retryAtMs - this.#dependencies.clock.monotonic());
  }

  endPause(): void {
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Begins, unless it is begun, or it is too early to try again. */
  connect(senderOf: () => string): void {
    const now = this.#dependencies.clock.monotonic();
    if (this.#opening !== undefined || this.#retryAtMs > now) return;
    const urgency = this.#failures > 0 ? 'again' : this.#isKnown(now) ? 'known' : 'first';
    this.#begin(urgency, senderOf()).catch(() => {}); // told by `failed`
  }

  #isKnown(now: number): boolean {
    return now - this.#reachedAtMs <= federationLimits.reachedMs;
  }

  /** Something was confirmed: the next trouble begins with a short pause. */
  succeeded(): void {
    this.#failures = 0;
    this.#hasSucceeded = true;
    this.#reachedAtMs = this.#dependencies.clock.monotonic();
    this.lastError = undefined;
    this.endPause();
  }

  avoidBidirectional(): void {
    if (this.#stream?.isBidirectional !== true) return;
    this.#oneWayUntilMs = this.#dependencies.clock.monotonic() + federationLimits.oneWayMs;
    this.#dependencies.log.info({ ...this.#pair }, 'a stream in both directions did not go well with another server');
  }

  /**
   * What failed within a pause was tried early because the peer asked for it by a key: that says that the peer is there, and does not
   * lengthen the pause. Peers that were reached of late come back, and have short pauses; the others take turns.
   * @param isFinal the answer will be the same for a while; whoever comes next asks anew
   */
  rest(error: Error, isFinal = false): void {
    const { clock } = this.#dependencies;
    this.lastError = error.message;
    if (!this.#hasSucceeded && (this.#stream?.way === undefined || this.#stream.sent > 0)) this.avoidBidirectional();
    if (this.retryInMs > 0 && !isFinal) return;
    const { retryMinMs, retryMaxMs } = federationLimits;
    const now = clock.monotonic();
    const leastMs = Math.min(retryMinMs * 2 ** (isFinal ? 0 : this.#failures), retryMaxMs);
    const pauseMs = leastMs + (leastMs * clock.randomBytes(2).readUInt16BE()) / 65_536;
    const isDead = !isFinal && !this.#isKnown(now);
    if (!isFinal) this.#failures = Math.min(this.#failures + 1, 20);
    this.#retryAtMs = now + (isDead ? Math.max(pauseMs, this.#gate.deadTurnMs()) : pauseMs);
  }

  /** Whoever proves itself with a key is there: it is asked although it is too early to try again. @throws {Error} */
  async verify(streamId: string, key: string): Promise<Verdict> {
    const stream = this.#stream?.isOpen === true ? this.#stream : await this.#begin('asked', '');
    return stream.verify(streamId, key);
  }

  stop(): void {
    this.#abort.abort(new Error('the service stops'));
    if (this.#stream?.way === undefined) this.#stream?.link.destroy('the service stops');
  }

  /** @returns the encrypted stream */
  #begin(urgency: Urgency, sender: string): Promise<OutgoingStream> {
    this.#opening ??= this.#open(urgency, sender);
    return this.#opening;
  }

  async #open(urgency: Urgency, sender: string): Promise<OutgoingStream> {
    try {
      const stream = await this.#gate.connecting(this.#pair, urgency, sender, () =>
        openStream(this.#dependencies, this.#pair, this.#abort.signal),
      );
      this.#stream = stream;
      this.#hasSucceeded = false;
      void this.#enter(stream);
      return stream;
    } catch (error) {
      this.#opening = undefined;
      if (!this.#abort.signal.aborted) this.#events.failed(error as Error);
      throw error;
    }
  }

  async #enter(stream: OutgoingStream): Promise<void> {
    const { log } = this.#dependencies;
    try {
      const isOneWay = this.#dependencies.clock.monotonic() < this.#oneWayUntilMs;
      await authenticate(stream, isOneWay ? undefined : this.#gate.allowances);
      const { way, isProven, hasAcks: acks, isBidirectional } = stream;
      log.info({ ...this.#pair, way, isProven, acks, isBidirectional }, 'a stream to another server is open');
      this.#opening = undefined;
      this.#events.ready(stream);
    } catch (error) {
      this.#opening = undefined;
      log.info({ ...this.#pair, reason: (error as Error).message }, 'another server refuses our stream');
      this.#events.failed(error as Error);
      await stream.finishAsking(error instanceof StreamError ? error : undefined);
    }
  }
}
