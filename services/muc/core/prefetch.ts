/**
 * What the requests of a batch need from the store besides the room itself. It is read before they are handled, so that handling
 * never waits and stays under the fence: whoever changes these rows changes the room's `state` row first.
 */

import { directoryOf, directoryParts, hasSoMany, roomNames } from '../../../lib/runtime/directory.ts';
import { isId } from '../../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { roomLimits } from '../limits.ts';
import { versionsOf } from './corrections.ts';
import type { RoomDependencies } from './dependencies.ts';
import type { Room, Seat } from './room.ts';
import { type Archived, messages } from './room-rows.ts';

export interface Prefetched {
  /** Entries of the archive that features asked for, by id. Handling changes them. */
  readonly entries: Map<string, Archived>;
  /** For each of those, the ids of the other entries with the same text (corrections.ts). These are among the entries, too. */
  readonly versions: ReadonlyMap<string, readonly string[]>;
  /** The tenant has as many rooms as it may have. */
  readonly isTenantFull: boolean;
  /** Bare JIDs of accounts that have made as many rooms as they may. */
  readonly fullMakers: ReadonlySet<string>;
  /** For each seat that is back, what it has missed. */
  readonly missed: ReadonlyMap<Seat, MissedPage>;
}

/** A page of the archive that a seat has missed. */
export interface MissedPage {
  readonly from: string;
  readonly entries: readonly Item<Archived>[];
  /** Where the next page begins; absent in the last one. */
  readonly next?: string | undefined;
}

/** A page that was sent to the seat of this JID. */
export interface SentPage {
  readonly jid: Jid;
  readonly from: string;
  /** Absent in the last one. */
  readonly next?: string | undefined;
}

const noRoomsMade: RoomsMade = { isTenantFull: false, fullMakers: new Set() };

/** What a turn has that needs nothing from the store. */
export const nothingPrefetched: Prefetched = { entries: new Map(), versions: new Map(), missed: new Map(), ...noRoomsMade };

/**
 * @param returned full JIDs of seats whose session is back
 * @throws {Unavailable}
 */
export async function prefetch(
  dependencies: RoomDependencies,
  tenant: Tenant,
  room: Room,
  stanzas: readonly Stanza[],
  returned: readonly Jid[],
): Promise<Prefetched> {
  const named = namedIds(dependencies, room, stanzas);
  const mayMake = !room.config && stanzas.some(({ name, type }) => name === 'presence' && type === undefined);
  // Most batches need nothing, and do not wait.
  return {
    ...(named.length > 0 ? await readEntries(dependencies, room, named) : { entries: new Map(), versions: new Map() }),
    ...(mayMake ? await readRoomsMade(dependencies, tenant, room) : noRoomsMade),
    missed: returned.length > 0 ? await readMissed(dependencies, room, returned) : new Map(),
  };
}

/** The ids of archive entries that stanzas name, as features declare it. Entries of an earlier room do not count. */
function namedIds({ features }: RoomDependencies, { config }: Room, stanzas: readonly Stanza[]): string[] {
  const named = new Set<string>();
  for (const stanza of config ? stanzas : []) {
    for (const { stanza: kind, name, ns } of features.prefetch) {
      const id = kind === stanza.name ? stanza.child(name, ns)?.attrs.id : undefined;
      if (id !== undefined && isId(id) && id > config!.since) named.add(id);
    }
  }
  return [...named];
}

async function readEntries(
  dependencies: RoomDependencies,
  room: Room,
  ids: readonly string[],
): Promise<Pick<Prefetched, 'entries' | 'versions'>> {
  const entries = new Map<string, Archived>();
  const versions = new Map<string, readonly string[]>();
  const rows = Rows.ofRoom(dependencies.store, room.domain, room.jid.local);
  for (const item of await Promise.all(ids.map((id) => rows.get(messages, id)))) {
    if (!item) continue;
    const others = await versionsOf(rows, room.existing.since, item);
    for (const { key, value } of [item, ...others]) entries.set(key, value);
    versions.set(
      item.key,
      others.map(({ key }) => key),
    );
  }
  return { entries, versions };
}

async function readMissed({ store }: RoomDependencies, room: Room, returned: readonly Jid[]): Promise<Map<Seat, MissedPage>> {
  const rows = Rows.ofRoom(store, room.domain, room.jid.local);
  const missed = new Map<Seat, MissedPage>();
  for (const jid of returned) {
    const seat = room.find(jid)?.seat;
    const from = seat?.missedFrom;
    if (seat === undefined || from === undefined) continue;
    // `after` leaves out its own key, so reading starts from a prefix of the id, which may find a few earlier ids, too.
    const found = await rows.list(messages, { after: from.slice(0, -1), limit: serviceLimits.catchUpPageMax });
    const entries = found.filter(({ key }) => key >= from);
    const isFull = found.length === serviceLimits.catchUpPageMax;
    missed.set(seat, isFull ? { from, entries: entries.slice(0, -1), next: entries.at(-1)?.key } : { from, entries });
  }
  return missed;
}

type RoomsMade = Pick<Prefetched, 'isTenantFull' | 'fullMakers'>;

/** Rooms are spread evenly over the parts of the directory: when the part of this room is full, all of them soon are. */
async function readRoomsMade({ store }: RoomDependencies, { policy }: Tenant, room: Room): Promise<RoomsMade> {
  const { domain, jid } = room;
  const { roomsMax } = policy;
  const most = runtimeLimits.roomsMax / directoryParts;
  const names = await directoryOf(store, domain, jid.local).list(roomNames, { limit: most });
  const isBounded = roomsMax < runtimeLimits.roomsMax;
  const byMaker = Map.groupBy(names, ({ value }) => value.madeBy);
  const perAccount = roomLimits.roomsPerAccountMax / directoryParts;
  const full = [...byMaker].flatMap(([maker, made]) => (maker !== undefined && made.length >= perAccount ? [maker] : []));
  const isTenantFull = names.length >= most || (isBounded && (await hasSoMany(store, domain, roomNames, jid.local, roomsMax)));
  return { isTenantFull, fullMakers: new Set(full) };
}
