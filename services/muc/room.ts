/**
 * One room as its worker holds it in memory: a copy of its rows, which it changes together with them. Nothing here is lost with the
 * worker; `room-store.ts` reads it all again.
 */
import { limits } from '../../lib/limits.ts';
import type { SessionAddress } from '../../lib/runtime/wire.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import { nicknameKey } from '../../lib/xmpp/precis.ts';
import type { Affiliation, Role } from './affiliation.ts';
import type { RoomConfig } from './config.ts';
import type { Archived, Subject } from './room-rows.ts';

/** One client of an occupant. */
export interface Session {
  /** Full JID. */
  readonly jid: Jid;
  /** Set when it is of this tenant and its node is known. */
  address: SessionAddress | undefined;
  /** `<presence>…</presence>` without addresses: what it last said of itself. */
  presence: string;
  readonly joinedAt: number;
}

/** Who speaks under one nick: one bare JID, with one or several clients. */
export interface Occupant {
  nick: string;
  role: Role;
  readonly bare: Jid;
  /** XEP-0421. */
  readonly id: string;
  /** The last one is whose presence others see. Never empty. */
  sessions: Session[];
}

export interface Affiliated {
  /** Bare JID or domain. */
  readonly jid: string;
  readonly affiliation: Affiliation;
  /** §7.10: reserved for this JID. */
  readonly nick?: string;
}

export class Room {
  /** The tenant's domain. */
  readonly domain: string;
  readonly jid: Jid;
  /** undefined: there is no such room. */
  config: RoomConfig | undefined;
  subject: Subject | undefined;
  readonly affiliations = new Map<string, Affiliated>();
  /** By {@link nicknameKey}. */
  readonly occupants = new Map<string, Occupant>();
  /** By full JID. */
  readonly #bySession = new Map<string, { occupant: Occupant; session: Session }>();
  /** Keys of reserved nicks, which do not change with a row. */
  readonly #reserved = new WeakMap<Affiliated, string | undefined>();
  /** The last messages, oldest first, for §7.2.13. */
  history: Archived[] = [];

  constructor(domain: string, jid: Jid) {
    this.domain = domain;
    this.jid = jid;
  }

  /** @throws {StanzaError} item-not-found when there is no such room (§15.6.2 of messages, §7.2.10 of entering) */
  get existing(): RoomConfig {
    if (!this.config) throw new StanzaError('item-not-found', `there is no room ${this.jid}`);
    return this.config;
  }

  get sessionCount(): number {
    return this.#bySession.size;
  }

  find(jid: Jid): { readonly occupant: Occupant; readonly session: Session } | undefined {
    return this.#bySession.get(jid.toString());
  }

  withNick(nick: string): Occupant | undefined {
    const key = nicknameKey(nick);
    return key === undefined ? undefined : this.occupants.get(key);
  }

  occupantsOf(bare: Jid): Occupant[] {
    return [...this.occupants.values()].filter((occupant) => occupant.bare.equals(bare));
  }

  *sessions(): Iterable<{ readonly occupant: Occupant; readonly session: Session }> {
    yield* this.#bySession.values();
  }

  addSession(occupant: Occupant, session: Session): void {
    this.occupants.set(nicknameKey(occupant.nick)!, occupant);
    if (!occupant.sessions.includes(session)) occupant.sessions.push(session);
    this.#bySession.set(session.jid.toString(), { occupant, session });
  }

  removeSession(occupant: Occupant, session: Session): void {
    occupant.sessions = occupant.sessions.filter((other) => other !== session);
    this.#bySession.delete(session.jid.toString());
    if (occupant.sessions.length === 0) this.occupants.delete(nicknameKey(occupant.nick)!);
  }

  rename(occupant: Occupant, nick: string): void {
    this.occupants.delete(nicknameKey(occupant.nick)!);
    occupant.nick = nick;
    this.occupants.set(nicknameKey(nick)!, occupant);
  }

  /** The room is gone; its archive's last id stays known to the state row. */
  clear(): void {
    this.config = undefined;
    this.subject = undefined;
    this.affiliations.clear();
    this.occupants.clear();
    this.#bySession.clear();
    this.history = [];
  }

  /** §5.2; a domain may be banned or be a member as a whole. */
  affiliationOf(jid: Jid): Affiliation {
    const found = this.affiliations.get(jid.bare.toString()) ?? this.affiliations.get(jid.domain);
    return found?.affiliation ?? 'none';
  }

  /** §7.10: who has reserved the nick. */
  reservedFor(nick: string): string | undefined {
    const key = nicknameKey(nick);
    for (const affiliated of this.affiliations.values()) {
      if (affiliated.nick === undefined) continue;
      if (!this.#reserved.has(affiliated)) this.#reserved.set(affiliated, nicknameKey(affiliated.nick));
      if (this.#reserved.get(affiliated) === key) return affiliated.jid;
    }
    return undefined;
  }

  remember(entry: Archived): void {
    if (entry.subject) return;
    this.history.push(entry);
    if (this.history.length > limits.roomHistoryMax) this.history.shift();
  }

  /** May this recipient see real JIDs (§4.2)? */
  seesJids(recipient: Occupant): boolean {
    return this.config?.whois === 'anyone' || recipient.role === 'moderator';
  }
}
