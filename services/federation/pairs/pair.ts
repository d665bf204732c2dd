/**
 * One pair of domains, ours and another server's: what waits, what is on its way, and what the peer has confirmed. A row leaves the outbox
 * when the peer has confirmed its stanzas (docs/decisions/0014-outbox.md), or their senders were told that they were not delivered.
 */
import { allOfOutbox, type PairName } from '../../../lib/runtime/outbox.ts';
import { pongPrefix } from '../../../lib/runtime/pair-wire.ts';
import type { TenantPolicy } from '../../../lib/runtime/policy/tenant-policy.ts';
import { StanzaError, type StanzaErrorCondition, StreamError } from '../../../lib/xmpp/errors.ts';
import { type Carrier, closing, isQuiet } from '../core/carrier.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Gate } from '../core/gate.ts';
import type { Way, WayEvents } from '../core/way.ts';
import { Forbidden, NoSuchDomain } from '../finding/errors.ts';
import { federationLimits } from '../limits.ts';
import { PeerRefusal } from '../streams/refusal.ts';
import { bounceOf, type Departing, type Entry, entryOf, entryOfRow, isBounced, sinceMs } from './departing.ts';
import { type Asked, Queue } from './queue.ts';
import { RowDeletions } from './row-deletion.ts';
import { sendWaiting, tooLargeAmong } from './sending.ts';
import { Shown } from './shown.ts';
import { Standing } from './standing.ts';
import { tellSenders } from './telling.ts';
import { Terms } from './terms.ts';

export class Pair {
  readonly name: PairName;
  readonly #dependencies: Dependencies;
  readonly #gate: Gate;
  readonly way: Way;
  readonly #queue = new Queue();
  readonly #standing = new Standing();
  readonly #shown = new Shown();
  /** Tells the worker that nothing of a row is to be sent any more. */
  readonly #onSettled: (key: string) => void;
  #stream: Carrier | undefined;
  #asked: Asked | undefined;
  #confirmed = 0;
  #pings = 0;
  #usedAtMs: number;
  #sentAtMs = 0;
  #closingAtMs: number | undefined;
  readonly #terms: Terms;
  #telling: Promise<void> = Promise.resolve();
  readonly #rows: RowDeletions;
  #isStopped = false;

  /** @param wayOf how it comes by its streams */
  constructor(
    dependencies: Dependencies,
    gate: Gate,
    name: PairName,
    wayOf: (events: WayEvents) => Way,
    onSettled: (key: string) => void,
  ) {
    this.name = name;
    this.#terms = new Terms(name);
    this.#dependencies = dependencies;
    this.#gate = gate;
    this.#rows = new RowDeletions(dependencies, gate, name, () => this.#isStopped);
    this.#onSettled = onSettled;
    this.#usedAtMs = dependencies.clock.monotonic();
    this.way = wayOf({ ready: (stream) => this.#ready(stream), failed: (error) => this.#failed(error) });
  }

  /** Batches whose rows are there. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** By the deployment's clock. */
  get oldestAt(): number | undefined {
    return this.#queue.oldestAt;
  }

  get carrier(): Carrier | undefined {
    return this.#stream;
  }

  /** Nothing would be lost if it were forgotten. @param quietMs when it was not used for this long */
  isIdle(quietMs: number): boolean {
    const isQuiet = this.#dependencies.clock.monotonic() - this.#usedAtMs > quietMs;
    const isNeeded = this.#standing.isNeeded || this.#shown.isDue;
    return isQuiet && !isNeeded && this.#queue.size === 0 && this.#stream === undefined && this.way.isIdle;
  }

  has(key: string): boolean {
    return this.#queue.has(key);
  }

  /** What the tenant decides holds for what waits, and for the stream that is open. */
  follow(policy: TenantPolicy): void {
    if (!this.#terms.follow(policy)) return;
    if (this.#stream !== undefined && !this.#terms.suits(this.#stream)) this.#close();
    this.#pump();
  }

  /** Whatever was wrong with the peer may be mended. */
  retry(): void {
    this.#usedAtMs = this.#dependencies.clock.monotonic();
    this.way.endPause?.();
    if (this.#stream === undefined && this.#terms.isAllowed && this.#dependencies.holdsLease()) this.#connect();
  }

  /** A batch whose row is written. One that is known already changes nothing. */
  take(key: string, at: number, bodies: readonly Buffer[], tos: readonly (readonly string[])[]): void {
    if (this.#isStopped || this.#queue.has(key)) return;
    this.#usedAtMs = this.#dependencies.clock.monotonic();
    const entry = entryOf({ key, at, sinceMs: sinceMs(this.#dependencies.clock, at) }, bodies, tos);
    this.#standing.note(entry);
    const isFull = this.#queue.bytes + entry.bytes > federationLimits.waitingBytesMax || this.#gate.isFull;
    this.#hold(entry);
    if (isFull) this.#refuse(entry.departing, 'resource-constraint', `too much waits for ${this.name.peer} already`);
    else this.#pump();
  }

  /** A batch came again of which nothing is to be sent any more: its row may have been written again, too. */
  dropRepeated(key: string): void {
    this.#rows.delete([{ key }]);
  }

  /**
   * Reads the rows that this process does not know.
   * @param why `takeover`: another process may have sent them: its requests are not sent again, and whoever asked is told. `missed`: they
   * come before whatever is taken next. `late`: nobody has told of them for a long time. What was written later may have been sent, and then
   * presence is left out.
   * @throws {Unavailable}
   */
  async load(why: 'takeover' | 'missed' | 'late', isSettled: (key: string) => boolean): Promise<void> {
    for await (const { key, value } of allOfOutbox(this.#dependencies.store, this.name)) {
      if (isSettled(key)) this.dropRepeated(key);
      if (isSettled(key) || this.#queue.has(key)) continue;
      const entry = entryOfRow(key, value, sinceMs(this.#dependencies.clock, value.at));
      this.#hold(entry);
      this.#settle(this.#shown.outdated(entry));
      this.#standing.note(entry);
    }
    if (why === 'takeover') this.#leaveOutRepeated(this.#queue.unsentStanzas());
    this.#pump();
  }

  /** The peer has answered a ping. */
  pong(id: string): void {
    const asked = this.#asked;
    if (asked === undefined || asked.pingId !== id) {
      this.way.pong?.(id);
      return;
    }
    this.#asked = undefined;
    this.#confirm(asked.place);
  }

  /** Regularly. @param now monotonic */
  tick(now: number): void {
    this.#expire();
    const stream = this.#stream;
    if (stream === undefined) {
      this.#pump();
      return;
    }
    if (!this.#dependencies.holdsLease()) {
      stream.leave('this process has lost its lease');
      return;
    }
    if (this.#closingAtMs !== undefined) {
      if (now - this.#closingAtMs > federationLimits.pongMs) stream.destroy('it does not confirm what was sent');
    } else if (this.#asked !== undefined) this.#remind(stream, this.#asked, now);
    else if (this.#queue.size === 0 && isQuiet(stream, this.#usedAtMs, now)) this.#close();
    else this.#breakSilence(stream, now);
    this.#askAgain(stream);
    this.#pump();
  }

  /** A connection may be lost without a word. That shows when the peer is asked, before somebody has something to say. */
  #breakSilence(stream: Carrier, now: number): void {
    if (now - this.#sentAtMs <= federationLimits[stream.keepAlive ? 'keepAliveMs' : 'askSilentMs']) return;
    this.#sentAtMs = now;
    if (stream.keepAlive) stream.keepAlive();
    else this.#ask(stream);
  }

  /** What people of ours see of the peer may be out of date, and what its people see of ours. */
  #askAgain(stream: Carrier): void {
    if (!stream.isOpen || this.#queue.hasUnsent) return;
    const { clock } = this.#dependencies;
    for (const entry of [...this.#shown.due(clock), ...this.#standing.questions(clock)]) this.#hold(entry);
  }

  /** Waits a moment for what is on its way to be confirmed, and until its rows are gone. What waits is for the next owner. */
  async stop(isInOrder = true): Promise<void> {
    this.#isStopped = true;
    const stream = this.#stream;
    if (stream?.isOpen === true && isInOrder && this.#dependencies.holdsLease()) {
      if (!stream.outlivesOwner) this.#close();
      await closing(stream, this.#dependencies.clock, () => stream.outlivesOwner && !this.#queue.hasSent);
    }
    this.way.stop();
    stream?.leave('the service stops');
    await this.#telling;
    await this.#rows.settled(); // whoever owns the pair next would send it again
    for (const entry of [...this.#queue.entries()]) this.#forget(entry);
  }

  /** A key of dialback may have been asked for while the stream before was being closed: then that one is given up. */
  #ready(stream: Carrier): void {
    const before = this.#stream;
    if (before !== undefined) {
      before.destroy('another stream has taken its place');
      this.#leaveOutRepeated(this.#over(before, false));
    }
    this.#stream = stream;
    this.#confirmed = 0;
    this.#sentAtMs = this.#dependencies.clock.monotonic();
    void stream.run({
      acked: (count) => this.#acked(stream, count),
      ponged: (id) => this.pong(id),
      closed: (reason, isAnswered) => this.#closed(stream, reason, isAnswered),
    });
    if (this.#isStopped) {
      stream.close();
      return;
    }
    this.#settle(this.#queue.outdated());
    this.#pump();
  }

  #failed(error: Error): void {
    const isNowhere = error instanceof NoSuchDomain || error instanceof Forbidden;
    const isFinal = isNowhere || (error instanceof PeerRefusal && error.isNoSuchDomain);
    this.way.rest(error, isFinal);
    this.#standing.interrupt();
    if (isFinal) this.#refuseAll('remote-server-not-found', error.message);
    else if (this.#terms.holdMs === 0) this.#refuseAll('remote-server-timeout', error.message);
  }

  #closed(stream: Carrier, reason: Error, isAnswered: boolean): void {
    if (stream !== this.#stream) return;
    const { host, peer } = this.name;
    const unconfirmed = this.#over(stream, isAnswered);
    this.#dependencies.log.info(
      { host, peer, reason: reason.message, unconfirmed: unconfirmed.length },
      'a stream to another server has ended',
    );
    if (this.#isStopped) return;
    this.#refuse(tooLargeAmong(unconfirmed, reason), 'policy-violation', reason.message, true);
    this.#leaveOutRepeated(unconfirmed);
    if (!isAnswered) this.#standing.interrupt();
    if (reason instanceof PeerRefusal && reason.isNoSuchDomain) this.#failed(reason);
    else if (!isAnswered) this.way.rest(reason);
    this.#pump();
  }

  /** What the stream has not confirmed is to be sent again. @returns that */
  #over(stream: Carrier, isAnswered: boolean): readonly Departing[] {
    if (isAnswered) this.#confirm(stream.sent);
    const unconfirmed = [...this.#queue.sent()];
    this.#stream = undefined;
    this.#asked = undefined;
    this.#closingAtMs = undefined;
    if (!this.#isStopped) this.#queue.rewind();
    return unconfirmed;
  }

  /** Requests are not asked twice, and of presence only the last counts. */
  #leaveOutRepeated(maybeSent: readonly Departing[]): void {
    const iqs = maybeSent.filter(({ isIq }) => isIq);
    if (iqs.length > 0) this.#refuse(iqs, 'remote-server-timeout', 'the connection to the server broke');
    this.#settle(this.#queue.outdated());
  }

  #pump(): void {
    if (this.#isStopped || !(this.#queue.hasUnsent || this.#standing.isDue || this.#shown.isDue)) return;
    if (!this.#terms.isAllowed) {
      this.#refuseAll('not-allowed', `${this.name.tenant} does not talk with ${this.name.peer}`);
      return;
    }
    const stream = this.#stream;
    if (stream === undefined) {
      if (this.#dependencies.holdsLease()) this.#connect();
      return;
    }
    if (!stream.isOpen) return; // what becomes of it is told
    if (!this.#dependencies.holdsLease()) {
      stream.leave('this process has lost its lease');
      return;
    }
    const before = stream.sent;
    const tooLarge = sendWaiting(this.#queue, stream, this.#confirmed, this.name.host, this.#dependencies.clock);
    this.#refuse(tooLarge, 'policy-violation', `${this.name.peer} takes ${stream.bytesMax} bytes at most`, true);
    if (stream.sent === before) return;
    this.#sentAtMs = this.#dependencies.clock.monotonic();
    this.#usedAtMs = this.#sentAtMs;
    this.#ask(stream);
  }

  #connect(): void {
    this.way.connect(() => this.#queue.firstSender);
  }

  /** One question at a time: the answer to the last one covers what came before. */
  #ask(stream: Carrier): void {
    if (this.#asked !== undefined || !stream.isOpen) return;
    const atMs = this.#dependencies.clock.monotonic();
    if (stream.hasAcks) {
      stream.requestAck();
      this.#asked = { place: stream.sent, atMs };
      return;
    }
    const pingId = `${pongPrefix}${stream.streamId.slice(0, 8).replaceAll(/[^\w-]/g, '')}-${++this.#pings}`;
    stream.ping(pingId);
    this.#asked = { place: stream.sent, atMs, pingId };
  }

  #remind(stream: Carrier, { atMs, pingId }: Asked, now: number): void {
    if (pingId === undefined) {
      if (now - atMs > federationLimits.confirmMs) stream.destroy('it does not confirm what was sent');
    } else if (now - atMs <= federationLimits.pongMs) return;
    else if ((stream.heardAtMs ?? 0) <= atMs) {
      this.way.avoidBidirectional?.(); // the answer may have been lost on the way back
      this.#close();
    } else this.pong(pingId); // it does not answer, but it lives
  }

  /** The closing tag that comes back confirms everything before it. */
  #close(): void {
    this.#closingAtMs ??= this.#dependencies.clock.monotonic();
    this.#stream?.close();
  }

  #acked(stream: Carrier, count: number): void {
    if (stream !== this.#stream) return;
    if (count > stream.sent) {
      stream.fail(new StreamError('undefined-condition', `${count} stanzas are acknowledged, and ${stream.sent} were sent`));
      return;
    }
    if (this.#asked !== undefined && count >= this.#asked.place) this.#asked = undefined;
    this.#confirm(count);
  }

  #confirm(place: number): void {
    this.#confirmed = Math.max(this.#confirmed, place);
    this.way.succeeded();
    this.#delete(this.#queue.confirm(place));
    const stream = this.#stream;
    if (!stream?.isOpen) return;
    if (stream.sent > this.#confirmed) this.#ask(stream);
    this.#pump();
  }

  /** Requests are answered after a while, and messages bounce when they have waited for too long. */
  #expire(): void {
    const now = this.#dependencies.clock.monotonic();
    const isTried = this.#stream !== undefined || !this.way.isIdle;
    const holdMs = isTried ? Math.max(this.#terms.holdMs, federationLimits.tryMs) : this.#terms.holdMs;
    const late = this.#queue.late(now, federationLimits.iqMs, holdMs);
    if (late.length > 0) this.#refuse(late, 'remote-server-timeout', this.way.lastError ?? `${this.name.peer} cannot be reached`);
  }

  #refuseAll(condition: StanzaErrorCondition, text: string): void {
    this.#refuse(this.#queue.unsentStanzas(), condition, text);
  }

  /** Their senders are told, and then the rows go. @param isForGood presence among them is not said later either */
  #refuse(refused: readonly Departing[], condition: StanzaErrorCondition, text: string, isForGood = false): void {
    if (refused.length === 0) return;
    const error = new StanzaError(condition, text);
    const bounces = refused.filter(({ stanza }) => isBounced(stanza)).map(({ stanza }) => bounceOf(stanza, error));
    const settled = new Set(refused);
    this.#standing.interrupt(); // questions may be among them
    if (!isForGood) for (const { entry, one } of this.#queue.unsent()) if (settled.has(one)) this.#shown.giveUp(entry.at, one);
    const empty = this.#queue.settle(settled);
    if (bounces.length === 0) this.#delete(empty);
    else
      this.#telling = this.#telling
        .then(() => tellSenders(this.#dependencies, this.name, bounces, () => this.#isStopped))
        .then((isTold) => (isTold ? this.#delete(empty) : undefined));
  }

  #settle(settled: readonly Departing[]): void {
    if (settled.length > 0) this.#delete(this.#queue.settle(new Set(settled)));
  }

  #delete(entries: readonly Entry[]): void {
    // Before the rows are gone: this process may lose the pair while the store is away, and read them when it has the pair again.
    for (const { key } of entries) this.#onSettled(key);
    this.#rows.delete(entries, (entry) => this.#forget(entry));
  }

  #hold(entry: Entry): void {
    this.#queue.add(entry);
    this.#shown.note(entry);
    this.#gate.waitingBytes += entry.bytes;
    this.#gate.waitingRows++;
  }

  #forget(entry: Entry): void {
    if (!this.#queue.remove(entry)) return;
    this.#gate.waitingBytes -= entry.bytes;
    this.#gate.waitingRows--;
  }
}
