/**
 * The handling of one request: what a use case sees of the room, and where it queues its effects.
 *
 * A use case checks first, then changes the room in memory and queues the rows and stanzas for it. A {@link StanzaError} before
 * the first change leaves nothing behind and is answered to the sender.
 */
import type { Collection } from '../../../lib/runtime/collection.ts';
import { directoryOf, roomNames } from '../../../lib/runtime/directory.ts';
import { report, toStanzaError } from '../../../lib/runtime/faults.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { secretBytes } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Hides, SessionAddress } from '../../../lib/runtime/wire.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Refill } from '../missed/refill.ts';
import type { Affiliation } from './affiliation.ts';
import type { RoomConfig } from './config.ts';
import type { RoomDependencies } from './dependencies.ts';
import { NS_MUC } from './namespaces.ts';
import type { RateName } from './pace.ts';
import type { Foreseen, Owed } from './prefetch.ts';
import type { Occupant, Room, Session } from './room.ts';
import {
  type Archived,
  affiliationRows,
  jidKey,
  type ListedRoom,
  listed,
  occupantRows,
  type PendingWrite,
  presences,
} from './room-rows.ts';
import type { LoadedRoom } from './room-store.ts';
import type { Recipient, Sending } from './sending.ts';

/** Runs after the batch, beside the room's queue; what it returns is sent then. */
export type Background = () => Promise<readonly Sending[]>;

export interface Asker {
  /** The request's id; absent for what the worker itself starts. */
  readonly requestId?: string;
  readonly from: Jid;
  readonly recipient: Recipient;
  /** {@link RoomRequest.incarnation} */
  readonly incarnation?: string | undefined;
  readonly hides?: Hides | undefined;
}

export class RoomTurn {
  readonly dependencies: RoomDependencies;
  readonly tenant: Tenant;
  readonly room: Room;
  readonly rows: Rows;
  readonly now: number;
  readonly requestId: string | undefined;
  /** Who sent the stanza. */
  readonly from: Jid;
  readonly #asker: Recipient;
  readonly #incarnation: string | undefined;
  readonly #hides: Hides | undefined;
  readonly #loaded: LoadedRoom;
  readonly #foreseen: Foreseen;
  readonly writes: PendingWrite[] = [];
  readonly sendings: Sending[] = [];
  readonly background: Background[] = [];
  readonly refills: Refill[] = [];
  isCleared = false;
  needsFence = false;
  bytes = 0;

  constructor(dependencies: RoomDependencies, tenant: Tenant, loaded: LoadedRoom, asker: Asker, foreseen: Foreseen) {
    this.dependencies = dependencies;
    this.tenant = tenant;
    this.room = loaded.room;
    this.#loaded = loaded;
    this.#foreseen = foreseen;
    this.rows = Rows.ofRoom(dependencies.store, tenant.domain, loaded.room.jid.local);
    this.now = dependencies.clock.now();
    this.requestId = asker.requestId;
    this.from = asker.from;
    this.#asker = asker.recipient;
    this.#incarnation = asker.incarnation;
    this.#hides = asker.hides;
  }

  get config(): RoomConfig {
    return this.room.existing;
  }

  /** @throws {StanzaError} item-not-found */
  requireRoom(): void {
    void this.config;
  }

  /** The sender as an occupant, if it is one. */
  get own(): { readonly occupant: Occupant; readonly session: Session } | undefined {
    return this.room.find(this.from);
  }

  /** @throws {StanzaError} not-acceptable (§7.4, §7.5) */
  get ownOrRefuse(): { readonly occupant: Occupant; readonly session: Session } {
    const { own } = this;
    if (!own) throw new StanzaError('not-acceptable', `${this.from} is not in ${this.room.jid}`);
    return own;
  }

  get affiliation(): Affiliation {
    return this.room.affiliationOf(this.from);
  }

  /** Which account of its name the sender is. */
  get incarnation(): string | undefined {
    return this.own?.occupant.incarnation ?? this.#incarnation;
  }

  /** Where the sender's session is held, when it is of this tenant. */
  get address(): SessionAddress | undefined {
    return this.#asker.address;
  }

  /** Has the tenant as many rooms as it may have? Known only when this request could make one. */
  get isTenantFull(): boolean {
    return this.#foreseen.isTenantFull;
  }

  /** Has this account made as many rooms as it may? Known only when this request could make one. */
  isMakerFull(bare: Jid): boolean {
    return this.#foreseen.fullMakers.has(bare.toString());
  }

  /** What the sender has blocked of the room, as its presence says. */
  get hides(): Hides | undefined {
    return this.#hides;
  }

  /** What the sender's session has not got yet, when this turn is to send it. */
  get owed(): Owed | undefined {
    return this.own && this.#foreseen.owed.get(this.own.session);
  }

  /** An entry of the archive that the request names (`foresee.ts`). */
  entry(id: string): Archived | undefined {
    return this.#foreseen.entries.get(id);
  }

  /** Other entries that are the same text as this one. */
  versions(id: string): readonly string[] {
    return this.#foreseen.versions.get(id) ?? [];
  }

  setEntry(id: string, entry: Archived): void {
    this.#foreseen.entries.set(id, entry);
  }

  /**
   * Not faster than the rate lets this account act in this room.
   * @throws {StanzaError} policy-violation of type wait
   */
  demandPace(name: RateName, count = 1): void {
    this.dependencies.pace.demand(name, `${this.room.jid} ${this.from.bare}`, count);
  }

  get lastId(): string {
    return this.#loaded.fence.lastId;
  }

  /** An archive id behind all others of the room. */
  nextId(): string {
    return this.#loaded.fence.nextId(this.dependencies.ids.mint());
  }

  newSecret(): string {
    return this.dependencies.clock.randomBytes(secretBytes).toString('base64');
  }

  put<Value>(collection: Collection<Value>, key: string, value: Value, expiresAtMs?: number): void {
    this.#write({ ...this.rows.keyOf(collection, key), value, expiresAtMs });
    this.bytes += Buffer.byteLength(JSON.stringify(value));
  }

  delete(collection: Collection<unknown>, key = ''): void {
    this.#write(this.rows.keyOf(collection, key));
  }

  #write(write: PendingWrite): void {
    this.writes.push(write);
    this.bytes += 120 + write.partition.length + write.sort.length;
    this.needsFence = true;
  }

  /** All rows of the room but its archive and fence go; the room in memory too. */
  clear(): void {
    this.writes.length = 0;
    this.isCleared = true;
    this.needsFence = true;
    this.room.clear();
    this.#directory(undefined);
  }

  putOccupant(occupant: Occupant): void {
    for (const session of occupant.sessions) this.putSession(occupant, session);
  }

  putSession(occupant: Occupant, session: Session): void {
    const { nick, role, incarnation } = occupant;
    const { jid, address, joinedAt, after, behind, hides } = session;
    const row = { jid: jid.toString(), nick, role, incarnation, joinedAt, after, ...address, behind, hides };
    this.put(occupantRows, jidKey(jid.toString()), row);
  }

  putPresence(session: Session): void {
    this.put(presences, jidKey(session.jid.toString()), session.presence);
  }

  deleteSession(session: Session): void {
    this.delete(occupantRows, jidKey(session.jid.toString()));
    this.delete(presences, jidKey(session.jid.toString()));
  }

  /** Writes the room's own copy, which has changed already. */
  putAffiliation(jid: string): void {
    const found = this.room.affiliations.get(jid);
    if (found) this.put(affiliationRows, jidKey(jid), found);
    else this.delete(affiliationRows, jidKey(jid));
  }

  /** The tenant's lists follow what the config says. */
  putDirectory(config: RoomConfig): void {
    this.#directory(config);
  }

  #directory(config: RoomConfig | undefined): void {
    const name = this.room.jid.local;
    const rows = directoryOf(this.dependencies.store, this.tenant.domain, name);
    this.#write({ ...rows.keyOf(roomNames, name), value: config && { createdAt: config.createdAt, madeBy: config.madeBy } });
    this.#write({ ...rows.keyOf(listed, name), value: config && isListed(config) ? this.#listing(config) : undefined });
  }

  #listing(config: RoomConfig): ListedRoom {
    const { name, description, lang, whois, membersOnly, password } = config;
    const occupants = this.room.occupants.size;
    this.room.listedOccupants = occupants;
    return {
      name,
      description,
      lang,
      occupants,
      isOpen: !membersOnly && password === '',
      isNonAnonymous: whois === 'anyone',
    };
  }

  /** The list of rooms tells how many are inside, give or take a tenth. */
  noteOccupants(): void {
    const { config, occupants, listedOccupants } = this.room;
    if (!config || !isListed(config)) return;
    if (Math.abs(occupants.size - listedOccupants) >= Math.max(1, listedOccupants / 10)) this.#directory(config);
  }

  /** To occupants and others; `bytes` is a stanza with `from` and without `to`. See {@link Sending.dedupeKey}. */
  send(bytes: Buffer, recipients: readonly Recipient[], dedupeKey?: string): void {
    const takers = this.room.withoutHiding(bytes, recipients);
    if (takers.length === 0) return;
    this.sendings.push({ bytes, recipients: takers, dedupeKey });
    if (recipients.length > 1 || recipients[0] !== this.#asker) this.needsFence = true;
  }

  /** To all clients of all occupants; those that are behind get what is in the archive from there, in its order. */
  broadcast(bytes: Buffer, dedupeKey?: string): void {
    const { behind } = this.room;
    const sessions: Session[] = [];
    for (const { session } of this.room.sessions()) if (dedupeKey === undefined || !behind.has(session)) sessions.push(session);
    this.send(bytes, sessions, dedupeKey);
  }

  /** To the sender alone. */
  reply(stanza: Element): void {
    this.send(Buffer.from(stanza.toString()), [this.#asker]);
  }

  /** Answers an iq. */
  result(iq: Stanza, child?: Element): void {
    this.reply(resultOf(iq, child));
  }

  /** For what takes time: pages of the archive. */
  defer(iq: Stanza, run: () => Promise<readonly Buffer[]>): void {
    this.background.push(async () => {
      try {
        return (await run()).map((bytes) => ({ bytes, recipients: [this.#asker] }));
      } catch (error) {
        // Whoever asked waits for an answer, whatever went wrong.
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

function isListed(config: RoomConfig): boolean {
  return config.public && !config.isLocked;
}

/** `<iq type='result'/>` without `to`. */
export function resultOf(iq: Stanza, child?: Element): Element {
  return xml('iq', { from: iq.attributes.to, id: iq.id, type: 'result' }, child);
}

/**
 * RFC 6120 §8.3.1, and `by` as in the examples of XEP-0045. A refused presence also has the `<x/>` of the examples in §7.2: clients
 * (slixmpp, poezio) know by it that a room refuses them, and wait for ever without.
 */
export function errorOf(stanza: Stanza, error: StanzaError, by: Jid): Element {
  const { condition, text, type, uri, extra } = error;
  const named = new StanzaError(condition, text, { type, uri, extra, by: error.by ?? by.toString() });
  const echo = stanza.name === 'presence' ? xml('x', { xmlns: NS_MUC }) : undefined;
  return xml(stanza.name, { from: stanza.attributes.to, id: stanza.id, type: 'error' }, echo, named.toElement());
}
