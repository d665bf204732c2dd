/** What a feature sees of one account in one turn: its rows, its sessions, and ways to queue effects. */
import { Unavailable } from '../../../lib/ports/store.ts';
import type { Collection } from '../../../lib/runtime/collection.ts';
import type { Target } from '../../../lib/runtime/deliverer.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { type Owner, readSessions, type SessionEntry, updateSession, updateSessions } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { accounts } from './accounts.ts';
import { RowHolder } from './row-holder.ts';
import type { Pending } from './stages.ts';
import type { Hosted, Turn } from './turn.ts';

/** The session that sent the batch. */
export interface OwnSession {
  readonly node: string;
  readonly sid: string;
  readonly resource: string;
  /** {@link StepRequest.resumeMs} */
  readonly resumeMs?: number | undefined;
}

export class Account extends RowHolder implements Owner {
  readonly local: string;
  /** The session whose stanza is handled; absent when a stanza arrives at the account. */
  readonly session: OwnSession | undefined;
  /** The full JID of the session whose stanza is handled, otherwise the bare JID. */
  readonly fullJid: Jid;
  /** The collections that were read for the stages, and the value of each, from `#start` on. */
  #reads: readonly Collection<unknown>[] | undefined;
  #values: readonly unknown[] | undefined;
  #start = 0;

  /** @param address the account's JID if the caller has it; with a session, the session's full JID */
  constructor(turn: Turn, tenant: Tenant, local: string, session?: OwnSession, address?: Jid) {
    const jid = address?.bare ?? Jid.of(local, tenant.domain);
    const { domain } = tenant;
    super(turn, tenant, jid, turn.prefetched?.rowsOf(domain, local) ?? Rows.ofAccount(turn.dependencies.store, domain, local));
    this.local = local;
    this.session = session;
    this.fullJid = session === undefined ? jid : (address ?? jid.withResource(session.resource));
  }

  get now(): Date {
    return new Date(this.turn.dependencies.clock.now());
  }

  /** Another account of the same tenant, in the same turn. @param address any JID of that account */
  other(address: Jid): Account {
    return new Account(this.turn, this.tenant, address.local, undefined, address);
  }

  async exists(): Promise<boolean> {
    return (await this.get(accounts)) !== undefined;
  }

  /** Reads the rows that the stages of this direction look at (`reads`), unless that has been done. */
  prefetch(direction: 'outbound' | 'inbound'): Pending {
    if (this.#reads !== undefined) return;
    const { reads } = this.turn.dependencies.features[direction];
    const { prefetched } = this.turn;
    const start = prefetched?.startOf(this, direction);
    if (start === undefined) return this.#read(reads);
    this.#reads = reads;
    this.#values = prefetched!.values;
    this.#start = start;
  }

  async #read(reads: readonly Collection<unknown>[]): Promise<void> {
    this.#values = await this.rows.getAll(reads);
    this.#reads = reads;
  }

  /**
   * Gives a stage the row of a collection that its feature names in `reads`, without waiting. Inbound stages may ask for
   * `accounts` too.
   */
  prefetched<Value>(collection: Collection<Value>): Value | undefined {
    const index = this.#reads?.indexOf(collection) ?? -1;
    if (index < 0) throw new Error(`no feature names ${collection.name} in its reads`);
    return this.#values![this.#start + index] as Value | undefined;
  }

  hasPrefetched(collection: Collection<unknown>): boolean {
    return this.#reads?.includes(collection) === true;
  }

  /** What stanzas of this account reach at a domain, see {@link Route.hosted}. */
  hosted(domain: string): Promise<Hosted | undefined> {
    const { route, tenants } = this.turn.dependencies;
    return route.hosted(tenants, this.tenant, domain);
  }

  /** Adds to a counter at once. If the turn fails later, its number is simply left out. */
  add(collection: Collection<number>, by: number, key = ''): Promise<number> {
    return this.rows.add(collection, by, key);
  }

  /** Changes the entry of this session at once. If there is no such entry any more, only the session's stream ends. */
  async updateSession(change: (entry: SessionEntry) => SessionEntry): Promise<readonly SessionEntry[]> {
    if (!this.session) throw new Error(`no session of ${this.jid} is acting`);
    const sessions = await updateSession(this.turn.dependencies.store, this, this.session.sid, (entry) =>
      this.kept(entry, change(entry)),
    );
    this.checkHeld(sessions);
    return sessions;
  }

  /** Adds to a change of this session's entry how long the session can be resumed. */
  kept(before: SessionEntry, after: SessionEntry): SessionEntry {
    const resumeMs = this.session?.resumeMs;
    return after === before || resumeMs === undefined || after.resumeMs === resumeMs ? after : { ...after, resumeMs };
  }

  /**
   * Ends this session's stream if the session is over and its node does not know: because the account was removed, or because
   * the node was silent for so long that it was taken for dead. Nothing is delivered to such a session, so its client would wait
   * in vain.
   * @returns this session's entry if it is there
   */
  checkHeld(sessions: readonly SessionEntry[]): SessionEntry | undefined {
    const { session } = this;
    if (!session) return undefined;
    const entry = sessions.find(({ sid }) => sid === session.sid);
    if (!entry || entry.parked?.by === session.node) this.turn.origin?.lost();
    return entry;
  }

  /**
   * Is this session still there? Another one may have taken its place.
   * @throws {Unavailable} when the entry names another node: the session has moved there, or has come here and routers will hear
   *   of it
   */
  async isHeld(): Promise<boolean> {
    const { session } = this;
    const [sessions] = await readSessions(this.turn.dependencies.store, [this]);
    const entry = this.checkHeld(sessions!);
    if (!entry || entry.parked?.by === session?.node) return false;
    if (entry.node !== session?.node) throw new Unavailable(`the session's entry names ${entry.node || 'no node'}`);
    return true;
  }

  /** Changes the entries of all sessions at once. */
  updateSessions(change: (sessions: readonly SessionEntry[]) => readonly SessionEntry[]): Promise<readonly SessionEntry[]> {
    return updateSessions(this.turn.dependencies.store, this, change);
  }

  /** Queues work that is done after the commit, and that needs the account's sessions. */
  withSessions(use: (sessions: readonly SessionEntry[]) => Pending): void {
    this.turn.withSessionsOf(this, use);
  }

  /**
   * Queues a delivery to the sessions that `which` picks. Unless the stanza has a `to`, each gets it with its own full JID as
   * `to`.
   * @param id of the stanza's archive entry, see {@link DeliverItem.id}
   */
  deliver(stanza: Element, which: (entry: SessionEntry) => boolean, id?: string): void {
    const spliced = stanza.attrs.to === undefined;
    const bytes = Buffer.from(stanza.toString());
    this.withSessions((sessions) => this.deliverTo(sessions.filter(which), bytes, spliced, id));
  }

  /**
   * Delivers to these sessions. Call it only inside `withSessions`.
   * @param spliced true: the stanza has no `to`; add each full JID
   */
  deliverTo(sessions: readonly SessionEntry[], bytes: Buffer, spliced: boolean, id?: string): void {
    // A session's entry is a target as it is. A copy would be one more object for each message.
    const targets: readonly Target[] = spliced
      ? sessions.map(({ node, sid, resource }) => ({ node, sid, to: this.jid.withResource(resource).toString() }))
      : sessions;
    this.turn.deliver(targets, bytes, id);
  }

  /** Queues a push (RFC 6121 §2.1.6): an iq of type `set`, from the account to each session that `which` picks. */
  push(child: Element, which: (entry: SessionEntry) => boolean): void {
    this.deliver(
      xml('iq', { from: this.jid.toString(), type: 'set', id: `push-${this.turn.dependencies.ids.mint()}` }, child),
      which,
    );
  }
}
