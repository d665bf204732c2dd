/** Watches the store and the bus of a run: what no client can see. */
import type { Put } from '../../lib/ports/store.ts';
import { decodeFrame } from '../../lib/runtime/frame.ts';
import {
  type DeliverRequest,
  type DoneReply,
  type HandOverReply,
  type HandOverRequest,
  type NodeRequest,
  type RouterRequest,
  routerSubject,
  type SessionAddress,
} from '../../lib/runtime/wire.ts';
import type { History } from './history.ts';
import { newsIn } from './news-history.ts';
import type { BusObserver, SimBus } from './sim-bus.ts';
import { readMessage } from './stanza-text.ts';
import type { World } from './world.ts';

interface RoomState {
  readonly epoch: number;
  readonly seq: number;
  readonly lastId: string;
  readonly pendingWrites: { readonly puts: readonly { readonly value?: unknown }[] };
}

export class Witness implements BusObserver {
  /** What must never happen, as it happens. */
  readonly faults: string[] = [];
  /** Deliveries that were not confirmed in time. */
  unconfirmed = 0;
  readonly #world: World;
  readonly #archived = new Map<string, Set<string>>();
  readonly #rooms = new Map<string, { writer: string; state: RoomState }>();
  readonly #roomRows = new Map<string, string>();
  /** By room, then by archive id. */
  readonly #said = new Map<string, Map<string, string>>();
  readonly #keptMs = new Map<string, number>();
  /** By owner, then by archive id: the message, and when it first stood there. */
  readonly #entries = new Map<string, Map<string, { readonly id: string; readonly keptMs: number }>>();
  /** Which node was given a session last. */
  readonly #holders = new Map<string, string>();
  readonly #places = new Map<string, string>();
  /** Archive ids whose delivery was not confirmed in time. */
  readonly #late = new Set<string>();
  readonly #presenceTo = new Set<string>();
  readonly #presenceFrom = new Set<string>();

  readonly #history: History;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
  }

  isArchived(owner: string, id: string): boolean {
    return this.#archived.get(owner)?.has(id) ?? false;
  }

  /** Bare JIDs of accounts and rooms. */
  get owners(): readonly string[] {
    return [...this.#entries.keys()];
  }

  archiveOf(owner: string): readonly { readonly id: string; readonly keptMs: number }[] {
    const entries = [...(this.#entries.get(owner) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.map(([, entry]) => entry);
  }

  /** Where a message stands in an archive. */
  entryOf(owner: string, id: string): { readonly stanzaId: string; readonly keptMs: number } | undefined {
    for (const [stanzaId, entry] of this.#entries.get(owner) ?? [])
      if (entry.id === id) return { stanzaId, keptMs: entry.keptMs };
    return undefined;
  }

  /** Bare JIDs. */
  get rooms(): readonly string[] {
    return [...this.#said.keys()];
  }

  /** A room's messages in the order of its archive. */
  saidIn(room: string): readonly { readonly stanzaId: string; readonly id: string }[] {
    const entries = [...(this.#said.get(room) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.map(([stanzaId, id]) => ({ stanzaId, id }));
  }

  /** When a room's message was committed, with the state row that names it. */
  keptMs(id: string): number {
    return this.#keptMs.get(id) ?? 0;
  }

  wasLate(stanzaId: string | undefined): boolean {
    return stanzaId !== undefined && this.#late.has(stanzaId);
  }

  /** Presence to this full JID got lost on the bus, or may have. */
  missedPresence(jid: string): boolean {
    return this.#presenceTo.has(jid);
  }

  lostPresence(from: string): boolean {
    return this.#presenceFrom.has(from);
  }

  // From the store.

  put(process: string, row: Put): void {
    if (row.table === 'archive' && row.sort.startsWith('m/')) this.#archive(row);
    else if (row.table === 'live' && row.sort === 'state/') this.#state(process, row);
    else if (row.table === 'live' && row.sort === 'sessions/') this.#sessions(row);
    else if (row.table === 'live' && row.sort.startsWith('fanOut/')) this.#fanOut(row);
  }

  #archive({ partition, sort, value }: Put): void {
    const [domain = '', kind, local] = partition.split('/');
    const owner = kind === 'r' ? `${local}@conference.${domain}` : `${local}@${domain}`;
    const id = bodyOf(value);
    if (id === undefined) return;
    const ids = this.#archived.get(owner) ?? new Set();
    this.#archived.set(owner, ids);
    ids.add(id);
    const stanzaId = sort.slice('m/'.length);
    const entries = this.#entries.get(owner) ?? new Map<string, { id: string; keptMs: number }>();
    this.#entries.set(owner, entries);
    if (!entries.has(stanzaId)) entries.set(stanzaId, { id, keptMs: this.#world.nowMs });
    if (kind !== 'r') return;
    const said = this.#said.get(owner) ?? new Map<string, string>();
    this.#said.set(owner, said.set(stanzaId, id));
    const known = this.#roomRows.get(`${partition} ${sort}`);
    if (known !== undefined && known !== id) this.#fault(`room writer: ${owner} keeps ${known} and ${id} under one id`);
    this.#roomRows.set(`${partition} ${sort}`, id);
  }

  #fanOut({ sort, value }: Put): void {
    const id = newsIn(value);
    if (id !== undefined) this.#history.news.messageOf.set(id, sort.slice('fanOut/'.length));
  }

  /** Where routers think that sessions are: one that was parked in the store, and claimed there, is seen only here. */
  #sessions({ value }: Put): void {
    const { sessions } = JSON.parse(value) as { sessions: readonly SessionAddress[] };
    for (const { sid, node } of sessions) {
      if (this.#places.get(sid) === node || !node.startsWith('n.')) continue;
      this.#places.set(sid, node);
      this.#holders.set(sid, node.split('.')[1]!);
    }
  }

  /** One writer per epoch, and each number once. */
  #state(process: string, { partition, value }: Put): void {
    const state = JSON.parse(value) as RoomState;
    for (const { value: put } of state.pendingWrites.puts) {
      const id = bodyOf(JSON.stringify(put ?? ''));
      if (id !== undefined && !this.#keptMs.has(id)) this.#keptMs.set(id, this.#world.nowMs);
    }
    const before = this.#rooms.get(partition);
    this.#rooms.set(partition, { writer: process, state });
    if (before === undefined) return;
    const where = `${partition} at epoch ${state.epoch}, ${state.seq}`;
    const isNext = state.epoch === before.state.epoch && state.seq === before.state.seq + 1;
    if (state.epoch < before.state.epoch) this.#fault(`room writer: ${process} wrote ${where} after epoch ${before.state.epoch}`);
    else if (state.epoch === before.state.epoch && before.writer !== process) {
      this.#fault(`room writer: ${process} and ${before.writer} both wrote ${where}`);
    } else if (!isNext && state.epoch === before.state.epoch) {
      this.#fault(`room writer: ${process} wrote ${where} after ${before.state.seq}`);
    }
    if (state.lastId < before.state.lastId) this.#fault(`room writer: ${process} wrote ${where} with an older id`);
  }

  // From the bus.

  unanswered(subject: string, payload: Uint8Array): void {
    if (subject !== routerSubject && !subject.startsWith('n.')) return;
    const { header, bodies } = decodeFrame<NodeRequest | RouterRequest>(payload);
    if (header.kind === 'inbound') for (const body of bodies) this.#isLate(body);
    if (header.kind !== 'deliver') return;
    this.unconfirmed++;
    this.#missed(header, bodies);
  }

  #missed({ items }: DeliverRequest, bodies: readonly Buffer[]): void {
    items.forEach(({ id, tos = [] }, index) => {
      if (id !== undefined) this.#late.add(id);
      else this.#isLate(bodies[index]!);
      const text = bodies[index]!.toString();
      if (!text.startsWith('<presence')) return;
      for (const to of tos) if (to.includes('/')) this.#presenceTo.add(to);
      const from = /\sfrom=['"]([^'"]*)/.exec(text)?.[1];
      if (from !== undefined) this.#presenceFrom.add(from);
    });
  }

  /** A room's message. */
  #isLate(body: Buffer): void {
    const id = readMessage(body.toString()).stanzaId;
    if (id !== undefined) this.#late.add(id);
  }

  answered(from: SimBus, subject: string, payload: Uint8Array, reply: Uint8Array): void {
    if (subject === routerSubject && from.process?.name.startsWith('f')) this.#told(payload, reply);
    if (!subject.startsWith('h.')) return;
    const { header } = decodeFrame<HandOverRequest>(payload);
    const { state } = decodeFrame<HandOverReply>(reply).header;
    if (state === undefined) return;
    const giver = subject.split('.')[1]!;
    const holder = this.#holders.get(header.sid) ?? giver;
    const taker = from.process?.name.split('#')[0] ?? '';
    if (holder !== giver) this.#fault(`claim: ${giver} gave session ${header.sid} to ${taker}, although ${holder} had it`);
    this.#holders.set(header.sid, taker);
  }

  /** An owner of streams to other servers tells senders of what was not delivered. */
  #told(payload: Uint8Array, reply: Uint8Array): void {
    const { ok } = decodeFrame<DoneReply>(reply).header;
    if (ok !== true) return;
    for (const body of decodeFrame<RouterRequest>(payload).bodies) {
      const { id, type } = readMessage(body.toString());
      if (type === 'error') this.#history.remote.bounced.add(id);
    }
  }

  #fault(text: string): void {
    this.#world.note('FAULT', text);
    this.faults.push(text);
  }
}

/** What our clients write into a message is its id, and so is an item. */
function bodyOf(text: string): string | undefined {
  return /<body>([^<]*)</.exec(text)?.[1] ?? newsIn(text);
}
