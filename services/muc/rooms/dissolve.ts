/** The end of a room: its rows go in the batch, its archive afterwards; a later room by its name does not see either. */
import { eraseArchive } from '../core/room-store.ts';
import type { RoomTurn } from '../core/room-turn.ts';

export function dissolve(turn: RoomTurn): void {
  const { room, parts, lastId } = turn;
  turn.clear();
  turn.background.push(async () => {
    await eraseArchive(parts.store, room.domain, room.jid.local, lastId);
    return [];
  });
}
