/**
 * One session, from the end of SASL until its rows are gone. While it is parked, it outlives its stream (XEP-0198 §5).
 * One batch at a time is at a router, which keeps the order per sender. The next one leaves when there is something to send.
 */
import type { StepItem } from '../../../lib/runtime/wire.ts';
import { StreamError, type StreamErrorCondition } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { connectionLimits } from '../limits.ts';
import { type Batch, bare, bodiesOf, carrying, deliveredItem, endBatch, lastNumber, pageEntries, stanzaBatch } from './batch.ts';
import { checkFrom } from './check-from.ts';
import { ClientWait } from './client-wait.ts';
import { CursorFlush, nothingDelivered } from './cursor-flush.ts';
import { Egress, type SessionStream } from './egress.ts';
import { Inbox } from './inbox.ts';
import type { InlineBind } from './inline-bind.ts';
import { KnownClient } from './known-client.ts';
import { Pump } from './pump.ts';
import { clogged, refusal } from './refusal.ts';
import { checkAllRead, type StepAnswer } from './router-link.ts';
import { type LinkHost, SessionLink } from './session-link.ts';
import type { SessionOwner, SessionStart } from './session-owner.ts';
import type { StreamManagement } from './stream-management.ts';

/** `ending`: what the client has sent is still handled; then routers are told of the end. */
type Phase = 'unbound' | 'bound' | 'ending' | 'over';

export class Session implements LinkHost {
  readonly sid: string;
  readonly domain: string;
  readonly account: Jid;
  /** The full JID, set when the resource is bound. */
  jid: Jid | undefined;
  isAvailable = false;
  /** True when the stream must not read for now. It is read for each stanza, so it is stored. */
  isFull = false;
  readonly egress: Egress;
  readonly cursor: CursorFlush;
  readonly client: KnownClient;
  readonly #owner: SessionOwner<Session>;
  readonly #inbox: Inbox;
  readonly #pump: Pump<Batch>;
  #phase: Phase = 'unbound';
  readonly link: SessionLink;
  /** True when the session came from another node and no router knows yet. */
  #isMoved = false;
  #wasPage = false;
  /** What the first batch is, for a client that binds while it signs in; `pump` must follow. */
  inlineBind: InlineBind | undefined;
  readonly #wait: ClientWait<Session>;
  /** True while the session is on its way into the store. */
  #isLeaving = false;
  /** True when the client has closed its stream in the meantime. */
  #isFinished = false;
  /** Counts the streams and nodes that have wanted to take the session. The last one gets it. */
  #claims = 0;

  constructor(owner: SessionOwner<Session>, start: SessionStart, stream: SessionStream | undefined) {
    this.#owner = owner;
    this.sid = start.sid;
    this.domain = start.domain;
    this.account = Jid.parse(start.account);
    this.link = new SessionLink(owner, start, this);
    this.cursor = new CursorFlush(owner.clock, () => this.pump());
    this.#wait = new ClientWait(owner, this, () => this.#end());
    this.egress = new Egress({ clogged: () => this.suspend(clogged()), overfull: () => this.#end() }, owner.stages);
    this.client = new KnownClient(this.egress, owner, start.account, () => this.pump());
    this.#inbox = new Inbox(this.client.allowance, () => this.#resumeReading());
    if (stream !== undefined) this.egress.attach(stream);
    const failed = (error: unknown) => this.#crashed(error);
    this.#pump = new Pump<Batch>({ next: () => this.#next(), run: (batch) => this.#run(batch), failed });
  }

  get sm(): StreamManagement | undefined {
    return this.egress.sm;
  }

  get isBound(): boolean {
    return this.#phase === 'bound';
  }

  get isParked(): boolean {
    return this.egress.isParked;
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  get hasStepped(): boolean {
    return this.link.hasStepped || !this.#inbox.isEmpty;
  }

  /** For how long the session can be resumed if it is parked now, or is parked already, ms. */
  get remainingMs(): number {
    return this.isParked ? this.#wait.leftMs : (this.sm?.resumeMs ?? 0);
  }

  /** There may be something to send to a router. */
  pump(): void {
    this.#pump.start();
  }

  /**
   * Takes a stanza that was read. `pump` must follow when no more are at hand.
   * @param lang the language of the stream
   * @throws {StreamError} invalid-from
   */
  receive(stanza: Stanza, lang?: string): void {
    if (stanza.attributes.from !== undefined) checkFrom(stanza, this.jid, this.account);
    if (stanza.name === 'presence') this.client.sent(stanza);
    const number = this.sm?.count() ?? 0;
    this.isFull = this.#inbox.add(stanza, lang, this.#owner.ids.mint(), number, this.link.isStalled) || this.#isLeaving;
  }

  /** `<a/>`. @throws {StreamError} */
  acknowledged(sm: StreamManagement, h: string | undefined): void {
    this.drained(sm.onAck(h));
  }

  /** Without XEP-0198, stanzas count as received when the operating system has taken them. */
  drained(ids: readonly string[]): void {
    if (ids.length > 0) this.cursor.add(this.egress.delivered(ids));
    if (this.egress.catchUp.phase === 'reading') this.pump();
  }

  /** The client has closed its stream, so there is nothing to resume. Its last stanzas are handled and answered. */
  finish(): void {
    if (this.#isLeaving) this.#isFinished = true;
    else this.#end();
  }

  /** The socket is gone. */
  lost(stream: SessionStream): void {
    if (this.egress.stream === stream) this.#park(true);
  }

  /** Ends the stream, and keeps the session as if the connection had been lost. */
  suspend(error: StreamError): void {
    const { stream } = this.egress;
    this.#park(true);
    stream?.fail(error);
  }

  /** See {@link ConnectionNode.resync}. */
  resync(from: string, mark: string): boolean {
    const isDone = this.egress.resync(from, mark);
    this.pump();
    return isDone;
  }

  /** Ends the session without telling routers, which have forgotten it already. */
  drop(error: StreamError): void {
    this.#cut(error);
    this.#over();
  }

  /** Ends the session, and tells the client why. */
  close(error: StreamError): void {
    this.#cut(error);
    this.#end();
  }

  /**
   * Takes the session from its old stream (XEP-0198 §5) and waits for the batch under way. What is in no batch comes again.
   * @returns false when the session has ended meanwhile, or somebody else has wanted it
   */
  async detach(): Promise<boolean> {
    const { stream } = this.egress;
    const detached = this.#detach();
    stream?.fail(new StreamError('conflict', 'the session was resumed elsewhere'));
    return detached;
  }

  /** As `detach`, but the stream hears nothing yet, and deliveries do not find the session any more. */
  async withdraw(): Promise<boolean> {
    this.#isLeaving = true;
    this.gauge();
    if (await this.#detach()) {
      this.#wait.stop();
      this.#owner.released(this);
      return true;
    }
    this.#isLeaving = false;
    this.#resumeReading();
    return false;
  }

  /** Undoes `withdraw`: the session stays parked here. */
  stay(): void {
    if (!this.#isLeaving || this.#phase !== 'bound') return;
    this.#isLeaving = false;
    this.gauge();
    this.egress.needsCatchUp = true;
    this.#owner.hold(this);
    this.#wait.go();
    this.#isFinished ? this.#end() : this.release();
  }

  async #detach(): Promise<boolean> {
    const claim = ++this.#claims;
    if (this.egress.stream !== undefined) this.#park();
    await this.#pump.freeze();
    this.egress.endStages();
    if (this.#phase !== 'bound' || claim !== this.#claims) return false;
    this.#inbox.drop();
    this.gauge();
    this.sm?.forgetUnanswered();
    return true;
  }

  /** Undoes `detach`: the session stays parked. */
  release(): void {
    this.#pump.thaw();
  }

  /** The client is back, and its `h` has been handled. */
  attach(sm: StreamManagement, stream: SessionStream): void {
    this.#wait.stop();
    this.egress.resume(sm, stream);
    this.#pump.thaw();
  }

  /** Prepares a session of another node, before `attach`. */
  adopt(jid: string): void {
    this.jid = Jid.parse(jid);
    this.#phase = 'bound';
    this.link.hasStepped = true;
    this.#isMoved = true;
    // After the other node had given the session away and before routers heard of it, deliveries found nobody.
    this.egress.needsCatchUp = true;
    this.#owner.hold(this);
    this.#park();
  }

  /** The session goes elsewhere. @param unheard is told routers. @returns false when none has heard it */
  async leave(unheard?: Batch): Promise<boolean> {
    const items = [...deliveredItem(this.cursor.take()), ...(unheard?.items ?? [])];
    const answer = items.length > 0 && (await this.#step(items, unheard?.bodies ?? [], 1));
    if (answer) checkAllRead(this.#owner.log, answer, this.sid);
    return unheard === undefined || answer !== undefined;
  }

  /** Ends the session without telling anybody. */
  forget(): void {
    this.egress.stream = undefined;
    this.#over();
  }

  #next(): Batch | undefined {
    if (this.#phase === 'over') return undefined;
    if (this.inlineBind !== undefined && !this.link.hasStepped) return this.inlineBind.batch;
    const isPaused = this.link.isPaused && this.#phase !== 'ending';
    if (this.#isMoved && !isPaused && this.#phase === 'bound') return { ...bare, kind: 'moved', items: [{ kind: 'moved' }] };
    const ofClient = isPaused || this.#phase !== 'bound' ? undefined : this.client.next();
    if (ofClient !== undefined) return ofClient;
    const hasPage = !isPaused && this.egress.catchUp.phase === 'reading' && this.egress.hasRoomForPage;
    const isPageDue = hasPage && !this.#wasPage;
    this.#wasPage = isPageDue || (hasPage && this.#inbox.isEmpty);
    if (!this.#inbox.isEmpty && !isPageDue) return this.#stanzaBatch();
    if (hasPage) return carrying('page', this.cursor.take(), this.egress.takePage());
    if (this.#phase === 'ending') {
      this.egress.stream?.finish();
      return endBatch(this.#isMoved, this.cursor.take(), this.egress);
    }
    if (!this.cursor.isDue || isPaused) return undefined;
    return carrying('stanzas', this.cursor.take());
  }

  #stanzaBatch(): Batch {
    const delivered = this.cursor.isDue ? this.cursor.take() : nothingDelivered;
    const batch = stanzaBatch(this.#inbox.take(), this.isAvailable, delivered);
    this.isAvailable = batch.isAvailable;
    if (batch.presences > 0) this.egress.catchUp.ask(batch.presences > 1); // from now on deliveries are held back
    return batch;
  }

  #run(batch: Batch): Promise<void> {
    const triesMax = batch.kind === 'end' ? connectionLimits.endTriesMax : undefined;
    return this.#step(batch.items, bodiesOf(batch), triesMax).then((answer) => this.#answered(batch, answer));
  }

  #answered(batch: Batch, answer: StepAnswer | undefined): void {
    if (this.#phase === 'over') return;
    this.link.isStalled = false;
    this.#inbox.settle();
    if (answer === undefined) this.#giveUp(batch);
    else this.#settle(batch, answer);
    if (batch.kind === 'end') this.#over();
    else if (this.isFull) this.#resumeReading();
  }

  #step(items: readonly StepItem[], bodies: readonly Buffer[], triesMax?: number): Promise<StepAnswer | undefined> {
    return this.link.step({ items, bodies, triesMax, resumeMs: this.sm?.resumeMs || undefined });
  }

  #settle(batch: Batch, answer: StepAnswer): void {
    const { out, reply } = answer;
    if (batch.kind === 'moved') this.#isMoved = false;
    this.client.turnPush(reply.take('push'));
    // Only presence and pages open or close the queue. With anything else, the answer is left over.
    const queue = batch.kind === 'page' || batch.mayTurnQueue ? reply.take('queue') : undefined;
    if (batch.kind === 'page') this.egress.catchUp.page(pageEntries(answer), { queue, next: reply.take('next') });
    else if (batch.kind !== 'bind') out.forEach(({ id }, index) => void this.egress.reply(reply.bodies[index]!, id));
    const bound = reply.take('bound');
    if (bound !== undefined) this.#bind(bound);
    if (batch.kind === 'bind') this.inlineBind?.answered(answer, this.isBound);
    const close = reply.take('close');
    this.sm?.settle(lastNumber(batch), close === undefined); // what ends a stream also ends the batch, in the middle
    if (batch.mayTurnQueue && this.#phase !== 'ending') this.egress.answered(queue);
    checkAllRead(this.#owner.log, answer, this.sid);
    if (close) this.close(new StreamError(close.condition as StreamErrorCondition, close.text));
  }

  #giveUp(batch: Batch): void {
    this.#owner.log.warn({ sid: this.sid, kind: batch.kind, stanzas: batch.stanzas.length }, 'no router answered a batch');
    for (const { stanza } of batch.stanzas) for (const answer of refusal(stanza)) this.egress.reply(answer, undefined);
    this.sm?.settle(lastNumber(batch), false);
    if (batch.kind === 'bind') this.inlineBind?.unanswered();
    if (batch.isInitial) this.isAvailable = false;
    if (batch.mayTurnQueue && this.#phase !== 'ending') this.egress.unanswered();
    if (batch.kind === 'page') this.egress.catchUp.retryPage();
    this.client.retry(batch);
    this.cursor.add(batch.delivered);
    this.link.pause(() => this.pump());
  }

  #bind(jid: string): void {
    this.jid = Jid.parse(jid);
    if (this.#phase !== 'unbound') return; // the stream was lost during the bind: its end is on the way
    this.#phase = 'bound';
    this.#owner.hold(this);
  }

  gauge(): void {
    this.isFull = this.#isLeaving || this.#inbox.isFull(this.link.isStalled);
  }

  #resumeReading(): void {
    this.gauge();
    if (!this.isFull) this.egress.stream?.pull();
  }

  /** Keeps the session for resumption if the client has asked for that; otherwise ends it. */
  #park(isLost = false): void {
    const resumeMs = this.#phase === 'bound' ? (this.sm?.resumeMs ?? 0) : 0;
    this.egress.park();
    if (isLost) this.client.lost();
    if (resumeMs === 0) this.#end();
    else if (this.isParked) this.#wait.start(resumeMs); // otherwise too much was held back, and the session has ended
  }

  #cut(error: StreamError): void {
    const { stream } = this.egress;
    this.egress.flush();
    this.egress.stream = undefined;
    stream?.fail(error);
  }

  #end(): void {
    if (this.#phase === 'ending' || this.#phase === 'over') return;
    this.#owner.released(this);
    this.#stopTimers();
    this.#phase = 'ending';
    this.egress.flush();
    this.egress.isParked = false;
    this.egress.catchUp.abort();
    if (this.hasStepped) {
      this.#pump.thaw();
      return;
    }
    this.egress.stream?.finish();
    this.#over();
  }

  #over(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.egress.isParked = false;
    this.#owner.released(this);
    this.#stopTimers();
    this.cursor.take();
    this.#inbox.drop();
    this.#owner.over(this);
  }

  #stopTimers(): void {
    this.sm?.stop();
    this.#wait.stop();
    this.link.stop();
  }

  /** A fault of ours ends only this session. */
  #crashed(error: unknown): void {
    this.#owner.log.error({ err: error, sid: this.sid }, 'a session failed');
    this.#cut(new StreamError('internal-server-error'));
    if (this.#phase === 'ending') this.#over();
    else this.#end();
  }
}
