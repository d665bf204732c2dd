/**
 * Reads a room from its rows, and writes a batch: first the conditional write of the `state` row, which has all that the batch
 * writes, then the rows themselves.
 */

import { portLimits } from '../../../lib/ports/limits.ts';
import type { Put, Store } from '../../../lib/ports/store.ts';
import { rowText } from '../../../lib/runtime/archive-search.ts';
import type { Collection } from '../../../lib/runtime/collection.ts';
import type { OutboxBatch } from '../../../lib/runtime/outbox.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { roomLimits } from '../limits.ts';
import type { RoomDependencies } from './dependencies.ts';
import { Fence } from './fence.ts';
import type { LoadedRoom } from './loaded-room.ts';
import { occupantId } from './occupant-id.ts';
import { type Occupant, Room, type Seat } from './room.ts';
import type { RoomRows } from './room-feature.ts';
import {
  type Archived,
  affiliationRows,
  configs,
  keptRoles,
  messages,
  type OccupantRow,
  occupantRows,
  type PendingKey,
  type PendingPut,
  type PendingWrites,
  presences,
  stateOf,
  states,
  subjects,
} from './room-rows.ts';

/** The rows of every room, beside the archive and the fence. Features add theirs. */
const ownRows: readonly RoomRows[] = [
  { collection: configs, most: 1 },
  { collection: subjects, most: 1 },
  { collection: affiliationRows, most: roomLimits.affiliationsMax },
  { collection: keptRoles, most: roomLimits.keptRolesMax },
  { collection: occupantRows, most: roomLimits.sessionsMax },
  { collection: presences, most: roomLimits.sessionsMax },
];

/** @param secret the tenant's */
export async function loadRoom(dependencies: RoomDependencies, domain: string, jid: Jid, secret: string): Promise<LoadedRoom> {
  const { store, features } = dependencies;
  const rows = Rows.ofRoom(store, domain, jid.local);
  const room = new Room(domain, jid, secret);
  // The fence first: whoever changes rows after this read has changed the fence before, and our first write will fail.
  const row = await rows.get(states);
  const state = row && stateOf(row.value);
  if (state) await writeRows(dependencies, rows, state.pendingWrites);
  const fence = new Fence(row?.version, state);
  const config = await rows.get(configs);
  if (!config) return { room, fence };
  room.config = config.value;
  const kinds = [...ownRows, ...features.rows].filter(({ collection, isOnDemand }) => collection !== configs && !isOnDemand);
  const [tail, ...lists] = await Promise.all([
    rows.list(messages, { limit: roomLimits.historyMax, backward: true, after: config.value.since }),
    ...kinds.map((kind) => readKind(rows, kind)),
  ]);
  const byCollection = new Map(kinds.map(({ collection }, index) => [collection, lists[index]!]));
  const loaded = {
    of: <Value>(collection: Collection<Value>) => (byCollection.get(collection) ?? []) as readonly Item<Value>[],
  };
  room.subject = loaded.of(subjects)[0]?.value;
  for (const { value } of loaded.of(keptRoles)) room.keptRoles.set(value.jid, value.role);
  for (const { value } of loaded.of(affiliationRows)) room.affiliations.set(value.jid, value);
  addOccupants(room, loaded.of(occupantRows), new Map(loaded.of(presences).map(({ key, value }) => [key, value])));
  for (const { key, value } of tail.reverse()) {
    room.remember(key, value);
    const written = fence.unfinished.get(value.request);
    if (written === undefined) fence.markHandled([value.request]);
    // An earlier batch has written the message, and this last one was to deliver it again. It must not be written once more.
    else if (written.length === 0) fence.unfinished.set(value.request, [Buffer.from(value.xml)]);
  }
  room.listedOccupants = room.occupants.size;
  for (const feature of features.all) feature.load?.(room, loaded);
  return { room, fence };
}

async function readKind(rows: Rows, { collection, most }: RoomRows): Promise<readonly Item<unknown>[]> {
  if (most > 1) return listAll(rows, collection, most);
  const item = await rows.get(collection);
  return item ? [item] : [];
}

function addOccupants(room: Room, items: readonly Item<OccupantRow>[], presenceByKey: ReadonlyMap<string, string>): void {
  const inOrder = [...items].sort((a, b) => a.value.joinedAt - b.value.joinedAt);
  for (const { key, value } of inOrder) {
    const jid = Jid.parse(value.jid);
    const { nick, role, incarnation, node, sid, joinedAt, after, hides } = value;
    const address = node === undefined || sid === undefined ? undefined : { node, sid };
    const presence = presenceByKey.get(key) ?? '<presence/>';
    const seat: Seat = { jid, address, presence, joinedAt, after, missedFrom: value.missedFrom ?? value.behind, hides };
    const occupant: Occupant = room.withNick(nick) ?? {
      nick,
      role,
      bare: jid.bare,
      incarnation,
      id: occupantId(room, jid.bare, incarnation),
      seats: [],
    };
    room.addSeat(occupant, seat);
  }
}

async function listAll<Value>(rows: Rows, collection: Collection<Value>, most: number): Promise<Item<Value>[]> {
  const items: Item<Value>[] = [];
  while (items.length < most) {
    const page = await rows.list(collection, { limit: portLimits.storeQueryRowsMax, after: items.at(-1)?.key });
    items.push(...page);
    if (page.length < portLimits.storeQueryRowsMax) break;
  }
  return items;
}

/**
 * @param ids of the batch's requests, which are handled then
 * @param leaving what leaves for other servers: it is sent again with the batch, so the fence need not keep it
 * @throws {Conflict} when another worker has written to the room; then nothing of the batch was written
 */
export async function commitBatch(
  dependencies: RoomDependencies,
  { room, fence }: LoadedRoom,
  pendingWrites: PendingWrites,
  ids: Iterable<string>,
  leaving: readonly OutboxBatch[],
): Promise<void> {
  const rows = Rows.ofRoom(dependencies.store, room.domain, room.jid.local);
  const expiresAtMs = room.config ? undefined : dependencies.clock.now() + roomLimits.tombstoneMs;
  await fence.advance(dependencies.store, rows, { pendingWrites, ids, expiresAtMs });
  await writeRows(dependencies, rows, pendingWrites, leaving);
}

/** Doing it twice is the same as doing it once. */
async function writeRows(
  dependencies: RoomDependencies,
  rows: Rows,
  pendingWrites: PendingWrites,
  leaving: readonly OutboxBatch[] = [],
): Promise<void> {
  const { store, outbox } = dependencies;
  const { isCleared, puts, deletes } = pendingWrites;
  if (isCleared) await clearRows(dependencies, rows);
  const all = puts.map(toPut);
  if (outbox !== undefined && leaving.length > 0) all.push(...outbox.puts(leaving));
  if (all.length > 0) await store.batchPut(all);
  if (leaving.length > 0) outbox?.written(leaving);
  if (deletes.length > 0) await store.batchDelete(deletes);
}

function toPut({ table, partition, sort, value, expiresAtMs, isSearched }: PendingPut): Put {
  const text = isSearched && rowText(sort.slice(messages.prefix.length), Stanza.parse((value as Archived).xml));
  return { table, partition, sort, value: JSON.stringify(value), expiresAtMs, text };
}

async function clearRows({ store, features }: RoomDependencies, rows: Rows): Promise<void> {
  const keys: PendingKey[] = [];
  for (const { collection, most } of [...ownRows, ...features.rows]) {
    if (most === 1) keys.push(rows.keyOf(collection, ''));
    else for (const { key } of await listAll(rows, collection, most)) keys.push(rows.keyOf(collection, key));
  }
  await store.batchDelete(keys);
}

/** Deletes the archive of a room that has ended, up to and with its last id. */
export function eraseArchive(store: Store, domain: string, name: string, lastId: string): Promise<void> {
  return Rows.ofRoom(store, domain, name).deleteAll(messages, { before: `${lastId}~` });
}
