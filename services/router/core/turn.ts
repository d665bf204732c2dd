/**
 * The effects of one stanza. Handlers queue rows, deliveries and further stanzas here, and nothing happens until `finish`: it commits the
 * rows, then reads sessions, then delivers, and last hands stanzas to other services. A throw before the commit discards all of it. Only
 * after the commit are sessions read: a session that becomes available writes itself first and reads the archive then, so that no
 * message falls between the two.
 */
import type { Key, Put } from '../../../lib/ports/store.ts';
import type { Target } from '../../../lib/runtime/deliverer.ts';
import { leaveMark } from '../../../lib/runtime/resync.ts';
import { type Owner, readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Tenant, Tenants } from '../../../lib/runtime/tenants.ts';
import type { Hides, SessionAddress } from '../../../lib/runtime/wire.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { routerLimits } from '../limits.ts';
import type { Dependencies } from './dependencies.ts';
import { HandOver } from './hand-over.ts';
import type { Prefetched } from './prefetch.ts';
import { errorOf } from './replies.ts';
import type { Pending } from './stages.ts';
import type { Writer } from './writers.ts';

type UseSessions = (lists: readonly (readonly SessionEntry[])[]) => Pending;

interface After {
  readonly owners: readonly Owner[];
  readonly use: UseSessions;
}

/** Who sends a stanza, as far as its `from` does not say it. */
export interface Sender {
  /** Full JID. */
  readonly jid: string | undefined;
  readonly address?: SessionAddress | undefined;
  /** {@link AccountRow.incarnation} */
  readonly incarnation?: string | undefined;
}

/**
 * What becomes of a posted stanza that cannot go anywhere: the handler's stanza is refused with the error and its effects are void (only
 * before the commit), its sender is told as of any error that comes back, or nobody is told.
 */
export type OnRefusal = 'refuse' | 'bounce' | 'quiet';

interface Post {
  readonly tenant: Tenant;
  readonly stanza: Stanza | Buffer;
  readonly id: string;
  readonly onRefusal: OnRefusal;
}

/** What stanzas reach at a domain of this deployment, where handlers treat it in its own way. */
export type Hosted = 'accounts' | 'rooms';

/** Where stanzas go, made of the list of destinations (routing/route.ts). */
export interface Route {
  /** Sends a stanza that has `from` and `to` on its way. Its effects are queued. @throws {StanzaError} the error for the sender */
  (turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Pending;
  /** What the tenant's stanzas reach at this domain. @returns undefined for services, and for domains that are not served here */
  hosted(tenants: Tenants, tenant: Tenant, domain: string): Promise<Hosted | undefined>;
}

/** Declared here, because a route takes a turn and a turn has its dependencies. */
declare module './dependencies.ts' {
  interface Dependencies {
    readonly route: Route;
  }
}

/** Where the batch came from: replies to this session go out with the batch's answer, in order. */
export interface Origin extends SessionAddress, Sender {
  readonly resource: string;
  readonly jid: string;
  reply(xml: Buffer, id?: string): void;
  /** The account's sessions do not name this one any more: its stream is to end. */
  lost(): void;
}

export interface TurnOptions {
  /** Of what this turn is about, {@link Delivery.dedupeKey}. */
  readonly dedupeKey?: string;
  /** What was read for this turn and others. */
  readonly prefetched?: Prefetched;
  /** In whose name rows are changed of which the last change counts. */
  readonly by?: Writer | undefined;
  /** Who sends the stanza that this turn is about, where that is no session of this router's batch. */
  readonly sender?: Sender | undefined;
}

/** There is one for each stanza, and few stanzas have effects of each kind: the lists that are rare are made when they are needed. */
export class Turn {
  readonly dependencies: Dependencies;
  readonly origin: Origin | undefined;
  readonly prefetched: Prefetched | undefined;
  readonly by: Writer | undefined;
  readonly #dedupeKey: string | undefined;
  /** What the sender has blocked of the room that its presence goes to. */
  hides: Hides | undefined;
  /** Some session that is there, or parked, did not confirm what it was sent. */
  hasMissed = false;
  readonly #puts: Put[] = [];
  readonly #committed: (() => Pending)[] = [];
  #deletes: Key[] | undefined;
  #after: After[] = [];
  readonly #pending: Promise<unknown>[] = [];
  #looks: (() => Promise<void>)[] | undefined;
  #handed: (() => Promise<void>)[] | undefined;
  #handOver: HandOver | undefined;
  #posts: Post[] | undefined;
  readonly #sender: Sender | undefined;

  constructor(dependencies: Dependencies, origin?: Origin, { dedupeKey, prefetched, by, sender }: TurnOptions = {}) {
    this.dependencies = dependencies;
    this.origin = origin;
    this.#dedupeKey = dedupeKey;
    this.prefetched = prefetched;
    this.by = by;
    this.#sender = sender ?? origin;
  }

  put(row: Put): void {
    this.#puts.push(row);
  }

  delete(key: Key): void {
    this.#deletes ??= [];
    this.#deletes.push(key);
  }

  /** After the commit, before sessions are read. */
  afterCommit(run: () => Pending): void {
    this.#committed.push(run);
  }

  /**
   * When everything was delivered, if that took so long that what was read for it may have changed: presence that was read before another
   * router changed it may have come behind the change.
   */
  lookAgain(run: () => Promise<void>): void {
    this.#looks ??= [];
    this.#looks.push(run);
  }

  /** When all that this turn sends was handed over: to nodes, other tenants and rooms. */
  afterHandOver(run: () => Promise<void>): void {
    this.#handed ??= [];
    this.#handed.push(run);
  }

  /** After the commit, with the sessions of these accounts (strongly consistent, in the owners' order). Callbacks run in order. */
  withSessions(owners: readonly Owner[], use: UseSessions): void {
    this.#after.push({ owners, use });
  }

  /** Only from a `withSessions` callback. Resolves of itself; `finish` waits for it. */
  deliver(targets: readonly Target[], xml: Buffer, id?: string): void {
    if (targets.length === 0) return;
    this.#pending.push(this.#deliver(targets, xml, id));
  }

  /** Hands a complete stanza to another tenant of this deployment, after the commit. */
  forward(domain: string, stanza: Stanza, id: string): void {
    this.#handOver ??= new HandOver();
    this.#handOver.forward(domain, stanza.bytes, id, this.#senderOf(stanza)?.incarnation ?? '');
  }

  /** Hands a complete stanza to the worker that owns the room, after the commit; rejects `finish` when none takes it. */
  room(tenant: Tenant, room: string, stanza: Stanza, id: string): void {
    const { address, incarnation } = this.#senderOf(stanza) ?? {};
    const hides = address && this.hides;
    this.#handOver ??= new HandOver();
    this.#handOver.room({ kind: 'room', domain: tenant.domain, room, id, sender: address, incarnation, hides }, stanza.bytes);
  }

  /** A turn also sends answers and presence of others. */
  #senderOf({ attributes }: Stanza): Sender | undefined {
    return this.#sender !== undefined && this.#sender.jid === attributes.from ? this.#sender : undefined;
  }

  /**
   * Queued: a stanza with `from` and `to`, sent on its way behind those that were posted before it, when the handler or the callback that
   * runs has ended. Nothing that handles a stanza calls the routing itself.
   */
  post(tenant: Tenant, stanza: Stanza | Buffer, id: string, onRefusal: OnRefusal = 'quiet'): void {
    this.#posts ??= [];
    this.#posts.push({ tenant, stanza, id, onRefusal });
  }

  /**
   * Sends an answer (it has `from` and `to`) to the session that this batch came from if it is the one, else posts it. A message is
   * always posted: other resources have got a copy of what it is the answer to (XEP-0280 §6.1).
   */
  answer(tenant: Tenant, stanza: Element): void {
    const { origin } = this;
    const bytes = Buffer.from(stanza.toString());
    if (origin && stanza.name !== 'message' && stanza.attrs.to === origin.jid) origin.reply(bytes);
    else this.post(tenant, bytes, this.dependencies.ids.mint());
  }

  /** Answers whoever sent the stanza with an error, unless it is an answer itself. */
  bounce(tenant: Tenant, stanza: Stanza, error: StanzaError): void {
    const answer = errorOf(stanza, error);
    if (answer) this.answer(tenant, answer);
  }

  /** Sends what was posted on its way, and what that posts, until nothing is left. @throws {StanzaError} see {@link OnRefusal} */
  drain(): Pending {
    if (this.#posts !== undefined) return this.#drain();
  }

  async #drain(): Promise<void> {
    for (let posts = this.#takePosts(); posts !== undefined; posts = this.#takePosts()) {
      for (const post of posts) await this.#send(post);
    }
  }

  #takePosts(): readonly Post[] | undefined {
    const posts = this.#posts;
    this.#posts = undefined;
    return posts;
  }

  async #send({ tenant, stanza, id, onRefusal }: Post): Promise<void> {
    let sent: Stanza | undefined;
    try {
      sent = stanza instanceof Stanza ? stanza : Stanza.parse(stanza);
      await this.dependencies.route(this, tenant, sent, id);
    } catch (error) {
      if (onRefusal === 'refuse' || !(error instanceof StanzaError)) throw error;
      if (onRefusal === 'bounce' && sent) this.bounce(tenant, sent, error);
    }
  }

  /** {@link Turn.finishAll} of this turn alone. */
  finish(): Promise<void> {
    return Turn.finishAll([this]);
  }

  /**
   * One commit for all turns, then their sessions in one read, then their deliveries in order, then what was posted meanwhile.
   * @throws {Unavailable} when rows could not be written or another service did not take its part: all of it is to be tried again
   * @throws {StanzaError | RemoteFault} when another service refuses its part for good
   */
  static async finishAll(turns: readonly Turn[]): Promise<void> {
    const dependencies = turns[0]?.dependencies;
    if (!dependencies) return;
    for (const turn of turns) if (turn.#posts !== undefined) await turn.#drain();
    const puts = joined(turns, (turn) => turn.#puts);
    if (puts.length > 0) await dependencies.store.batchPut(puts);
    for (const key of turns.flatMap((turn) => turn.#deletes ?? [])) await dependencies.store.delete(key);
    for (const run of joined(turns, (turn) => turn.#committed)) {
      const pending = run();
      if (pending !== undefined) await pending;
    }
    const begun = dependencies.clock.monotonic();
    for (let steps = Turn.#takeAfter(turns); steps.length > 0; steps = Turn.#takeAfter(turns)) {
      await Turn.#runAfter(dependencies, steps);
      for (const turn of turns) if (turn.#posts !== undefined) await turn.#drain();
    }
    await Turn.#handedOver(turns);
    for (const turn of turns) for (const run of turn.#handed ?? []) await run();
    if (dependencies.clock.monotonic() - begun < routerLimits.lookAgainMs) return;
    for (const turn of turns) for (const look of turn.#looks ?? []) await look();
  }

  static #handedOver(turns: readonly Turn[]): Promise<unknown> {
    const pending = joined(turns, (turn) => turn.#pending);
    const handOvers = turns.flatMap((turn) => turn.#handOver ?? []);
    if (handOvers.length > 0) pending.push(...HandOver.run(turns[0]!.dependencies, handOvers));
    return pending.length === 1 ? pending[0]! : Promise.all(pending);
  }

  static #takeAfter(turns: readonly Turn[]): readonly After[] {
    const steps = joined(turns, (turn) => turn.#after);
    for (const turn of turns) if (turn.#after.length > 0) turn.#after = [];
    return steps;
  }

  static async #runAfter(dependencies: Dependencies, steps: readonly After[]): Promise<void> {
    const lists = await readSessions(
      dependencies.store,
      steps.flatMap(({ owners }) => owners),
    );
    let at = 0;
    for (const { owners, use } of steps) {
      const pending = use(lists.slice(at, at + owners.length));
      if (pending !== undefined) await pending;
      at += owners.length;
    }
  }

  async #deliver(targets: readonly Target[], xml: Buffer, id?: string): Promise<void> {
    const failures = await this.dependencies.deliverer.deliver({ targets, xml, id, dedupeKey: this.#dedupeKey });
    this.hasMissed ||= failures.length > 0;
    if (id === undefined) return; // not in the archive: RFC 6120 lets what is addressed to a dying session go
    for (const failure of failures) if (failure.reason === 'silent') await leaveMark(this.dependencies.store, failure, id);
  }
}

/** One turn's list is not copied: most often there is one turn. */
function joined<Item>(turns: readonly Turn[], list: (turn: Turn) => Item[]): Item[] {
  return turns.length === 1 ? list(turns[0]!) : turns.flatMap(list);
}
