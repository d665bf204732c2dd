/**
 * XEP-0045 §11.2: the service goes, with the tenant whose rooms these are. A worker that stops is no such thing: the next one has its
 * rooms.
 */

import type { RoomTurn } from '../core/room-turn.ts';
import { removeOccupant } from './leave.ts';

/** Each occupant hears of its own leaving, as with a room that is destroyed. */
export function shutDown(turn: RoomTurn): void {
  for (const occupant of [...turn.room.occupants.values()]) {
    const audience = occupant.seats.map((seat) => ({ occupant, seat }));
    removeOccupant(turn, occupant, { affiliation: 'none', statuses: [332] }, audience);
  }
}
