/**
 * One session: from the end of SASL until its rows are gone. It outlives its stream while it is parked (XEP-0198 §5).
 *
 * One batch at a time is at a router (DESIGN §2 rule 1); the next leaves when there is something to send.
 */
import { limits } from '../../lib/limits.ts';
import type { Timer } from '../../lib/ports/clock.ts';
import type { StepItem } from '../../lib/runtime/wire.ts';
import { StreamError, type StreamErrorCondition } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { type Batch, bare, deliveredItem, pageEntries } from './batch.ts';
import { checkFrom } from './check-from.ts';
import { CursorFlush } from './cursor-flush.ts';
import { Egress, type SessionStream } from './egress.ts';
import { Inbox } from './inbox.ts';
import { Pump } from './pump.ts';
import { refusal } from './refusal.ts';
import type { Answer } from './router-link.ts';
import type { SessionOwner, SessionStart } from './session-owner.ts';
import type { StreamManagement } from './stream-management.ts';

/** `ending`: what the client has sent is still handled, then its end is told. */
type Phase = 'unbound' | 'bound' | 'ending' | 'over';

export class Session {
  readonly sid: string;
  readonly domain: string;
  readonly account: Jid;
  /** Set from bind on: the full JID. */
  jid: Jid | undefined;
  isAvailable = false;
  readonly egress: Egress;
  readonly cursor: CursorFlush;

  readonly #owner: SessionOwner;
  readonly #inbox = new Inbox();
  readonly #pump: Pump<Batch>;
  #phase: Phase = 'unbound';
  #routerSession: string;
  /** The session came from another node: routers do not know yet. */
  #isMoved = false;
  #hasStepped = false;
  #isStalled = false;
  #wasPage = false;
  /** Set while nothing but stanzas is sent, because no router answered. */
  #pause: Timer | undefined;
  #parking: Timer | undefined;
  /** Monotonic: when a parked session ends. */
  #parkedUntilMs = 0;
  /** On its way into the store. */
  #isLeaving = false;
  /** The client has closed its stream in order meanwhile. */
  #isFinished = false;
  /** Streams and nodes that have wanted to take the session: the last one gets it. */
  #claims = 0;

  constructor(owner: SessionOwner, start: SessionStart, stream: SessionStream | undefined) {
    this.#owner = owner;
    this.sid = start.sid;
    this.domain = start.domain;
    this.account = Jid.parse(start.account);
    this.#routerSession = start.routerSession;
    this.cursor = new CursorFlush(owner.clock, () => this.pump());
    this.egress = new Egress({ clogged: () => this.#clogged(), overfull: () => this.#end() });
    this.egress.stream = stream;
    this.#pump = new Pump<Batch>({
      next: () => this.#next(),
      run: (batch) => this.#run(batch),
      failed: (error) => this.#crashed(error),
    });
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

  get hasStepped(): boolean {
    return this.#hasStepped || !this.#inbox.isEmpty;
  }

  get routerSession(): string {
    return this.#routerSession;
  }

  /** The stream is to read no more for now. */
  get isFull(): boolean {
    return this.#isStalled || this.#isLeaving || this.#inbox.isFull;
  }

  /** For how long it can be resumed when it is parked now, or still, milliseconds. */
  get remainingMs(): number {
    if (!this.isParked) return this.sm?.resumeMs ?? 0;
    return Math.max(0, this.#parkedUntilMs - this.#owner.clock.monotonic());
  }

  /** There may be something to tell a router. */
  pump(): void {
    this.#pump.start();
  }

  // From the client.

  /** A stanza was read; `pump` is to follow when there are no more at hand. @throws {StreamError} invalid-from */
  receive(stanza: Stanza): void {
    checkFrom(stanza, this.jid, this.account);
    const bytes = stanza.namespaces.size === 0 ? stanza.bytes : stanza.render(stanza.attributes);
    this.#inbox.add({ id: this.#owner.ids.mint(), stanza, bytes, number: this.sm?.count() ?? 0 });
  }

  /** `<a/>`. @throws {StreamError} */
  acknowledged(sm: StreamManagement, h: string | undefined): void {
    this.cursor.add(sm.onAck(h));
    if (this.egress.catchUp.wantsPage) this.pump();
  }

  /** Without XEP-0198 what the operating system has taken counts as received. */
  drained(ids: readonly string[]): void {
    this.cursor.add(ids);
    if (this.egress.catchUp.wantsPage) this.pump();
  }

  /** The client has closed its stream in order: nothing to resume. Its last stanzas are handled and answered. */
  finish(): void {
    if (this.#isLeaving) this.#isFinished = true;
    else this.#end();
  }

  /** The socket is gone. */
  lost(stream: SessionStream): void {
    if (this.egress.stream === stream) this.#park();
  }

  // From elsewhere.

  deliver(bytes: Buffer, id: string | undefined): void {
    this.egress.deliver(bytes, id);
  }

  /** Deliveries did not get here. @param from the first archive entry among them */
  resync(from: string | undefined): void {
    this.egress.catchUp.miss(from);
    if (this.isParked) this.egress.needsCatchUp = true;
    else if (this.isAvailable) this.egress.catchUp.start();
    this.pump();
  }

  /** Routers have forgotten the session already. */
  drop(error: StreamError): void {
    this.#cut(error);
    this.#over();
  }

  /** The session ends, and the client is told why. */
  close(error: StreamError): void {
    this.#cut(error);
    this.#end();
  }

  // Resumption (XEP-0198 §5).

  /**
   * Takes the session from its old stream, if it has one, and waits for the batch under way. What is in none is forgotten, because
   * the client sends it again. @returns false when the session has ended, or was wanted by
   * another, meanwhile
   */
  async detach(): Promise<boolean> {
    const { stream } = this.egress;
    const detached = this.#detach();
    stream?.fail(new StreamError('conflict', 'the session was resumed elsewhere'));
    return detached;
  }

  /** As `detach`, but its stream hears nothing yet, and deliveries do not find it any more. */
  async withdraw(): Promise<boolean> {
    this.#isLeaving = true;
    if (await this.#detach()) {
      this.#parking?.cancel();
      this.#owner.released(this);
      return true;
    }
    this.#isLeaving = false;
    return false;
  }

  /** Undoes `withdraw`: the session stays parked here. */
  stay(): void {
    if (!this.#isLeaving || this.#phase !== 'bound') return;
    this.#isLeaving = false;
    this.egress.needsCatchUp = true;
    this.#owner.held(this);
    this.#waitForClient(this.remainingMs);
    if (this.#isFinished) this.#end();
    else this.release();
  }

  async #detach(): Promise<boolean> {
    const claim = ++this.#claims;
    if (this.egress.stream !== undefined) this.#park();
    await this.#pump.freeze();
    if (this.#phase !== 'bound' || claim !== this.#claims) return false;
    this.#inbox.drop();
    this.sm?.forgetUnanswered();
    return true;
  }

  /** Undoes `detach`: the session stays parked. */
  release(): void {
    this.#pump.thaw();
  }

  /** The client is back, and its `h` was taken already. */
  attach(sm: StreamManagement, stream: SessionStream): void {
    this.#parking?.cancel();
    this.#parking = undefined;
    this.egress.resume(sm, stream, this.isAvailable);
    this.#pump.thaw();
  }

  /** A session of another node, before `attach`. */
  adopt(jid: string): void {
    this.jid = Jid.parse(jid);
    this.#phase = 'bound';
    this.#hasStepped = true;
    this.#isMoved = true;
    // Between the other node's farewell and the routers' hearing of it, deliveries found nobody.
    this.egress.needsCatchUp = true;
    this.#owner.held(this);
    this.#park();
  }

  /** Another node has it now; routers hear of that from there. */
  async leave(): Promise<void> {
    const ids = this.cursor.take();
    if (ids.length === 0) return;
    const answer = await this.#step([{ k: 'delivered', ids }], [], 1);
    this.#routerSession = answer?.reply.session ?? this.#routerSession;
  }

  /** Without a word to anybody. */
  forget(): void {
    this.egress.stream = undefined;
    this.#over();
  }

  // Towards routers.

  #next(): Batch | undefined {
    if (this.#phase === 'over') return undefined;
    const isPaused = this.#pause !== undefined && this.#phase !== 'ending';
    if (this.#isMoved && !isPaused && this.#phase === 'bound') return { ...bare, kind: 'moved', items: [{ k: 'moved' }] };
    const hasPage = !isPaused && this.egress.hasRoomForPage;
    const isPageDue = hasPage && !this.#wasPage;
    this.#wasPage = isPageDue || (hasPage && this.#inbox.isEmpty);
    if (!this.#inbox.isEmpty && !isPageDue) return this.#stanzaBatch();
    if (hasPage) {
      const delivered = this.cursor.take();
      const { catchUp, ring } = this.egress;
      const page: StepItem = { k: 'catchUp', after: catchUp.takePage(), seen: ring.ids, missed: catchUp.missed };
      return { ...bare, kind: 'page', items: [...deliveredItem(delivered), page], delivered };
    }
    if (this.#phase === 'ending') {
      this.egress.stream?.finish();
      return { ...bare, kind: 'end', items: [...deliveredItem(this.cursor.take()), this.#endItem()] };
    }
    if (!this.cursor.isDue || isPaused) return undefined;
    const delivered = this.cursor.take();
    return { ...bare, kind: 'stanzas', items: deliveredItem(delivered), delivered };
  }

  #endItem(): StepItem {
    const { undelivered } = this.egress;
    return undelivered.length === 0 ? { k: 'end' } : { k: 'end', undelivered };
  }

  #stanzaBatch(): Batch {
    const stanzas = this.#inbox.take();
    let isInitial = false;
    const items = stanzas.map(({ id, stanza }): StepItem => {
      const initial = this.#seePresence(stanza) || undefined;
      isInitial ||= initial === true;
      return { k: 'stanza', id, body: true, initial };
    });
    const delivered = this.cursor.take();
    return { kind: 'stanzas', items: [...items, ...deliveredItem(delivered)], stanzas, delivered, isInitial };
  }

  /** RFC 6121 §4.2, §4.5. @returns whether it is initial presence, for which deliveries are held back from now on */
  #seePresence(stanza: Stanza): boolean {
    if (stanza.name !== 'presence' || this.#phase !== 'bound') return false;
    const { to, type } = stanza.attributes;
    if (to !== undefined) return false;
    if (type === 'unavailable') this.isAvailable = false;
    if (type !== undefined || this.isAvailable) return false;
    this.isAvailable = true;
    this.egress.needsCatchUp = false; // what was missed is among what the router now looks for
    this.egress.catchUp.ask();
    return true;
  }

  async #run(batch: Batch): Promise<void> {
    const triesMax = batch.kind === 'end' ? limits.endTriesMax : limits.batchTriesMax;
    const bodies = batch.stanzas.map(({ bytes }) => bytes);
    const answer = await this.#step(batch.items, bodies, triesMax);
    if (this.#phase === 'over') return;
    this.#isStalled = false;
    this.#inbox.settle();
    if (answer === undefined) this.#giveUp(batch);
    else this.#settle(batch, answer);
    if (batch.kind === 'end') this.#over();
    else this.egress.stream?.pull();
  }

  #step(items: readonly StepItem[], bodies: readonly Buffer[], triesMax: number): Promise<Answer | undefined> {
    this.#hasStepped = true;
    const { subject: node, router } = this.#owner;
    const { sid, domain } = this;
    const resumeMs = this.sm?.resumeMs || undefined;
    return router.step({ kind: 'step', node, sid, domain, session: this.#routerSession, resumeMs, items }, bodies, {
      triesMax,
      isOver: () => this.#phase === 'over',
      onRetry: () => {
        this.#isStalled = true;
      },
    });
  }

  #settle(batch: Batch, { reply, bodies }: Answer): void {
    this.#routerSession = reply.session ?? this.#routerSession;
    if (batch.kind === 'moved') this.#isMoved = false;
    if (batch.kind === 'page') this.egress.catchUp.page(pageEntries(reply.out, bodies), reply.catchUp);
    else reply.out.forEach(({ id }, index) => void this.egress.reply(bodies[index]!, id));
    if (reply.bound !== undefined) this.#bind(reply.bound);
    this.#settleCount(batch, true);
    if (batch.isInitial) this.egress.answered(reply.catchUp);
    if (reply.close) this.close(new StreamError(reply.close.condition as StreamErrorCondition, reply.close.text));
  }

  #giveUp(batch: Batch): void {
    const { sid } = this;
    this.#owner.log.warn({ sid, kind: batch.kind, stanzas: batch.stanzas.length }, 'no router answered a batch');
    for (const { stanza } of batch.stanzas) {
      const answer = refusal(stanza);
      if (answer !== undefined) this.egress.reply(answer, undefined);
    }
    this.#settleCount(batch, false);
    if (batch.isInitial) {
      this.isAvailable = false;
      this.egress.answered('skip');
    }
    if (batch.kind === 'page') this.egress.catchUp.retryPage();
    this.cursor.add(batch.delivered);
    this.#pause ??= this.#owner.clock.after(limits.batchTimeoutMs, () => {
      this.#pause = undefined;
      this.pump();
    });
  }

  #settleCount({ stanzas }: Batch, isHandled: boolean): void {
    const last = stanzas.at(-1);
    if (last !== undefined) this.sm?.settle(last.number, isHandled);
  }

  #bind(jid: string): void {
    this.jid = Jid.parse(jid);
    if (this.#phase !== 'unbound') return; // the stream was lost while it bound: its end is on the way
    this.#phase = 'bound';
    this.#owner.held(this);
  }

  // The stream, and the end.

  #clogged(): void {
    const { stream } = this.egress;
    this.#park();
    stream?.fail(new StreamError('resource-constraint', 'too much waits for the client'));
  }

  /** Kept for resumption if the client has asked for that, else ended. */
  #park(): void {
    this.egress.stop();
    this.egress.stream = undefined;
    const resumeMs = this.#phase === 'bound' ? (this.sm?.resumeMs ?? 0) : 0;
    if (resumeMs === 0) {
      this.#end();
      return;
    }
    this.egress.isParked = true;
    this.#parkedUntilMs = this.#owner.clock.monotonic() + resumeMs;
    this.#waitForClient(resumeMs);
  }

  #waitForClient(ms: number): void {
    this.#parking?.cancel();
    this.#parking = this.#owner.clock.after(ms, () => {
      this.#owner.timedOut(this);
      this.#end();
    });
  }

  #cut(error: StreamError): void {
    const { stream } = this.egress;
    this.egress.stream = undefined;
    stream?.fail(error);
  }

  #end(): void {
    if (this.#phase === 'ending' || this.#phase === 'over') return;
    this.#owner.released(this);
    this.#stopTimers();
    this.#phase = 'ending';
    this.egress.isParked = false;
    this.egress.catchUp.abort();
    if (this.hasStepped) this.#pump.thaw();
    else {
      this.egress.stream?.finish();
      this.#over();
    }
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
    this.#parking?.cancel();
    this.#pause?.cancel();
    this.#parking = undefined;
    this.#pause = undefined;
  }

  /** A fault of ours ends this session alone. */
  #crashed(error: unknown): void {
    this.#owner.log.error({ err: error, sid: this.sid }, 'a session failed');
    this.#cut(new StreamError('internal-server-error'));
    if (this.#phase === 'ending') this.#over();
    else this.#end();
  }
}
