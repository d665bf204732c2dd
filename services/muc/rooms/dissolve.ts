/** The end of a room. Its rows are deleted with the batch, its archive afterwards. A later room of the same name sees neither. */
import { putListing } from '../core/listing.ts';
import { tellOfRoom } from '../core/room-events.ts';
import { eraseArchive } from '../core/room-store.ts';
import type { RoomTurn } from '../core/room-turn.ts';

export function dissolve(turn: RoomTurn): void {
  const { lastId } = turn;
  turn.clear();
  putListing(turn);
  tellOfRoom(turn, 'room.destroyed');
  eraseEarlier(turn, lastId);
}

/** Erases the archive up to and with this id. */
export function eraseEarlier({ room, dependencies, background }: RoomTurn, id: string): void {
  background.push(async () => {
    await eraseArchive(dependencies.store, room.domain, room.jid.local, id);
    return [];
  });
}
