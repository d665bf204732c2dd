/**
 * One room as its worker holds it in memory: a copy of its rows, which it changes together with them. Nothing here is lost with
 * the worker; `room-store.ts` reads it all again.
 */

import type { Hides, SessionAddress } from '../../../lib/runtime/wire.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { roomLimits } from '../limits.ts';
import type { Affiliation, Role } from './affiliation.ts';
import { AffiliationList } from './affiliation-list.ts';
import type { RoomConfig } from './config.ts';
import { nickKey } from './nick-key.ts';
import type { Archived, Subject } from './room-rows.ts';
import type { Recipient } from './sending.ts';

/** One client of an occupant: a session, as the room knows it. */
export interface Seat {
  /** Full JID. */
  readonly jid: Jid;
  /** The node that holds the session; undefined for sessions of other tenants. */
  address: SessionAddress | undefined;
  /** What the client last said of itself: `<presence>…</presence>` without addresses. */
  presence: string;
  /** When it entered, or entered again from inside. */
  joinedAt: number;
  /** The last archive id of the room when it entered. It is sent later messages as they come. */
  after: string;
  /**
   * The archive id of the first message that did not reach it. It is sent everything from there on when it is back
   * (missed/missed.ts).
   */
  missedFrom?: string | undefined;
  /** Occupants that its account has blocked. Nothing that is from them is sent to it. */
  hides?: Hides | undefined;
}

/** Whoever speaks under one nick: one bare JID, with one or several clients. */
export interface Occupant {
  nick: string;
  role: Role;
  readonly bare: Jid;
  /** Which account of that name it is, as a router says. */
  readonly incarnation?: string | undefined;
  /** XEP-0421. */
  readonly id: string;
  /** Never empty. Others see the presence of the last one. */
  seats: Seat[];
}

export interface OccupantSeat {
  readonly occupant: Occupant;
  readonly seat: Seat;
}

/** A message that new occupants may be sent, with its archive id. */
export interface Remembered extends Archived {
  readonly id: string;
}

export class Room {
  /** The tenant's domain. */
  readonly domain: string;
  readonly jid: Jid;
  /** undefined while the room does not exist. */
  config: RoomConfig | undefined;
  subject: Subject | undefined;
  readonly affiliations = new AffiliationList();
  /** By {@link nickKey}. */
  readonly occupants = new Map<string, Occupant>();
  /** Occupants by their bare JID and by its domain, so that an address finds them without a search. */
  readonly #byAddress = new Map<string, Set<Occupant>>();
  /** By full JID. {@link addSeat} and {@link removeSeat} change it. */
  readonly seats = new Map<string, OccupantSeat>();
  /** Seats that missed a message: what goes into the archive is not sent to them until they have had the rest from there. */
  readonly missed = new Set<Seat>();
  /** Seats whose account has blocked some occupant. */
  readonly hiding = new Set<Seat>();
  /** The last messages, oldest first, for new occupants (XEP-0045 §7.2.13). */
  history: Remembered[] = [];
  /** Roles that outlast a visit in a moderated room (XEP-0045 §5.1), by bare JID. */
  readonly keptRoles = new Map<string, Role>();
  /** How many occupants the tenant's list of rooms shows. */
  listedOccupants = 0;
  /** What the parts of features ({@link roomPart}) belong to. */
  parts: object = {};

  readonly #tenantSecret: string;

  /** @param tenantSecret base64 */
  constructor(domain: string, jid: Jid, tenantSecret: string) {
    this.#tenantSecret = tenantSecret;
    this.domain = domain;
    this.jid = jid;
  }

  /** @throws {StanzaError} item-not-found when the room does not exist (XEP-0045 §15.6.2 for messages, §7.2.10 for entering) */
  get existing(): RoomConfig {
    if (!this.config) throw new StanzaError('item-not-found', `there is no room ${this.jid}`);
    return this.config;
  }

  /** The key for what is derived from addresses and leaves the room (lib/runtime/secrets.ts). It ends with the room. */
  get secret(): string {
    return this.config?.secret ?? this.#tenantSecret;
  }

  find(jid: Jid): OccupantSeat | undefined {
    return this.seats.get(jid.toString());
  }

  /** XEP-0191 §3.3: does the recipient's account block this occupant? Nobody is hidden from itself. */
  isHidden(nick: string, recipient: Recipient): boolean {
    const found = this.seats.get(recipient.jid.toString());
    return found !== undefined && found.occupant.nick !== nick && found.seat.hides?.nicks.includes(nick) === true;
  }

  /**
   * The recipients who may get this stanza: those who do not block the occupant that it is from. All that a room sends passes
   * here.
   */
  withoutHiding(bytes: Buffer, recipients: readonly Recipient[]): readonly Recipient[] {
    if (this.hiding.size === 0) return recipients;
    const nick = Stanza.parse(bytes).from?.resource ?? '';
    return nick === '' ? recipients : recipients.filter((recipient) => !this.isHidden(nick, recipient));
  }

  /** @returns false when the seat has this version of the list, or a later one */
  hide(seat: Seat, hides: Hides): boolean {
    if ((seat.hides?.version ?? 0) >= hides.version) return false;
    seat.hides = hides;
    if (hides.nicks.length > 0) this.hiding.add(seat);
    else this.hiding.delete(seat);
    return true;
  }

  withNick(nick: string): Occupant | undefined {
    const key = nickKey(nick);
    return key === undefined ? undefined : this.occupants.get(key);
  }

  occupantsOf(bare: Jid): Occupant[] {
    return this.occupantsAt(bare).filter((occupant) => occupant.bare.equals(bare));
  }

  /** The occupants to whom an affiliation belongs: it may be that of a bare JID, or of everybody at a domain. */
  occupantsAt(jid: Jid): Occupant[] {
    return [...(this.#byAddress.get(jid.toString()) ?? [])];
  }

  addSeat(occupant: Occupant, seat: Seat): void {
    this.occupants.set(nickKey(occupant.nick)!, occupant);
    for (const address of addressesOf(occupant)) {
      const there = this.#byAddress.get(address);
      if (there) there.add(occupant);
      else this.#byAddress.set(address, new Set([occupant]));
    }
    if (!occupant.seats.includes(seat)) occupant.seats.push(seat);
    this.seats.set(seat.jid.toString(), { occupant, seat });
    if (seat.missedFrom !== undefined) this.missed.add(seat);
    if (seat.hides !== undefined && seat.hides.nicks.length > 0) this.hiding.add(seat);
  }

  removeSeat(occupant: Occupant, seat: Seat): void {
    occupant.seats = occupant.seats.filter((other) => other !== seat);
    this.seats.delete(seat.jid.toString());
    this.missed.delete(seat);
    this.hiding.delete(seat);
    if (occupant.seats.length > 0) return;
    this.occupants.delete(nickKey(occupant.nick)!);
    for (const address of addressesOf(occupant)) {
      const there = this.#byAddress.get(address);
      there?.delete(occupant);
      if (there?.size === 0) this.#byAddress.delete(address);
    }
  }

  rename(occupant: Occupant, nick: string): void {
    this.occupants.delete(nickKey(occupant.nick)!);
    occupant.nick = nick;
    this.occupants.set(nickKey(nick)!, occupant);
  }

  /** The room has ended. The `state` row goes on knowing the last id of its archive. */
  clear(): void {
    this.config = undefined;
    this.subject = undefined;
    this.affiliations.clear();
    this.occupants.clear();
    this.#byAddress.clear();
    this.seats.clear();
    this.missed.clear();
    this.hiding.clear();
    this.history = [];
    this.keptRoles.clear();
    this.parts = {};
  }

  /** XEP-0045 §5.2. A whole domain may be banned (§9.2); rooms of older versions may have domains as members, which they stay. */
  affiliationOf(jid: Jid): Affiliation {
    const found = this.affiliations.get(jid.bare.toString()) ?? this.affiliations.get(jid.domain);
    return found?.affiliation ?? 'none';
  }

  remember(id: string, entry: Archived): void {
    if (entry.subject || entry.retracted) return;
    this.history.push({ ...entry, id });
    if (this.history.length > roomLimits.historyMax) this.history.shift();
  }

  /** May this recipient see real JIDs (XEP-0045 §4.2)? */
  seesJids(recipient: Occupant): boolean {
    return this.config?.whois === 'anyone' || recipient.role === 'moderator';
  }
}

function addressesOf({ bare }: Occupant): ReadonlySet<string> {
  return new Set([bare.toString(), bare.domain]);
}
