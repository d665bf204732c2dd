/** What the tenant's directory says of a room: that it exists, and what the list of rooms shows of it. */
import { directoryOf, roomNames } from '../../../lib/runtime/directory.ts';
import type { RoomConfig } from './config.ts';
import type { Room } from './room.ts';
import { type ListedRoom, listed } from './room-rows.ts';
import type { RoomTurn } from './room-turn.ts';

/** Writes both rows as the configuration wants them. */
export function putListing(turn: RoomTurn): void {
  const { config, jid } = turn.room;
  const name = jid.local;
  const rows = directoryOf(turn.dependencies.store, turn.tenant.domain, name);
  turn.write({ ...rows.keyOf(roomNames, name), value: config && { createdAt: config.createdAt, madeBy: config.madeBy } });
  turn.write({ ...rows.keyOf(listed, name), value: config && isListed(config) ? listingOf(turn.room, config) : undefined });
}

/** The list shows how many occupants there are, give or take a tenth. */
export function noteOccupants(turn: RoomTurn): void {
  const { config, occupants, listedOccupants } = turn.room;
  if (!config || !isListed(config)) return;
  if (Math.abs(occupants.size - listedOccupants) >= Math.max(1, listedOccupants / 10)) putListing(turn);
}

function listingOf(room: Room, config: RoomConfig): ListedRoom {
  const { name, description, lang, whois, membersOnly, password } = config;
  const occupants = room.occupants.size;
  room.listedOccupants = occupants;
  return {
    name,
    description,
    lang,
    occupants,
    isOpen: !membersOnly && password === '',
    isNonAnonymous: whois === 'anyone',
  };
}

function isListed(config: RoomConfig): boolean {
  return config.public && !config.isLocked;
}
