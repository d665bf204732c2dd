/**
 * What requests of a batch need from the store besides the room itself. It is read before they are handled, so that handling needs no
 * waiting and stays under the fence: whoever changes these rows changes the room's `state` first.
 */
import { directoryOf, directoryParts, roomNames } from '../../../lib/runtime/directory.ts';
import { isId } from '../../../lib/runtime/ids.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { roomLimits } from '../limits.ts';
import { versionsOf } from '../rooms/corrections.ts';
import type { RoomDependencies } from './dependencies.ts';
import { NS_MODERATE, NS_RETRACT } from './namespaces.ts';
import type { Room, Session } from './room.ts';
import { type Archived, messages } from './room-rows.ts';
import type { LoadedRoom } from './room-store.ts';

export interface Foreseen {
  /** Entries of the archive by id: those that are to be retracted. Handling changes them. */
  readonly entries: Map<string, Archived>;
  /** By the id of one of those: ids of the others that are the same text (corrections.ts), which are among the entries. */
  readonly versions: ReadonlyMap<string, readonly string[]>;
  /** The tenant has as many rooms as it may have. */
  readonly isTenantFull: boolean;
  /** Bare JIDs of accounts that have made as many rooms as they may. */
  readonly fullMakers: ReadonlySet<string>;
  /** By the session that is back. */
  readonly owed: ReadonlyMap<Session, Owed>;
}

/** What a session has not got: a page of the archive. */
export interface Owed {
  readonly from: string;
  readonly entries: readonly Item<Archived>[];
  /** Where the next page begins; absent: there is none. */
  readonly next?: string | undefined;
}

/** @throws {Unavailable} */
export async function foresee(
  dependencies: RoomDependencies,
  { room }: LoadedRoom,
  stanzas: readonly Stanza[],
  returned: readonly Jid[],
): Promise<Foreseen> {
  const entries = new Map<string, Archived>();
  const versions = new Map<string, readonly string[]>();
  const ids = room.config ? [...new Set(stanzas.flatMap(retractedId))].filter((id) => isId(id) && id > room.config!.since) : [];
  if (ids.length > 0) {
    const rows = Rows.ofRoom(dependencies.store, room.domain, room.jid.local);
    const items = await Promise.all(ids.map((id) => rows.get(messages, id)));
    for (const item of items) {
      if (!item) continue;
      const others = await versionsOf(rows, room.config!.since, item);
      for (const { key, value } of [item, ...others]) entries.set(key, value);
      versions.set(
        item.key,
        others.map(({ key }) => key),
      );
    }
  }
  const mayMake = !room.config && stanzas.some(({ name, type }) => name === 'presence' && type === undefined);
  const made = mayMake ? await readRoomsMade(dependencies, room) : nobodyIsFull;
  return { entries, versions, ...made, owed: await readOwed(dependencies, room, returned) };
}

async function readOwed({ store }: RoomDependencies, room: Room, returned: readonly Jid[]): Promise<Map<Session, Owed>> {
  const rows = Rows.ofRoom(store, room.domain, room.jid.local);
  const owed = new Map<Session, Owed>();
  for (const jid of returned) {
    const session = room.find(jid)?.session;
    const from = session?.behind;
    if (session === undefined || from === undefined) continue;
    // An id's own prefix stands before it, and perhaps before others.
    const found = await rows.list(messages, { after: from.slice(0, -1), limit: serviceLimits.catchUpPageMax });
    const entries = found.filter(({ key }) => key >= from);
    const isFull = found.length === serviceLimits.catchUpPageMax;
    owed.set(session, isFull ? { from, entries: entries.slice(0, -1), next: entries.at(-1)?.key } : { from, entries });
  }
  return owed;
}

/** XEP-0424 §3, XEP-0425 §3. */
function retractedId(stanza: Stanza): string[] {
  const named =
    stanza.name === 'message'
      ? stanza.child('retract', NS_RETRACT)
      : stanza.name === 'iq'
        ? stanza.child('moderate', NS_MODERATE)
        : undefined;
  const id = named?.attrs.id;
  return id === undefined ? [] : [id];
}

type RoomsMade = Pick<Foreseen, 'isTenantFull' | 'fullMakers'>;

const nobodyIsFull: RoomsMade = { isTenantFull: false, fullMakers: new Set() };

/** Rooms are spread evenly over the parts of the directory: when the room's own part is full, all are about to be. */
async function readRoomsMade(dependencies: RoomDependencies, room: Room): Promise<RoomsMade> {
  const most = roomLimits.roomsPerTenantMax / directoryParts;
  const rows = directoryOf(dependencies.store, room.domain, room.jid.local);
  const names = await rows.list(roomNames, { limit: most });
  const byMaker = Map.groupBy(names, ({ value }) => value.madeBy);
  const perAccount = roomLimits.roomsPerAccountMax / directoryParts;
  const full = [...byMaker].flatMap(([maker, made]) => (maker !== undefined && made.length >= perAccount ? [maker] : []));
  return { isTenantFull: names.length >= most, fullMakers: new Set(full) };
}
