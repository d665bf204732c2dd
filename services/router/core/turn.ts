/**
 * The effects of one stanza. Handlers queue rows, deliveries and further stanzas, and nothing happens until `finish`. It
 * commits the rows, reads sessions, delivers, and then hands stanzas to other services. A throw before the commit discards all
 * effects. Sessions are read only after the commit: a session that becomes available first writes its entry and then reads the
 * archive, so no message is missed by both.
 */
import type { Key, Put } from '../../../lib/ports/store.ts';
import type { DeliveryReceiver, Failure, Target } from '../../../lib/runtime/deliverer.ts';
import type { Departure, Outbox, OutboxBatch, PairName } from '../../../lib/runtime/outbox.ts';
import { leaveMark } from '../../../lib/runtime/resync.ts';
import type { Owner, SessionEntry } from '../../../lib/runtime/sessions.ts';
import { added, joined, nothing } from '../../../lib/runtime/short-lists.ts';
import type { Tenant, Tenants } from '../../../lib/runtime/tenants.ts';
import type { Hides } from '../../../lib/runtime/wire.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { routerLimits } from '../limits.ts';
import type { Dependencies } from './dependencies.ts';
import { HandOver } from './hand-over.ts';
import type { Origin, Sender } from './origin.ts';
import type { Prefetched } from './prefetch.ts';
import { errorOf } from './replies.ts';
import { runSteps, type SessionStep } from './session-steps.ts';
import { inOrder, type Pending } from './stages.ts';
import type { TurnOptions } from './turn-options.ts';
import type { Writer } from './writers.ts';

/**
 * What happens if a posted stanza is refused. `refuse`: the stanza that is handled is refused with the same error, and its
 * effects are void; this is possible only before the commit. `bounce`: the sender of the posted stanza gets the error. `quiet`:
 * nobody is told.
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
  /**
   * Sends a stanza that has `from` and `to` on its way. Its effects are queued.
   * @throws {StanzaError} the error for the sender
   */
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

/**
 * Each stanza has a turn, and few stanzas have effects of every kind, so lists that are rarely used are made only when needed.
 */
export class Turn implements DeliveryReceiver {
  readonly dependencies: Dependencies;
  readonly origin: Origin | undefined;
  readonly prefetched: Prefetched | undefined;
  readonly by: Writer | undefined;
  /** {@link TurnOptions.leavesRinging} */
  readonly leavesRinging: boolean;
  readonly #dedupeKey: string | undefined;
  /** The occupants that the sender has blocked, of the room that its presence goes to. */
  hides: Hides | undefined;
  /** True when a session that exists, perhaps parked, did not confirm a delivery. */
  hasMissed = false;
  /** Sessions that cannot be reached now, as deliveries have shown. It is known when everything was handed over. */
  unreached: Set<string> | undefined;
  #puts: Put[] | undefined;
  #committed: (() => Pending)[] | undefined;
  #deletes: Key[] | undefined;
  #after: SessionStep[] | undefined;
  /** How many parts of deliveries nobody has confirmed yet. */
  #delivering = 0;
  /** With the id of the archive entry. */
  #unconfirmed: { readonly failures: readonly Failure[]; readonly id: string | undefined }[] | undefined;
  /** Called once, when the last part is confirmed or was given up. */
  #whenDelivered: (() => void) | undefined;
  #looks: (() => Promise<void>)[] | undefined;
  #handed: (() => Promise<void>)[] | undefined;
  #handOver: HandOver | undefined;
  #departures: Departure[] | undefined;
  #posts: Post[] | undefined;
  readonly #sender: Sender | undefined;

  constructor(dependencies: Dependencies, origin?: Origin, options: TurnOptions = {}) {
    const { dedupeKey, prefetched, by, sender, leavesRinging = false } = options;
    this.dependencies = dependencies;
    this.origin = origin;
    this.#dedupeKey = dedupeKey;
    this.prefetched = prefetched;
    this.by = by;
    this.#sender = sender ?? origin;
    this.leavesRinging = leavesRinging;
  }

  put(row: Put): void {
    this.#puts = added(this.#puts, row);
  }

  delete(key: Key): void {
    this.#deletes ??= [];
    this.#deletes.push(key);
  }

  /** Queues work that is done after the commit and before sessions are read. */
  afterCommit(run: () => Pending): void {
    this.#committed = added(this.#committed, run);
  }

  /**
   * Queues work for the end, which is done only if the deliveries took long. Then presence that was read for them may have been
   * changed by another router meanwhile, and may have arrived after the change.
   */
  lookAgain(run: () => Promise<void>): void {
    this.#looks ??= [];
    this.#looks.push(run);
  }

  /** Queues work that is done when everything was handed over to nodes, other tenants and rooms. */
  afterHandOver(run: () => Promise<void>): void {
    this.#handed ??= [];
    this.#handed.push(run);
  }

  /**
   * Queues work that is done after the commit and needs the sessions of this account. They are read with strong consistency, for all
   * callbacks together. Callbacks run in the order in which they were queued.
   */
  withSessionsOf(owner: Owner, use: (sessions: readonly SessionEntry[]) => Pending): void {
    this.#after = added(this.#after, { owner, use });
  }

  /** Queues work that is done among what needs sessions, in order, and needs none itself. */
  amongDeliveries(use: () => Pending): void {
    this.#after = added(this.#after, { owner: undefined, use });
  }

  /** A session did not confirm, or its client does not hear. */
  away(sid: string): void {
    this.unreached = (this.unreached ?? new Set()).add(sid);
  }

  /** Delivers at once; `finish` waits for the confirmation. Call it only inside `withSessionsOf`. */
  deliver(targets: readonly Target[], xml: Buffer, id?: string): void {
    if (targets.length === 0) return;
    // One stanza may make two for a session, such as a presence and a roster push: it is each kind that is given once.
    const dedupeKey = this.#dedupeKey && `${this.#dedupeKey} ${String.fromCharCode(xml[1]!)}`;
    const parts = this.dependencies.deliverer.give({ targets, xml, id, dedupeKey }, this);
    this.#delivering += parts;
  }

  /** The deliverer tells it of each part. */
  confirmed(failures: readonly Failure[], id: string | undefined): void {
    this.#delivering--;
    if (failures.length > 0) this.#unconfirmed = added(this.#unconfirmed, { failures, id });
    if (this.#delivering > 0) return;
    this.#whenDelivered?.();
    this.#whenDelivered = undefined;
  }

  /** Queues a complete stanza for another tenant of this deployment. */
  forward(domain: string, stanza: Stanza, id: string): void {
    this.#handOver ??= new HandOver();
    this.#handOver.forward(domain, stanza.bytes, id, this.#senderOf(stanza)?.incarnation ?? '');
  }

  /** Queues a complete stanza for the worker that owns the room. If no worker takes it, `finish` fails. */
  room(tenant: Tenant, room: string, stanza: Stanza, id: string): void {
    const { address, incarnation } = this.#senderOf(stanza) ?? {};
    const hides = address && this.hides;
    this.#handOver ??= new HandOver();
    this.#handOver.room({ kind: 'room', domain: tenant.domain, room, id, sender: address, incarnation, hides }, stanza.bytes);
  }

  /** Hands a complete stanza to the outbox of a pair of domains: its row is written with the commit, or behind it. */
  departTo({ host, peer }: Pick<PairName, 'host' | 'peer'>, { domain: tenant }: Tenant, stanza: Stanza, id: string): void {
    this.#departures ??= [];
    this.#departures.push({ tenant, host, peer, id, xml: stanza.bytes });
  }

  /** The sender of this turn, if it is the sender of this stanza. A turn also sends answers and the presence of others. */
  #senderOf({ attributes }: Stanza): Sender | undefined {
    return this.#sender !== undefined && this.#sender.jid === attributes.from ? this.#sender : undefined;
  }

  /**
   * Queues a stanza that has `from` and `to`. It is routed after those that were posted before it, when the current handler or
   * callback has returned. A handler never calls the routing itself.
   */
  post(tenant: Tenant, stanza: Stanza | Buffer, id: string, onRefusal: OnRefusal = 'quiet'): void {
    this.#posts ??= [];
    this.#posts.push({ tenant, stanza, id, onRefusal });
  }

  /**
   * Sends an answer, which has `from` and `to`. It goes out with the batch's answer if it is for the session that the batch
   * came from; otherwise it is posted. A message is always posted, because other resources have a copy of the message that it
   * answers (XEP-0280 §6.1).
   */
  answer(tenant: Tenant, stanza: Element): void {
    const { origin } = this;
    const bytes = Buffer.from(stanza.toString());
    if (origin && stanza.name !== 'message' && stanza.attrs.to === origin.jid) origin.reply(bytes);
    else this.post(tenant, bytes, this.dependencies.ids.mint());
  }

  /** Answers the sender of the stanza with an error, unless the stanza is an answer itself. */
  bounce(tenant: Tenant, stanza: Stanza, error: StanzaError): void {
    const answer = errorOf(stanza, error);
    if (answer) this.answer(tenant, answer);
  }

  /** Routes the posted stanzas, and what these post, until nothing is left. @throws {StanzaError} see {@link OnRefusal} */
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

  /** {@link Turn.finishAll} for this turn alone. */
  finish(): Promise<void> {
    return Turn.finishAll([this]);
  }

  /**
   * Commits the rows of all turns at once, reads their sessions in one read, and delivers in order. Then it routes what was
   * posted meanwhile.
   * @throws {Unavailable} when rows could not be written or another service did not answer: everything must be tried again
   * @throws {StanzaError | RemoteFault} when another service refuses its part for good
   */
  static async finishAll(turns: readonly Turn[]): Promise<void> {
    const dependencies = turns[0]?.dependencies;
    if (!dependencies) return;
    if (turns.some(Turn.#hasPosts)) await Turn.#drainAll(turns);
    const departing = Turn.#takeDepartures(turns);
    const writing = Turn.#writeQueued(dependencies, turns, departing);
    if (writing !== undefined) await writing;
    if (turns.some(Turn.#hasDeletes)) await Turn.#deleteAll(turns);
    const running = Turn.#runCommitted(turns);
    if (running !== undefined) await running;
    const begun = dependencies.clock.monotonic();
    for (let steps = Turn.#takeAfter(turns); steps.length > 0; steps = Turn.#takeAfter(turns)) {
      await runSteps(dependencies.store, steps);
      if (turns.some(Turn.#hasPosts)) await Turn.#drainAll(turns);
    }
    const later = Turn.#takeDepartures(turns);
    if (later.length > 0) await Turn.#write(dependencies, nothing, later);
    const handedOver = Turn.#handedOver(turns, later.length === 0 ? departing : [...departing, ...later]);
    if (handedOver !== undefined) await handedOver;
    if (turns.some(Turn.#waitsForHandOver)) await Turn.#runHanded(turns);
    if (dependencies.clock.monotonic() - begun < routerLimits.lookAgainMs) return;
    for (const turn of turns) for (const look of turn.#looks ?? nothing) await look();
  }

  // Made once: each batch asks all of this.
  static readonly #hasPosts = (turn: Turn) => turn.#posts !== undefined;
  static readonly #hasDeletes = (turn: Turn) => turn.#deletes !== undefined;
  static readonly #hasDepartures = (turn: Turn) => turn.#departures !== undefined;
  static readonly #delivers = (turn: Turn) => turn.#delivering > 0 || turn.#unconfirmed !== undefined;
  static readonly #hasUnconfirmed = (turn: Turn) => turn.#unconfirmed !== undefined;
  static readonly #handsOver = (turn: Turn) => turn.#handOver !== undefined;
  static readonly #waitsForHandOver = (turn: Turn) => turn.#handed !== undefined;
  static readonly #putsOf = (turn: Turn) => turn.#puts;
  static readonly #committedOf = (turn: Turn) => turn.#committed;
  static readonly #afterOf = (turn: Turn) => turn.#after;

  static async #drainAll(turns: readonly Turn[]): Promise<void> {
    for (const turn of turns) if (turn.#posts !== undefined) await turn.#drain();
  }

  static async #deleteAll(turns: readonly Turn[]): Promise<void> {
    for (const turn of turns) if (turn.#deletes !== undefined) await turn.dependencies.store.batchDelete(turn.#deletes);
  }

  static #runCommitted(turns: readonly Turn[]): Pending {
    const committed = joined(turns, Turn.#committedOf);
    return committed.length === 0 ? undefined : inOrder(committed, undefined, undefined, undefined, undefined);
  }

  static async #runHanded(turns: readonly Turn[]): Promise<void> {
    for (const turn of turns) for (const run of turn.#handed ?? nothing) await run();
  }

  static #takeDepartures(turns: readonly Turn[]): readonly OutboxBatch[] {
    if (!turns.some(Turn.#hasDepartures)) return nothing;
    const departures = turns.flatMap((turn) => turn.#departures ?? []);
    for (const turn of turns) turn.#departures = undefined;
    return turns[0]!.dependencies.outbox?.batches(departures) ?? nothing;
  }

  /** The turns do not keep the rows, so that they are garbage as soon as the store has them as bytes. */
  static #writeQueued(
    dependencies: Dependencies,
    turns: readonly Turn[],
    departing: readonly OutboxBatch[],
  ): Promise<void> | undefined {
    const puts = joined(turns, Turn.#putsOf);
    for (const turn of turns) turn.#puts = undefined;
    return puts.length === 0 && departing.length === 0 ? undefined : Turn.#write(dependencies, puts, departing);
  }

  static #write({ store, outbox }: Dependencies, puts: readonly Put[], departing: readonly OutboxBatch[]): Promise<void> {
    if (outbox === undefined || departing.length === 0) return store.batchPut(puts);
    return Turn.#writeDeparting(store, outbox, puts, departing);
  }

  static async #writeDeparting(
    store: Dependencies['store'],
    outbox: Outbox,
    puts: readonly Put[],
    departing: readonly OutboxBatch[],
  ): Promise<void> {
    await store.batchPut([...puts, ...outbox.puts(departing)]);
    outbox.written(departing);
  }

  static #handedOver(turns: readonly Turn[], departing: readonly OutboxBatch[]): Promise<unknown> | undefined {
    const delivered = turns.some(Turn.#delivers) ? Turn.#delivered(turns) : undefined;
    const hasHandOvers = turns.some(Turn.#handsOver);
    if (departing.length === 0 && !hasHandOvers) return delivered;
    const pending: Promise<unknown>[] = delivered === undefined ? [] : [delivered];
    if (departing.length > 0) pending.push(turns[0]!.dependencies.outbox!.handOver(departing));
    if (hasHandOvers) {
      const handOvers = turns.flatMap((turn) => turn.#handOver ?? []);
      pending.push(...HandOver.run(turns[0]!.dependencies, handOvers));
    }
    return Promise.all(pending);
  }

  /** One promise for all deliveries of all turns. */
  static #delivered(turns: readonly Turn[]): Promise<void> {
    return new Promise((resolve) => {
      let waiting = 1;
      const done = (): void => {
        if (--waiting > 0) return;
        resolve(turns.some(Turn.#hasUnconfirmed) ? Turn.#noteUnconfirmed(turns) : undefined);
      };
      for (const turn of turns) {
        if (turn.#delivering === 0) continue;
        waiting++;
        turn.#whenDelivered = done;
      }
      done();
    });
  }

  static async #noteUnconfirmed(turns: readonly Turn[]): Promise<void> {
    for (const turn of turns) for (const { failures, id } of turn.#unconfirmed ?? nothing) await turn.#failed(failures, id);
  }

  static #takeAfter(turns: readonly Turn[]): readonly SessionStep[] {
    const steps = joined(turns, Turn.#afterOf);
    for (const turn of turns) turn.#after = undefined;
    return steps;
  }

  async #failed(failures: readonly Failure[], id: string | undefined): Promise<void> {
    this.hasMissed = true;
    for (const { sid } of failures) this.away(sid);
    if (id === undefined) return; // it is not in the archive, and RFC 6120 allows to lose what is sent to a session that ends
    for (const failure of failures) if (failure.reason === 'silent') await leaveMark(this.dependencies.store, failure, id);
  }
}
