/**
 * Reads a room from its rows, and writes a batch: first the conditional write of the `state` row, then the rows.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import type { Put, Store } from '../../../lib/ports/store.ts';
import type { Collection } from '../../../lib/runtime/collection.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { recallSpeakers } from '../features/xep0500-slow-mode.ts';
import { recallActivity } from '../features/xep0502-activity.ts';
import { roomLimits } from '../limits.ts';
import { occupantId } from '../rooms/occupant-id.ts';
import type { Batch } from './batch.ts';
import { Fence } from './fence.ts';
import { type Occupant, Room, type Session } from './room.ts';
import {
  activities,
  affiliationRows,
  configs,
  formerAffiliations,
  formerFloors,
  hatRows,
  keptRoles,
  messages,
  type OccupantRow,
  occupantRows,
  type PendingKey,
  type PendingPut,
  presences,
  type Redo,
  states,
  subjects,
  vcards,
} from './room-rows.ts';

export interface LoadedRoom {
  readonly room: Room;
  readonly fence: Fence;
}

/** @param secret the tenant's */
export async function loadRoom(store: Store, domain: string, jid: Jid, secret: string): Promise<LoadedRoom> {
  const rows = Rows.ofRoom(store, domain, jid.local);
  const room = new Room(domain, jid, secret);
  // The fence first: whoever changes rows after this read has changed the fence before, and our first write will fail.
  const state = await rows.get(states);
  if (state) await writeRows(store, rows, state.value.redo);
  const fence = new Fence(state?.version, state?.value);
  const config = await rows.get(configs);
  if (!config) return { room, fence };
  room.config = config.value;
  const [subject, hats, floor, activity, former, kept, affiliations, occupants, presenceItems, tail] = await Promise.all([
    rows.get(subjects),
    rows.get(hatRows),
    rows.get(formerFloors),
    rows.get(activities),
    listAll(rows, formerAffiliations, roomLimits.formerAffiliationsMax),
    listAll(rows, keptRoles, roomLimits.keptRolesMax),
    listAll(rows, affiliationRows, roomLimits.affiliationsMax),
    listAll(rows, occupantRows, roomLimits.sessionsMax),
    listAll(rows, presences, roomLimits.sessionsMax),
    rows.list(messages, { limit: roomLimits.historyMax, backward: true, after: config.value.since }),
  ]);
  room.subject = subject?.value;
  room.hats = hats?.value ?? room.hats;
  room.activity = activity?.value;
  room.formerFloor = floor?.value ?? '';
  for (const { value } of former) {
    room.former.set(value.jid, value.version);
    room.affiliations.noteVersion(value.version);
  }
  for (const { value } of kept) room.keptRoles.set(value.jid, value.role);
  for (const { value } of affiliations) room.affiliations.set(value.jid, value);
  const said = new Map(presenceItems.map(({ key, value }) => [key, value]));
  addOccupants(room, occupants, said);
  for (const { key, value } of tail.reverse()) {
    room.remember(key, value);
    const written = fence.unfinished.get(value.request);
    if (written === undefined) fence.markHandled(value.request);
    // It was written by a batch before the last, which was to deliver it again: not to be written again.
    else if (written.length === 0) fence.unfinished.set(value.request, [Buffer.from(value.xml)]);
  }
  room.listedOccupants = room.occupants.size;
  recallSpeakers(room);
  recallActivity(room);
  return { room, fence };
}

function addOccupants(room: Room, items: readonly Item<OccupantRow>[], said: ReadonlyMap<string, string>): void {
  const inOrder = [...items].sort((a, b) => a.value.joinedAt - b.value.joinedAt);
  for (const { key, value } of inOrder) {
    const jid = Jid.parse(value.jid);
    const { nick, role, incarnation, node, sid, joinedAt, after, behind, hides } = value;
    const address = node === undefined || sid === undefined ? undefined : { node, sid };
    const session: Session = { jid, address, presence: said.get(key) ?? '<presence/>', joinedAt, after, behind, hides };
    const occupant: Occupant = room.withNick(nick) ?? {
      nick,
      role,
      bare: jid.bare,
      incarnation,
      id: occupantId(room, jid.bare, incarnation),
      sessions: [],
    };
    room.addSession(occupant, session);
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

/** @throws {Conflict} when another worker has written to the room: nothing of the batch was written then */
export async function commitBatch(store: Store, { room, fence }: LoadedRoom, batch: Batch, now: number): Promise<void> {
  const rows = Rows.ofRoom(store, room.domain, room.jid.local);
  const redo = batch.toRedo();
  const expiresAtMs = room.config ? undefined : now + roomLimits.tombstoneMs;
  const row = rows.row(states, '', fence.next(redo), expiresAtMs);
  fence.version = await store.put(row, fence.version === undefined ? 'absent' : { version: fence.version });
  await writeRows(store, rows, redo);
}

/** Writing them twice is the same as writing them once. */
async function writeRows(store: Store, rows: Rows, redo: Redo): Promise<void> {
  if (redo.isCleared) await clearRows(store, rows);
  if (redo.puts.length > 0) await store.batchPut(redo.puts.map(toPut));
  await deleteAll(store, redo.deletes);
}

function toPut({ table, partition, sort, value, expiresAtMs }: PendingPut): Put {
  return { table, partition, sort, value: JSON.stringify(value), expiresAtMs };
}

async function clearRows(store: Store, rows: Rows): Promise<void> {
  const single = [configs, subjects, hatRows, vcards, formerFloors, activities];
  const keys: PendingKey[] = single.map((kind) => rows.keyOf(kind, ''));
  for (const [kind, most] of [
    [affiliationRows, roomLimits.affiliationsMax],
    [formerAffiliations, roomLimits.formerAffiliationsMax],
    [keptRoles, roomLimits.keptRolesMax],
    [occupantRows, roomLimits.sessionsMax],
    [presences, roomLimits.sessionsMax],
  ] as const) {
    const items = await listAll<unknown>(rows, kind, most);
    for (const { key } of items) keys.push(rows.keyOf(kind, key));
  }
  await deleteAll(store, keys);
}

async function deleteAll(store: Store, keys: readonly PendingKey[]): Promise<void> {
  for (let at = 0; at < keys.length; at += runtimeLimits.eraseRowsMax) {
    await Promise.all(keys.slice(at, at + runtimeLimits.eraseRowsMax).map((key) => store.delete(key)));
  }
}

/** Removes the archive of a room that is gone, up to and with its last id. */
export async function eraseArchive(store: Store, domain: string, name: string, lastId: string): Promise<void> {
  const rows = Rows.ofRoom(store, domain, name);
  for (;;) {
    const page = await rows.list(messages, { limit: runtimeLimits.eraseRowsMax, before: `${lastId}~` });
    await deleteAll(
      store,
      page.map(({ key }) => rows.keyOf(messages, key)),
    );
    if (page.length < runtimeLimits.eraseRowsMax) return;
  }
}
