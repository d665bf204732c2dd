/** The end of a room: its rows go in the batch, its archive afterwards; a later room by its name does not see either. */
import { putListing } from '../core/listing.ts';
import { eraseArchive } from '../core/room-store.ts';
import type { RoomTurn } from '../core/room-turn.ts';

export function dissolve(turn: RoomTurn): void {
  const { lastId } = turn;
  turn.clear();
  putListing(turn);
  eraseEarlier(turn, lastId);
}

/** What the archive has up to and with this id. */
export function eraseEarlier({ room, dependencies, background }: RoomTurn, id: string): void {
  background.push(async () => {
    await eraseArchive(dependencies.store, room.domain, room.jid.local, id);
    return [];
  });
}
