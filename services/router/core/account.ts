/**
 * What a feature sees of one account in one turn: its rows, its sessions, and ways to queue effects. The tenant is inside and in
 * no argument, so a feature cannot name another tenant's rows.
 */
import { Unavailable } from '../../../lib/ports/store.ts';
import type { Collection } from '../../../lib/runtime/collection.ts';
import { type Item, type ListOptions, Rows } from '../../../lib/runtime/rows.ts';
import { type Owner, readSessions, type SessionEntry, updateSession, updateSessions } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { accounts } from './accounts.ts';
import type { Pending } from './stages.ts';
import type { OnRefusal, Turn } from './turn.ts';

/** The session that a batch came from. */
export interface OwnSession {
  readonly node: string;
  readonly sid: string;
  readonly resource: string;
  /** {@link StepRequest.resumeMs} */
  readonly resumeMs?: number | undefined;
}

export class Account implements Owner {
  readonly turn: Turn;
  readonly tenant: Tenant;
  readonly local: string;
  /** Set while a stanza of this session is handled; absent for what arrives. */
  readonly session: OwnSession | undefined;
  readonly rows: Rows;
  #jid: Jid | undefined;
  #fullJid: Jid | undefined;
  /** What was read for the stanza that is handled, in the order of `#reads`. */
  #loaded: readonly unknown[] | undefined;
  #reads: readonly Collection<unknown>[] = [];

  constructor(turn: Turn, tenant: Tenant, local: string, session?: OwnSession, jid?: Jid) {
    this.#jid = jid;
    this.turn = turn;
    this.tenant = tenant;
    this.local = local;
    this.session = session;
    this.rows = Rows.ofAccount(turn.dependencies.store, tenant.domain, local);
  }

  get domain(): string {
    return this.tenant.domain;
  }

  /** The bare JID. */
  get jid(): Jid {
    this.#jid ??= Jid.of(this.local, this.tenant.domain);
    return this.#jid;
  }

  /** The full JID of the session whose stanza is handled, else the bare JID. */
  get fullJid(): Jid {
    this.#fullJid ??= this.session ? this.jid.withResource(this.session.resource) : this.jid;
    return this.#fullJid;
  }

  get now(): Date {
    return new Date(this.turn.dependencies.clock.now());
  }

  /** Another account of the same tenant, in the same turn. */
  other(local: string): Account {
    return new Account(this.turn, this.tenant, local);
  }

  async exists(): Promise<boolean> {
    return (await this.get(accounts)) !== undefined;
  }

  /** Reads what the features' stages look at, and for what arrives, whether there is such an account; once. */
  load(direction: 'outbound' | 'inbound'): Pending {
    if (this.#loaded !== undefined) return;
    const reads = this.turn.dependencies.features.reads(direction);
    const read = this.turn.prefetched?.of(this, direction);
    if (read === undefined) return this.rows.getAll(reads).then((values) => this.#take(reads, values));
    this.#take(reads, read);
  }

  #take(reads: readonly Collection<unknown>[], values: readonly unknown[]): void {
    this.#reads = reads;
    this.#loaded = values;
  }

  /** As `get`, of a row that a feature's `reads` name, or of the account itself, while its stages run. */
  loaded<Value>(collection: Collection<Value>): Value | undefined {
    const index = this.#reads.indexOf(collection);
    if (index < 0) throw new Error(`${collection.name} is not among what is read for the stages`);
    return this.#loaded?.[index] as Value | undefined;
  }

  /** Does not see what this turn has queued. */
  async get<Value>(collection: Collection<Value>, key = ''): Promise<Value | undefined> {
    return (await this.rows.get(collection, key))?.value;
  }

  list<Value>(collection: Collection<Value>, options: ListOptions): Promise<Item<Value>[]> {
    return this.rows.list(collection, options);
  }

  /** Queued; written when the turn commits. */
  put<Value>(collection: Collection<Value>, key: string, value: Value, expiresAtMs?: number): void {
    this.turn.put(this.rows.row(collection, key, value, expiresAtMs));
  }

  /** Queued. */
  delete(collection: Collection<unknown>, key = ''): void {
    this.turn.delete(this.rows.keyOf(collection, key));
  }

  /** At once: a number that is used up although the turn fails does no harm. */
  add(collection: Collection<number>, by: number, key = ''): Promise<number> {
    return this.rows.add(collection, by, key);
  }

  /**
   * At once, with compare and swap, see {@link update}: for all rows of which the last change counts.
   * @throws {Superseded} by a request that was carried out before, and that others came after
   */
  update<Value>(collection: Collection<Value>, key: string, change: (value: Value | undefined) => Value | undefined) {
    const { by } = this.turn;
    const write = (checked: typeof change) => update(this.rows, collection, key, checked);
    return by === undefined ? write(change) : by.sign(`${this.local} ${collection.name}/${key}`, change, write);
  }

  /** At once: this session's entry. When it is gone, nothing happens but that its stream ends. */
  async updateSession(change: (entry: SessionEntry) => SessionEntry): Promise<readonly SessionEntry[]> {
    if (!this.session) throw new Error(`no session of ${this.jid} is acting`);
    const sessions = await updateSession(this.turn.dependencies.store, this, this.session.sid, (entry) =>
      this.kept(entry, change(entry)),
    );
    this.checkHeld(sessions);
    return sessions;
  }

  /** What is to be written of this session's entry: along with a change goes for how long the session can be resumed. */
  kept(before: SessionEntry, after: SessionEntry): SessionEntry {
    const resumeMs = this.session?.resumeMs;
    return after === before || resumeMs === undefined || after.resumeMs === resumeMs ? after : { ...after, resumeMs };
  }

  /**
   * This session's stream ends when the session is over without its node knowing: the account was removed, or the node was silent so
   * long that it was taken for dead. Its client would wait in vain for what is delivered to sessions that exist.
   */
  checkHeld(sessions: readonly SessionEntry[]): void {
    const { session } = this;
    if (!session) return;
    const entry = sessions.find(({ sid }) => sid === session.sid);
    if (!entry || entry.parked?.by === session.node) this.turn.origin?.lost();
  }

  /**
   * Is this session still there? Another one may have taken its place.
   * @throws {Unavailable} when it is at another node by now, or routers are about to hear that it has come to this one
   */
  async isHeld(): Promise<boolean> {
    const { session } = this;
    const [sessions] = await readSessions(this.turn.dependencies.store, [this]);
    this.checkHeld(sessions!);
    const entry = sessions!.find(({ sid }) => sid === session?.sid);
    if (!entry || entry.parked?.by === session?.node) return false;
    if (entry.node !== session?.node) throw new Unavailable(`the session is said to be at ${entry.node || 'no node'}`);
    return true;
  }

  /** At once: all entries. */
  updateSessions(change: (sessions: readonly SessionEntry[]) => readonly SessionEntry[]): Promise<readonly SessionEntry[]> {
    return updateSessions(this.turn.dependencies.store, this, change);
  }

  /** After the commit, with this account's sessions. */
  withSessions(use: (sessions: readonly SessionEntry[]) => Pending): void {
    this.turn.withSessions([this], ([sessions]) => use(sessions!));
  }

  /**
   * After the commit: to those sessions that `which` picks, each with its full JID as `to` unless the stanza has a `to`.
   * @param id the archive entry behind it, see {@link DeliverItem.id}
   */
  deliver(stanza: Element, which: (entry: SessionEntry) => boolean, id?: string): void {
    const spliced = stanza.attrs.to === undefined;
    const bytes = Buffer.from(stanza.toString());
    this.withSessions((sessions) => this.deliverTo(sessions.filter(which), bytes, spliced, id));
  }

  /** Only inside `withSessions`. `spliced`: the stanza has no `to` and gets the session's full JID. */
  deliverTo(sessions: readonly SessionEntry[], bytes: Buffer, spliced: boolean, id?: string): void {
    const targets = sessions.map(({ node, sid, resource }) => ({
      node,
      sid,
      to: spliced ? this.jid.withResource(resource).toString() : undefined,
    }));
    this.turn.deliver(targets, bytes, id);
  }

  /** After the commit: an iq set from the account to each session that `which` picks (RFC 6121 §2.1.6 and its like). */
  push(child: Element, which: (entry: SessionEntry) => boolean): void {
    this.deliver(
      xml('iq', { from: this.jid.toString(), type: 'set', id: `push-${this.turn.dependencies.ids.mint()}` }, child),
      which,
    );
  }

  /** {@link Turn.post}, as if the stanza had passed this account's outbound guards. */
  post(stanza: Stanza | Buffer, id: string, onRefusal?: OnRefusal): void {
    this.turn.post(this.tenant, stanza, id, onRefusal);
  }
}
