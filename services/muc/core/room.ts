/**
 * One room as its worker holds it in memory: a copy of its rows, which it changes together with them. Nothing here is lost with the
 * worker; `room-store.ts` reads it all again.
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
import type { ActivityRow, Archived, HatsRow, Subject } from './room-rows.ts';
import type { Recipient } from './sending.ts';

/** One client of an occupant. */
export interface Session {
  /** Full JID. */
  readonly jid: Jid;
  /** Set when it is of this tenant and its node is known. */
  address: SessionAddress | undefined;
  /** `<presence>…</presence>` without addresses: what it last said of itself. */
  presence: string;
  /** Or entered again, of late. */
  joinedAt: number;
  /** The room's last archive id when it came: what follows it is sent as it comes. */
  after: string;
  /** The first message of the archive that did not reach it: from there on it is sent what is there when it is back (refill.ts). */
  behind?: string | undefined;
  /** Occupants that its account has blocked: nothing of them is sent to it. */
  hides?: Hides | undefined;
}

/** Who speaks under one nick: one bare JID, with one or several clients. */
export interface Occupant {
  nick: string;
  role: Role;
  readonly bare: Jid;
  /** Of its account, as a router says it. */
  readonly incarnation?: string | undefined;
  /** XEP-0421. */
  readonly id: string;
  /** The last one is whose presence others see. Never empty. */
  sessions: Session[];
}

/** A message that new occupants may be sent, with its archive id. */
export interface Remembered extends Archived {
  readonly id: string;
}

export class Room {
  /** The tenant's domain. */
  readonly domain: string;
  readonly jid: Jid;
  /** undefined: there is no such room. */
  config: RoomConfig | undefined;
  subject: Subject | undefined;
  readonly affiliations = new AffiliationList();
  /** By {@link nickKey}. */
  readonly occupants = new Map<string, Occupant>();
  /** By bare JID, and by its domain: who is meant by an address is found without looking at all. */
  readonly #byAddress = new Map<string, Set<Occupant>>();
  /** By full JID. */
  readonly #bySession = new Map<string, { occupant: Occupant; session: Session }>();
  /** Those that are not sent what goes into the archive: they are to get it from there. */
  readonly behind = new Set<Session>();
  /** Those whose account has blocked some occupant. */
  readonly hiding = new Set<Session>();
  /** The last messages, oldest first, for §7.2.13. */
  history: Remembered[] = [];
  /** XEP-0463: JIDs whose affiliation has ended, by the version that ended it; older ones than the floor are forgotten. */
  readonly former = new Map<string, string>();
  formerFloor = '';
  /** §5.1: roles in a moderated room that are to last, by bare JID. */
  readonly keptRoles = new Map<string, Role>();
  /** XEP-0317. */
  hats: HatsRow = { hats: [], wearers: {} };
  /** XEP-0500: when each bare JID has spoken last. */
  readonly spoke = new Map<string, number>();
  /** XEP-0502: the whole hours that were counted, and the count of the hour that runs. */
  activity: ActivityRow | undefined;
  activityNow = { hour: 0, count: 0 };
  /** Occupants that the tenant's list of rooms tells of. */
  listedOccupants = 0;

  readonly #tenantSecret: string;

  /** @param tenantSecret base64 */
  constructor(domain: string, jid: Jid, tenantSecret: string) {
    this.#tenantSecret = tenantSecret;
    this.domain = domain;
    this.jid = jid;
  }

  /** @throws {StanzaError} item-not-found when there is no such room (§15.6.2 of messages, §7.2.10 of entering) */
  get existing(): RoomConfig {
    if (!this.config) throw new StanzaError('item-not-found', `there is no room ${this.jid}`);
    return this.config;
  }

  /** For what is derived from addresses and leaves the room (lib/runtime/secrets.ts). Made with the room, gone with it. */
  get secret(): string {
    return this.config?.secret ?? this.#tenantSecret;
  }

  get sessionCount(): number {
    return this.#bySession.size;
  }

  find(jid: Jid): { readonly occupant: Occupant; readonly session: Session } | undefined {
    return this.#bySession.get(jid.toString());
  }

  /** XEP-0191 §3.3: does the recipient's account block this occupant? Nobody is hidden from itself. */
  isHidden(nick: string, recipient: Recipient): boolean {
    const found = this.#bySession.get(recipient.jid.toString());
    return found !== undefined && found.occupant.nick !== nick && found.session.hides?.nicks.includes(nick) === true;
  }

  /** The one gate for all that a room sends: those who may get this stanza, by the occupant that it is from. */
  withoutHiding(bytes: Buffer, recipients: readonly Recipient[]): readonly Recipient[] {
    if (this.hiding.size === 0) return recipients;
    const nick = Stanza.parse(bytes).from?.resource ?? '';
    return nick === '' ? recipients : recipients.filter((recipient) => !this.isHidden(nick, recipient));
  }

  hide(session: Session, hides: Hides): boolean {
    if ((session.hides?.version ?? 0) >= hides.version) return false;
    session.hides = hides;
    if (hides.nicks.length > 0) this.hiding.add(session);
    else this.hiding.delete(session);
    return true;
  }

  withNick(nick: string): Occupant | undefined {
    const key = nickKey(nick);
    return key === undefined ? undefined : this.occupants.get(key);
  }

  occupantsOf(bare: Jid): Occupant[] {
    return this.occupantsAt(bare).filter((occupant) => occupant.bare.equals(bare));
  }

  /** Those that an affiliation is of: of a bare JID, or of a domain with all that are from there. */
  occupantsAt(jid: Jid): Occupant[] {
    return [...(this.#byAddress.get(jid.toString()) ?? [])];
  }

  sessions(): Iterable<{ readonly occupant: Occupant; readonly session: Session }> {
    return this.#bySession.values();
  }

  addSession(occupant: Occupant, session: Session): void {
    this.occupants.set(nickKey(occupant.nick)!, occupant);
    for (const address of addressesOf(occupant)) {
      const there = this.#byAddress.get(address);
      if (there) there.add(occupant);
      else this.#byAddress.set(address, new Set([occupant]));
    }
    if (!occupant.sessions.includes(session)) occupant.sessions.push(session);
    this.#bySession.set(session.jid.toString(), { occupant, session });
    if (session.behind !== undefined) this.behind.add(session);
    if (session.hides !== undefined && session.hides.nicks.length > 0) this.hiding.add(session);
  }

  removeSession(occupant: Occupant, session: Session): void {
    occupant.sessions = occupant.sessions.filter((other) => other !== session);
    this.#bySession.delete(session.jid.toString());
    this.behind.delete(session);
    this.hiding.delete(session);
    if (occupant.sessions.length > 0) return;
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

  /** The room is gone; its archive's last id stays known to the state row. */
  clear(): void {
    this.config = undefined;
    this.subject = undefined;
    this.affiliations.clear();
    this.occupants.clear();
    this.#byAddress.clear();
    this.#bySession.clear();
    this.behind.clear();
    this.hiding.clear();
    this.history = [];
    this.former.clear();
    this.formerFloor = '';
    this.keptRoles.clear();
    this.hats = { hats: [], wearers: {} };
    this.spoke.clear();
    this.activity = undefined;
    this.activityNow = { hour: 0, count: 0 };
  }

  /** §5.2; a domain may be banned as a whole (§9.2). Older versions let domains be members, too, which they stay. */
  affiliationOf(jid: Jid): Affiliation {
    const found = this.affiliations.get(jid.bare.toString()) ?? this.affiliations.get(jid.domain);
    return found?.affiliation ?? 'none';
  }

  remember(id: string, entry: Archived): void {
    if (entry.subject || entry.retracted) return;
    this.history.push({ ...entry, id });
    if (this.history.length > roomLimits.historyMax) this.history.shift();
  }

  /** May this recipient see real JIDs (§4.2)? */
  seesJids(recipient: Occupant): boolean {
    return this.config?.whois === 'anyone' || recipient.role === 'moderator';
  }
}

function addressesOf({ bare }: Occupant): ReadonlySet<string> {
  return new Set([bare.toString(), bare.domain]);
}
