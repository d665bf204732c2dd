/**
 * What requests of a batch need from the store besides the room itself. It is read before they are handled, so that handling needs no
 * waiting and stays under the fence: whoever changes these rows changes the room's `state` first.
 */
import { limits } from '../../lib/limits.ts';
import { isId } from '../../lib/runtime/ids.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { NS_MODERATE, NS_RETRACT } from './namespaces.ts';
import type { RoomParts } from './parts.ts';
import type { Room } from './room.ts';
import { type Archived, directory, directoryPart, directoryParts, messages } from './room-rows.ts';
import type { LoadedRoom } from './room-store.ts';

export interface Foreseen {
  /** Entries of the archive by id: those that are to be retracted. Handling changes them. */
  readonly entries: Map<string, Archived>;
  /** The tenant has as many rooms as it may have. */
  readonly isTenantFull: boolean;
}

/** @throws {Unavailable} */
export async function foresee(parts: RoomParts, { room }: LoadedRoom, stanzas: readonly Stanza[]): Promise<Foreseen> {
  const entries = new Map<string, Archived>();
  const ids = room.config ? [...new Set(stanzas.flatMap(retractedId))].filter((id) => isId(id) && id > room.config!.since) : [];
  if (ids.length > 0) {
    const rows = Rows.ofRoom(parts.store, room.domain, room.jid.local);
    const items = await Promise.all(ids.map((id) => rows.get(messages, id)));
    for (const item of items) if (item) entries.set(item.key, item.value);
  }
  const mayMake = !room.config && stanzas.some(({ name, type }) => name === 'presence' && type === undefined);
  return { entries, isTenantFull: mayMake && (await isFull(parts, room)) };
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

/** Rooms are spread evenly over the parts of the directory: when the room's own part is full, all are about to be. */
async function isFull(parts: RoomParts, room: Room): Promise<boolean> {
  const most = limits.roomsPerTenantMax / directoryParts;
  const rows = Rows.ofDirectory(parts.store, room.domain, directoryPart(room.jid.local));
  return (await rows.list(directory, { limit: most })).length >= most;
}
