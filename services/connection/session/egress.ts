/**
 * The stanzas of a session to its client. Each archive entry is given once and in order, whether it comes as a delivery, in a
 * router's answer, or from the archive. Stanzas are kept until they are acknowledged (XEP-0198), and while the session is parked.
 */
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type { StepItem } from '../../../lib/runtime/wire.ts';
import type { StreamError } from '../../../lib/xmpp/errors.ts';
import { parseRequest } from '../../../lib/xmpp/request.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { connectionLimits } from '../limits.ts';
import { CatchUp, type PageEntry, type Queue } from './catch-up.ts';
import type { Delivered } from './cursor-flush.ts';
import { DeliveredRing } from './delivered-ring.ts';
import type { Entry, Outbox } from './outbox.ts';
import { type OutgoingStage, OutgoingStages, type StageKind } from './outgoing-stages.ts';
import type { StreamManagement } from './stream-management.ts';

/** The stream that a session is attached to. */
export interface SessionStream {
  readonly isOpen: boolean;
  readonly bufferedBytes: number;
  /**
   * Sends a stanza in canonical form.
   * @param id passed to {@link Session.drained}
   * @returns the new `bufferedBytes`
   */
  sendStanza(bytes: Buffer, id?: string): number;
  sendElement(text: string): void;
  /** Sends the error, and closes. */
  fail(error: StreamError): void;
  /** Closes as after the closing tag of the peer. */
  finish(): void;
  /** The session takes stanzas again. */
  pull(): void;
}

export interface EgressOwner {
  /** The client does not read what it is sent. Its stream is as good as lost. */
  clogged(): void;
  /** A parked session waits for too long, or too much waits for it. */
  overfull(): void;
}

export class Egress {
  stream: SessionStream | undefined;
  sm: StreamManagement | undefined;
  /** Archive entries were not delivered. They are read when the client is back. */
  needsCatchUp = false;
  /** Stanzas are kept for a client that may come back. */
  isParked = false;
  ring = new DeliveredRing([], true);
  seenDedupeKeys = new DeliveredRing();
  readonly catchUp = new CatchUp(
    (entry) => this.#give(entry),
    () => {
      this.flush();
      this.#caughtUpAt = this.sm?.outbox.last ?? 0;
    },
  );
  /** The number of the last stanza when everything had been read. */
  #caughtUpAt = 0;
  /** Entries that were given while the queue was closed for the session, and that are not acknowledged. */
  readonly #aside = new Set<string>();
  /** The resync mark that was seen last. */
  #mark = '';
  readonly #owner: EgressOwner;
  readonly #kinds: readonly StageKind[];
  /** What stands between the session and its stream. */
  #stages: OutgoingStages | undefined;

  /** @param kinds the stages that stanzas pass, in order */
  constructor(owner: EgressOwner, kinds: readonly StageKind[]) {
    this.#owner = owner;
    this.#kinds = kinds;
  }

  attach(stream: SessionStream): void {
    this.stream = stream;
    this.#stages = this.#kinds.every(({ isOnDemand }) => isOnDemand) ? undefined : this.#makeStages();
  }

  /** The stage of a feature on the way out to the stream. */
  stage<Stage extends OutgoingStage>(kind: StageKind<Stage>): Stage | undefined {
    if (this.stream !== undefined && this.#kinds.includes(kind)) this.#stages ??= this.#makeStages();
    return this.#stages?.find(kind);
  }

  #makeStages(): OutgoingStages {
    return new OutgoingStages(this.#kinds, (bytes, id) => this.#put(bytes, id));
  }

  /** Makes the stages pass on everything that they hold back. */
  flush(): void {
    this.#stages?.flush();
  }

  /** The session gets another stream, or leaves this node. What the stages held back waits in the outbox with the other stanzas. */
  endStages(): void {
    this.flush();
    this.#stages = undefined;
  }

  get hasRoomForPage(): boolean {
    if (this.catchUp.phase !== 'reading' || this.stream === undefined) return false;
    return this.stream.bufferedBytes === 0 && (this.sm?.outbox.unackedCount ?? 0) < connectionLimits.catchUpUnackedMax;
  }

  takePage(): StepItem {
    return { kind: 'catchUp', after: this.catchUp.takePage(), seen: this.ring.ids, missed: this.catchUp.missed };
  }

  /**
   * @param id of the archive entry of the stanza
   * @param dedupeKey identifies a stanza that is not in the account's archive, so that it is given once
   */
  deliver(bytes: Buffer, id: string | undefined, dedupeKey?: string): void {
    if (dedupeKey !== undefined && !this.seenDedupeKeys.add(dedupeKey)) return;
    if (id === undefined) {
      this.#write(bytes);
      return;
    }
    if (this.#hasSeen(id)) return;
    if (this.needsCatchUp)
      this.catchUp.miss(id); // it is read later, in order
    else if (this.catchUp.phase === 'off') this.#give({ id, bytes });
    else this.catchUp.hold({ id, bytes: ownCopy(bytes) });
  }

  /** Gives a stanza of a router's answer. It is not held back, because the answer is in order already. */
  reply(bytes: Buffer, id: string | undefined): void {
    if (id === undefined) this.#write(bytes);
    else this.#give({ id, bytes });
  }

  /** A router has answered presence to all contacts. */
  answered(queue: Queue): void {
    this.catchUp.answered(queue);
    this.#stopWhileParked();
  }

  /**
   * No router has answered such presence, though one may already deliver to the session. An entry that reaches the client before
   * older ones would move the cursor past them, so everything is read.
   */
  unanswered(): void {
    this.catchUp.unanswered();
    this.#stopWhileParked();
  }

  #stopWhileParked(): void {
    if (this.stream === undefined && this.catchUp.abort()) this.needsCatchUp = true;
  }

  /** @returns true when the client has acknowledged what came because of this mark, which was shown before */
  resync(from: string, mark: string): boolean {
    if (mark === this.#mark) return this.#isCaughtUp;
    this.#mark = mark;
    this.catchUp.miss(from);
    if (this.isParked) this.needsCatchUp = true;
    else this.catchUp.start();
    return false;
  }

  get #isCaughtUp(): boolean {
    if (this.needsCatchUp || this.catchUp.phase !== 'off' || this.catchUp.missed !== undefined) return false;
    return this.sm === undefined || this.sm.outbox.acked >= this.#caughtUpAt;
  }

  /** The stream is gone, or will be soon. The stages go on until the client is back, so that only the last presence waits for it. */
  park(): void {
    if (this.catchUp.abort()) this.needsCatchUp = true;
    this.sm?.stop();
    this.stream = undefined;
    this.isParked = true;
  }

  /** XEP-0198 §5: sends again what the client has not received, then what came meanwhile. */
  resume(sm: StreamManagement, stream: SessionStream): void {
    const { outbox } = sm;
    this.attach(stream);
    this.isParked = false;
    outbox.rewind();
    this.#leaveToArchive(outbox, ({ bytes }) => bytes.length === 0);
    for (const { bytes } of outbox.pending) stream.sendStanza(bytes);
    outbox.markSent();
    if (outbox.size > 0) sm.requestAck();
    if (this.needsCatchUp) {
      this.needsCatchUp = false;
      this.catchUp.start();
    }
  }

  /** The client has these archive entries. */
  delivered(ids: readonly string[]): Delivered {
    if (this.#aside.size === 0) return { ids, aside: [] };
    const { true: aside = [], false: others = [] } = Object.groupBy(ids, (id) => `${this.#aside.delete(id)}` as const);
    return { ids: others, aside };
  }

  isAside(id: string): boolean {
    return this.#aside.has(id);
  }

  setAside(id: string): void {
    this.#aside.add(id);
  }

  /** Archive entries that were meant for the client and that it has not acknowledged. */
  get undelivered(): readonly string[] {
    const { unacked = [], pending = [] } = this.sm?.outbox ?? {};
    return [...unacked, ...pending].flatMap(({ id }) => id ?? []);
  }

  /** The newest messages and requests of contacts that the client has not acknowledged, within the bounds of a batch. */
  get unheard(): readonly Buffer[] {
    const { unacked = [], pending = [] } = this.sm?.outbox ?? {};
    const found: Buffer[] = [];
    let leftBytes = serviceLimits.batchBytesMax;
    for (const { bytes } of [...unacked, ...pending].reverse()) {
      if (!isMessage(bytes) && !isSubscriptionRequest(bytes)) continue;
      leftBytes -= bytes.length;
      if (leftBytes < 0 || found.length >= serviceLimits.batchStanzasMax) break;
      found.push(bytes);
    }
    return found.reverse();
  }

  /** Requests that were meant for the client and that it has not acknowledged, within the bounds of a batch. */
  get requests(): readonly Buffer[] {
    const { unacked = [], pending = [] } = this.sm?.outbox ?? {};
    const found: Buffer[] = [];
    let leftBytes = serviceLimits.batchBytesMax;
    for (const { bytes, id } of [...unacked, ...pending]) {
      if (id !== undefined || !parseRequest(bytes)) continue;
      leftBytes -= bytes.length;
      if (leftBytes < 0 || found.length >= serviceLimits.batchStanzasMax) break;
      found.push(bytes);
    }
    return found;
  }

  #hasSeen(id: string): boolean {
    return this.ring.has(id) || (this.sm?.outbox.has(id) ?? false);
  }

  #give({ id, bytes }: PageEntry): void {
    if (this.#hasSeen(id)) return;
    this.ring.add(id);
    if (this.catchUp.isAside) this.setAside(id);
    this.#write(bytes, id);
  }

  #write(bytes: Buffer, id?: string): void {
    if (this.#stages === undefined) this.#put(bytes, id);
    else this.#stages.take(ownCopy(bytes), id);
  }

  #put(bytes: Buffer, id?: string): void {
    const { stream, sm } = this;
    if (sm !== undefined && (stream !== undefined || this.isParked)) sm.outbox.add({ bytes: ownCopy(bytes), id });
    if (stream !== undefined) {
      const bufferedBytes = stream.sendStanza(bytes, sm === undefined ? id : undefined);
      sm?.onSent();
      if (bufferedBytes > connectionLimits.socketBufferBytesMax || sm?.outbox.isFull) this.#owner.clogged();
    } else if (sm !== undefined && this.isParked && sm.outbox.isFull) this.#shed(sm.outbox);
  }

  #shed(outbox: Outbox): void {
    this.#leaveToArchive(outbox, ({ id }) => id !== undefined);
    if (outbox.isOverfull) this.#owner.overfull();
  }

  /** A stanza that was not sent can be read later, so it does not count as given. */
  #leaveToArchive(outbox: Outbox, which: (entry: Entry) => boolean): void {
    const ids = outbox.shed(which);
    for (const id of ids) {
      this.ring.remove(id);
      this.#aside.delete(id);
      this.catchUp.miss(id);
    }
    if (ids.length > 0) this.needsCatchUp = true;
  }
}

/** @param bytes a stanza in canonical form, or nothing */
function isMessage(bytes: Buffer): boolean {
  return bytes[1] === 0x6d;
}

/** Senders quote as they like, so the text alone does not tell. @param bytes as above */
function isSubscriptionRequest(bytes: Buffer): boolean {
  return bytes[1] === 0x70 && bytes.includes('subscribe') && Stanza.parse(bytes).type === 'subscribe';
}

/**
 * Copies a small part of a message from the bus, because it would keep the whole message in memory. A part in Node's pool would
 * only be copied into the pool again.
 */
function ownCopy(bytes: Buffer): Buffer {
  const { byteLength } = bytes.buffer;
  return byteLength > Buffer.poolSize && bytes.length * 2 < byteLength ? Buffer.from(bytes) : bytes;
}
