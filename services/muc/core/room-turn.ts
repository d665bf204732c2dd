/**
 * The handling of one request: what a use case sees of the room, and where it queues its effects.
 *
 * A use case checks first, then changes the room in memory and queues the rows and stanzas for it. A {@link StanzaError} before
 * the first change leaves nothing behind and is answered to the sender.
 */
import type { Collection } from '../../../lib/runtime/collection.ts';
import { report, toStanzaError } from '../../../lib/runtime/faults.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { secretBytes } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Hides, SessionAddress } from '../../../lib/runtime/wire.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Affiliation, isAdminRank } from './affiliation.ts';
import { idBehind } from './archive-id.ts';
import type { RoomConfig } from './config.ts';
import type { RoomDependencies } from './dependencies.ts';
import type { LoadedRoom } from './loaded-room.ts';
import type { RateName } from './pace.ts';
import type { MissedPage, Prefetched, SentPage } from './prefetch.ts';
import { errorOf, resultOf } from './replies.ts';
import type { Occupant, OccupantSeat, Room, Seat } from './room.ts';
import {
  type Archived,
  affiliationRows,
  jidKey,
  occupantRows,
  type PendingPut,
  type PendingWrite,
  presences,
} from './room-rows.ts';
import type { Recipient, Sending } from './sending.ts';

/** Runs after the batch, beside the room's queue. What it returns is sent then. */
export type Background = () => Promise<readonly Sending[]>;

/** The sender of a request. */
export interface Asker {
  /** The id of the request; absent for what the worker itself starts. */
  readonly requestId?: string;
  readonly from: Jid;
  readonly recipient: Recipient;
  /** {@link RoomRequest.incarnation} */
  readonly incarnation?: string | undefined;
  readonly hides?: Hides | undefined;
}

/** How the sender stands to the room before its stanza is handled, which may change all of it. */
export interface Standing {
  /** undefined: there is no such room. */
  readonly config: RoomConfig | undefined;
  /** The sender as an occupant, if it is one. */
  readonly own: OccupantSeat | undefined;
  readonly affiliation: Affiliation;
  readonly isAdmin: boolean;
}

export class RoomTurn {
  readonly dependencies: RoomDependencies;
  readonly tenant: Tenant;
  readonly room: Room;
  readonly rows: Rows;
  readonly now: number;
  readonly requestId: string | undefined;
  /** The sender of the stanza. */
  readonly from: Jid;
  /** Where the sender's session is held, when it is of this tenant. */
  readonly address: SessionAddress | undefined;
  readonly #asker: Recipient;
  readonly #incarnation: string | undefined;
  /** What the sender has blocked of the room, as its presence says. */
  readonly hides: Hides | undefined;
  readonly #loaded: LoadedRoom;
  readonly #prefetched: Prefetched;
  readonly writes: PendingWrite[] = [];
  readonly sendings: Sending[] = [];
  readonly background: Background[] = [];
  readonly sentPages: SentPage[] = [];
  isCleared = false;
  needsFence = false;
  bytes = 0;

  constructor(dependencies: RoomDependencies, tenant: Tenant, loaded: LoadedRoom, asker: Asker, prefetched: Prefetched) {
    this.dependencies = dependencies;
    this.tenant = tenant;
    this.room = loaded.room;
    this.#loaded = loaded;
    this.#prefetched = prefetched;
    this.rows = Rows.ofRoom(dependencies.store, tenant.domain, loaded.room.jid.local);
    this.now = dependencies.clock.now();
    this.requestId = asker.requestId;
    this.from = asker.from;
    this.address = asker.recipient.address;
    this.#asker = asker.recipient;
    this.#incarnation = asker.incarnation;
    this.hides = asker.hides;
  }

  /** @throws {StanzaError} item-not-found when the room does not exist */
  get config(): RoomConfig {
    return this.room.config ?? this.room.existing;
  }

  /** @throws {StanzaError} item-not-found */
  requireRoom(): void {
    void this.config;
  }

  /** The sender as an occupant, if it is one. */
  get own(): OccupantSeat | undefined {
    return this.room.seats.get(this.from.toString());
  }

  /** @throws {StanzaError} not-acceptable (XEP-0045 §7.4, §7.5) */
  get ownOrRefuse(): OccupantSeat {
    return this.own ?? refuseOutsider(this);
  }

  get affiliation(): Affiliation {
    return this.room.affiliationOf(this.from);
  }

  /** The sender is an admin or owner of the room. */
  get isAdmin(): boolean {
    return isAdminRank(this.affiliation);
  }

  get standing(): Standing {
    const { own, affiliation } = this;
    return { config: this.room.config, own, affiliation, isAdmin: isAdminRank(affiliation) };
  }

  /** Which account of its name the sender is. */
  get incarnation(): string | undefined {
    return this.own?.occupant.incarnation ?? this.#incarnation;
  }

  /** Does the tenant have as many rooms as it may? Known only when this request could make one. */
  get isTenantFull(): boolean {
    return this.#prefetched.isTenantFull;
  }

  /** Has this account made as many rooms as it may? Known only when this request could make one. */
  isMakerFull(bare: Jid): boolean {
    return this.#prefetched.fullMakers.has(bare.toString());
  }

  /** What the sender's seat has missed, when this turn is to send it. */
  get missed(): MissedPage | undefined {
    return this.own && this.#prefetched.missed.get(this.own.seat);
  }

  /** An entry of the archive that the request names (`prefetch` of a feature). */
  entry(id: string): Archived | undefined {
    return this.#prefetched.entries.get(id);
  }

  /** The ids of other entries with the same text as this one. */
  versions(id: string): readonly string[] {
    return this.#prefetched.versions.get(id) ?? [];
  }

  setEntry(id: string, entry: Archived): void {
    this.#prefetched.entries.set(id, entry);
  }

  /**
   * Takes from the sender's allowance in this room.
   * @throws {StanzaError} policy-violation of type wait
   */
  demandPace(name: RateName, count = 1): void {
    this.dependencies.pace.demand(name, `${this.room.jid} ${this.from.bare}`, count);
  }

  get lastId(): string {
    return this.#loaded.fence.lastId;
  }

  /** A new archive id, greater than all others of the room. */
  nextId(): string {
    const { fence } = this.#loaded;
    fence.lastId = idBehind(fence.lastId, this.dependencies.ids.mint());
    return fence.lastId;
  }

  newSecret(): string {
    return this.dependencies.clock.randomBytes(secretBytes).toString('base64');
  }

  put<Value>(
    collection: Collection<Value>,
    key: string,
    value: Value,
    expiresAtMs?: number,
    options?: Pick<PendingPut, 'isSearched'>,
  ): void {
    this.write({ ...this.rows.keyOf(collection, key), value, expiresAtMs, ...options });
    this.bytes += Buffer.byteLength(JSON.stringify(value));
  }

  delete(collection: Collection<unknown>, key = ''): void {
    this.write(this.rows.keyOf(collection, key));
  }

  write(write: PendingWrite): void {
    this.writes.push(write);
    this.bytes += 120 + write.partition.length + write.sort.length;
    this.needsFence = true;
  }

  /** Deletes all rows of the room but its archive and its fence, and ends the room in memory. */
  clear(): void {
    this.writes.length = 0;
    this.isCleared = true;
    this.needsFence = true;
    this.room.clear();
  }

  putOccupant(occupant: Occupant): void {
    for (const seat of occupant.seats) this.putSeat(occupant, seat);
  }

  putSeat(occupant: Occupant, seat: Seat): void {
    const { nick, role, incarnation } = occupant;
    const { jid, address, joinedAt, after, missedFrom, hides } = seat;
    const row = { jid: jid.toString(), nick, role, incarnation, joinedAt, after, ...address, missedFrom, hides };
    this.put(occupantRows, jidKey(jid.toString()), row);
  }

  putPresence(seat: Seat): void {
    this.put(presences, jidKey(seat.jid.toString()), seat.presence);
  }

  deleteSeat(seat: Seat): void {
    this.delete(occupantRows, jidKey(seat.jid.toString()));
    this.delete(presences, jidKey(seat.jid.toString()));
  }

  /** Writes the affiliation as the room in memory has it. */
  putAffiliation(jid: string): void {
    const found = this.room.affiliations.get(jid);
    if (found) this.put(affiliationRows, jidKey(jid), found);
    else this.delete(affiliationRows, jidKey(jid));
  }

  /** @param bytes a stanza with `from` and without `to` */
  send(bytes: Buffer, recipients: readonly Recipient[], more: Omit<Sending, 'bytes' | 'recipients'> = {}): void {
    const takers = this.room.hiding.size === 0 ? recipients : this.room.withoutHiding(bytes, recipients);
    const later = more.later === undefined ? undefined : this.room.withoutHiding(bytes, more.later);
    if (takers.length === 0 && later === undefined) return;
    this.sendings.push({ ...more, bytes, recipients: takers, later });
    if (recipients.length > 1 || recipients[0] !== this.#asker) this.needsFence = true;
  }

  /**
   * To all clients of all occupants. With a dedupe key it is in the archive, and seats that missed a message get it from there,
   * in order.
   */
  broadcast(bytes: Buffer, dedupeKey?: string): void {
    const { missed, seats } = this.room;
    const recipients: Seat[] = [];
    for (const { seat } of seats.values()) if (dedupeKey === undefined || !missed.has(seat)) recipients.push(seat);
    this.send(bytes, recipients, { dedupeKey, later: dedupeKey === undefined || missed.size === 0 ? undefined : [...missed] });
  }

  /** To the sender alone. */
  reply(stanza: Element): void {
    this.send(Buffer.from(stanza.toString()), [this.#asker]);
  }

  /** Answers an iq. */
  result(iq: Stanza, child?: Element): void {
    this.reply(resultOf(iq, child));
  }

  /** Answers an iq later, with what takes time to read, such as pages of the archive. */
  defer(iq: Stanza, run: () => Promise<readonly Buffer[]>): void {
    this.background.push(async () => {
      try {
        return (await run()).map((bytes) => ({ bytes, recipients: [this.#asker] }));
      } catch (error) {
        // The sender waits for an answer, whatever went wrong.
        report(this.dependencies.log, error, 'a request to a room failed in the background', { room: this.room.jid.toString() });
        const bytes = Buffer.from(errorOf(iq, toStanzaError(error), this.room.jid).toString());
        return [{ bytes, recipients: [this.#asker] }];
      }
    });
  }

  bounce(stanza: Stanza, error: StanzaError): void {
    if (stanza.type === 'error' || stanza.type === 'result') return;
    this.reply(errorOf(stanza, error, this.room.jid));
  }
}

function refuseOutsider({ from, room }: RoomTurn): never {
  throw new StanzaError('not-acceptable', `${from} is not in ${room.jid}`);
}
