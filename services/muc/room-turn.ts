/**
 * The handling of one request: what a use case sees of the room, and where it queues its effects.
 *
 * A use case checks first, then changes the room in memory and queues the rows and stanzas for it. A {@link StanzaError} before
 * the first change leaves nothing behind and is answered to the sender.
 */
import type { Collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { SessionAddress } from '../../lib/runtime/wire.ts';
import { type Element, xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Affiliation } from './affiliation.ts';
import type { RoomConfig } from './config.ts';
import type { Parts } from './parts.ts';
import type { Occupant, Room, Session } from './room.ts';
import {
  affiliationRows,
  directory,
  directoryPart,
  jidKey,
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
}

export class RoomTurn {
  readonly parts: Parts;
  readonly tenant: Tenant;
  readonly room: Room;
  readonly rows: Rows;
  readonly now: number;
  readonly requestId: string | undefined;
  /** Who sent the stanza. */
  readonly from: Jid;
  readonly #asker: Recipient;
  readonly #loaded: LoadedRoom;
  readonly writes: PendingWrite[] = [];
  readonly sendings: Sending[] = [];
  readonly background: Background[] = [];
  isCleared = false;
  needsFence = false;
  bytes = 0;

  constructor(parts: Parts, tenant: Tenant, loaded: LoadedRoom, asker: Asker) {
    this.parts = parts;
    this.tenant = tenant;
    this.room = loaded.room;
    this.#loaded = loaded;
    this.rows = Rows.ofRoom(parts.store, tenant.domain, loaded.room.jid.local);
    this.now = parts.clock.now();
    this.requestId = asker.requestId;
    this.from = asker.from;
    this.#asker = asker.recipient;
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

  /** Where the sender's session is held, when it is of this tenant. */
  get address(): SessionAddress | undefined {
    return this.#asker.address;
  }

  get lastId(): string {
    return this.#loaded.fence.lastId;
  }

  /** An archive id behind all others of the room. */
  nextId(): string {
    return this.#loaded.fence.nextId(this.parts.ids.mint());
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
    const { nick, role } = occupant;
    const { jid, address, joinedAt } = session;
    this.put(occupantRows, jidKey(jid.toString()), { jid: jid.toString(), nick, role, joinedAt, ...address });
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
    const rows = Rows.ofDirectory(this.parts.store, this.tenant.domain, directoryPart(name));
    const isListed = config?.public && !config.isLocked;
    this.#write({ ...rows.keyOf(directory, name), value: config && { createdAt: config.createdAt } });
    this.#write({ ...rows.keyOf(listed, name), value: isListed ? { name: config.name } : undefined });
  }

  /** To occupants and others; `bytes` is a stanza with `from` and without `to`. */
  send(bytes: Buffer, recipients: readonly Recipient[]): void {
    if (recipients.length === 0) return;
    this.sendings.push({ bytes, recipients });
    if (recipients.length > 1 || recipients[0] !== this.#asker) this.needsFence = true;
  }

  /** To all clients of all occupants. */
  broadcast(bytes: Buffer): void {
    this.send(
      bytes,
      [...this.room.sessions()].map(({ session }) => session),
    );
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
        if (!(error instanceof StanzaError)) throw error;
        return [{ bytes: Buffer.from(errorOf(iq, error, this.room.jid).toString()), recipients: [this.#asker] }];
      }
    });
  }

  bounce(stanza: Stanza, error: StanzaError): void {
    if (stanza.type === 'error' || stanza.type === 'result') return;
    this.reply(errorOf(stanza, error, this.room.jid));
  }
}

/** `<iq type='result'/>` without `to`. */
export function resultOf(iq: Stanza, child?: Element): Element {
  return xml('iq', { from: iq.attributes.to, id: iq.id, type: 'result' }, child);
}

/** RFC 6120 §8.3.1, and `by` as in the examples of XEP-0045. */
export function errorOf(stanza: Stanza, error: StanzaError, by: Jid): Element {
  const { condition, text, type, uri, extra } = error;
  const named = new StanzaError(condition, text, { type, uri, extra, by: error.by ?? by.toString() });
  return xml(stanza.name, { from: stanza.attributes.to, id: stanza.id, type: 'error' }, named.toElement());
}
