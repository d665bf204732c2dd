/**
 * The effects of one stanza, or of a run of messages of one session: handlers queue rows and deliveries here; `finish` commits
 * the rows, then reads sessions, then delivers (DESIGN §2 rule 3). A throw before `finish` discards everything.
 */
import { limits } from '../../../lib/limits.ts';
import type { Key, Put } from '../../../lib/ports/store.ts';
import type { AnswerKind } from '../../../lib/runtime/answer.ts';
import type { Target } from '../../../lib/runtime/deliverer.ts';
import { ask, checkDone } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { leaveMark } from '../../../lib/runtime/resync.ts';
import { type Owner, readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { roomShard } from '../../../lib/runtime/shards.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import {
  type DoneReply,
  type Hides,
  type HidesRequest,
  type InboundRequest,
  inboundAnswer,
  type RoomRequest,
  roomAnswer,
  routerSubject,
  type SessionAddress,
} from '../../../lib/runtime/wire.ts';
import type { Parts } from './dependencies.ts';
import type { Beforehand } from './prefetch.ts';
import { inOrder, type Pending } from './stages.ts';
import type { Writer } from './writers.ts';

type UseSessions = (lists: readonly (readonly SessionEntry[])[]) => Pending;

interface After {
  readonly owners: readonly Owner[];
  readonly use: UseSessions;
}

/** Stanzas for another domain, in order. */
interface Hop {
  readonly ids: string[];
  readonly incarnations: string[];
  readonly bodies: Buffer[];
}

/** Who sends a stanza, as far as its `from` does not say it. */
interface Sender {
  readonly address?: SessionAddress | undefined;
  readonly incarnation?: string | undefined;
}

/** Where the batch came from: replies to this session go out with the batch's answer, in order. */
export interface Origin extends SessionAddress {
  readonly resource: string;
  readonly jid: string;
  /** {@link AccountRow.incarnation} */
  readonly incarnation?: string | undefined;
  reply(xml: Buffer, id?: string): void;
  /** The account's sessions do not name this one any more: its stream is to end. */
  lost(): void;
}

/** What is handed to other services, after the commit. */
interface Elsewhere {
  readonly hops: Map<string, Hop>;
  readonly rooms: { readonly request: Omit<RoomRequest, 'until'>; readonly stanza: Buffer }[];
}

export interface TurnOptions {
  /** Of what this turn is about, {@link Delivery.once}. */
  readonly once?: string;
  /** What was read for this turn and others. */
  readonly beforehand?: Beforehand;
  /** In whose name rows are changed of which the last change counts. */
  readonly by?: Writer | undefined;
}

/** There is one for each stanza, and few stanzas have effects of each kind: the lists that are rare are made when they are needed. */
export class Turn {
  readonly parts: Parts;
  readonly origin: Origin | undefined;
  readonly beforehand: Beforehand | undefined;
  readonly by: Writer | undefined;
  readonly #once: string | undefined;
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
  #elsewhere: Elsewhere | undefined;

  constructor(parts: Parts, origin?: Origin, { once, beforehand, by }: TurnOptions = {}) {
    this.parts = parts;
    this.origin = origin;
    this.#once = once;
    this.beforehand = beforehand;
    this.by = by;
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
  hop(domain: string, stanza: Buffer, id: string, { incarnation = '' }: Sender = {}): void {
    const { hops } = this.#toElsewhere();
    let hop = hops.get(domain);
    if (!hop) {
      hop = { ids: [], incarnations: [], bodies: [] };
      hops.set(domain, hop);
    }
    hop.ids.push(id);
    hop.incarnations.push(incarnation);
    hop.bodies.push(stanza);
  }

  /** Hands a complete stanza to the worker that owns the room, after the commit; rejects `finish` when none takes it. */
  room(tenant: Tenant, room: string, stanza: Buffer, id: string, { address, incarnation }: Sender = {}): void {
    const hides = address && this.hides;
    const request = { kind: 'room', domain: tenant.domain, room, id, sender: address, incarnation, hides } as const;
    this.#toElsewhere().rooms.push({ request, stanza });
  }

  #toElsewhere(): Elsewhere {
    this.#elsewhere ??= { hops: new Map(), rooms: [] };
    return this.#elsewhere;
  }

  /** {@link Turn.finishAll} of this turn alone. */
  finish(): Promise<void> {
    return Turn.finishAll([this]);
  }

  /**
   * One commit for all turns, then their sessions in one read, then their deliveries in order.
   * @throws {Unavailable} when rows could not be written or another service did not take its part: all of it is to be tried again
   * @throws {StanzaError | RemoteFault} when another service refuses its part for good
   */
  static async finishAll(turns: readonly Turn[]): Promise<void> {
    const parts = turns[0]?.parts;
    if (!parts) return;
    const puts = joined(turns, (turn) => turn.#puts);
    if (puts.length > 0) await parts.store.batchPut(puts);
    for (const key of turns.flatMap((turn) => turn.#deletes ?? [])) await parts.store.delete(key);
    const committed = inOrder(
      joined(turns, (turn) => turn.#committed),
      (run) => run(),
    );
    if (committed !== undefined) await committed;
    const begun = parts.clock.monotonic();
    for (let steps = Turn.#takeAfter(turns); steps.length > 0; steps = Turn.#takeAfter(turns)) await Turn.#runAfter(parts, steps);
    await Turn.#handedOver(turns);
    for (const run of turns.flatMap((turn) => turn.#handed ?? [])) await run();
    if (parts.clock.monotonic() - begun < limits.lookAgainMs) return;
    for (const look of turns.flatMap((turn) => turn.#looks ?? [])) await look();
  }

  static #handedOver(turns: readonly Turn[]): Promise<unknown> {
    const pending = joined(turns, (turn) => turn.#pending);
    const elsewhere = turns.flatMap((turn) => turn.#elsewhere ?? []);
    if (elsewhere.length > 0) pending.push(...turns[0]!.#handOver(elsewhere));
    return pending.length === 1 ? pending[0]! : Promise.all(pending);
  }

  #handOver(all: readonly Elsewhere[]): Promise<void>[] {
    return [...this.#hopAll(all), ...this.#askRooms(all)];
  }

  /** All turns' stanzas for a domain together: two requests at once could overtake each other. */
  #hopAll(all: readonly Elsewhere[]): Promise<void>[] {
    const together = new Map<string, Hop>();
    for (const { hops } of all) {
      for (const [domain, { ids, incarnations, bodies }] of hops) {
        const hop = together.get(domain) ?? { ids: [], incarnations: [], bodies: [] };
        together.set(domain, hop);
        hop.ids.push(...ids);
        hop.incarnations.push(...incarnations);
        hop.bodies.push(...bodies);
      }
    }
    return [...together].map(([domain, hop]) => this.#hop(domain, hop));
  }

  /** One request after the other for each worker, likewise. */
  #askRooms(all: readonly Elsewhere[]): Promise<void>[] {
    const lanes = Map.groupBy(
      all.flatMap(({ rooms }) => rooms),
      ({ request }) => roomShard(request.domain, request.room),
    );
    return [...lanes].map(async ([subject, lane]) => {
      for (const { request, stanza } of lane) await this.#askRoom(subject, request, stanza);
    });
  }

  static #takeAfter(turns: readonly Turn[]): readonly After[] {
    const steps = joined(turns, (turn) => turn.#after);
    for (const turn of turns) if (turn.#after.length > 0) turn.#after = [];
    return steps;
  }

  static async #runAfter(parts: Parts, steps: readonly After[]): Promise<void> {
    const lists = await readSessions(
      parts.store,
      steps.flatMap(({ owners }) => owners),
    );
    let at = 0;
    return inOrder(steps, ({ owners, use }) => {
      const from = at;
      at += owners.length;
      return use(lists.slice(from, at));
    });
  }

  async #deliver(targets: readonly Target[], xml: Buffer, id?: string): Promise<void> {
    const failures = await this.parts.deliverer.deliver({ targets, xml, id, once: this.#once });
    this.hasMissed ||= failures.length > 0;
    if (id === undefined) return; // not in the archive: RFC 6120 lets what is addressed to a dying session go
    for (const failure of failures) if (failure.reason === 'silent') await leaveMark(this.parts.store, failure, id);
  }

  async #hop(domain: string, { ids, incarnations, bodies }: Hop): Promise<void> {
    for (let at = 0; at < ids.length; at += limits.batchStanzasMax) {
      const end = at + limits.batchStanzasMax;
      // When this takes too long, the batch comes again after its pause; by then the time is over by every clock.
      const now = this.parts.clock.now();
      const until = now + limits.hopTimeoutMs + limits.batchBackoffMs - limits.clocksDifferMs;
      const known = incarnations.slice(at, end);
      const request: InboundRequest = {
        ...{ kind: 'inbound', domain, ids: ids.slice(at, end), until, at: now },
        incarnations: known.some((one) => one !== '') ? known : undefined,
      };
      await this.#ask(inboundAnswer, routerSubject, encodeFrame(request, bodies.slice(at, end)));
    }
  }

  /** At once: tells a room what one of its occupants has blocked. @throws {Unavailable} */
  tellHides(tenant: Tenant, room: string, jid: string, hides: Hides): Promise<void> {
    const request: HidesRequest = { kind: 'hides', domain: tenant.domain, room, jid, hides };
    return this.#ask(roomAnswer, roomShard(tenant.domain, room), encodeFrame(request));
  }

  #askRoom(subject: string, request: Omit<RoomRequest, 'until'>, stanza: Buffer): Promise<void> {
    const at = this.parts.clock.now();
    const until = at + limits.hopTimeoutMs;
    return this.#ask(roomAnswer, subject, encodeFrame({ ...request, until, at } satisfies RoomRequest, [stanza]));
  }

  async #ask(kind: AnswerKind<DoneReply>, subject: string, payload: Buffer): Promise<void> {
    const answer = await ask(this.parts.bus, kind, subject, payload, limits.hopTimeoutMs);
    this.parts.clock.observe(answer.take('at'));
    checkDone(answer, subject);
  }
}

/** One turn's list is not copied: most often there is one turn. */
function joined<Item>(turns: readonly Turn[], list: (turn: Turn) => Item[]): Item[] {
  return turns.length === 1 ? list(turns[0]!) : turns.flatMap(list);
}
