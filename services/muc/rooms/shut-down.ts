/**
 * XEP-0045 §11.2: the service ends together with the tenant that owns the rooms. This does not apply when a worker stops, because
 * another worker takes its rooms.
 */

import type { RoomTurn } from '../core/room-turn.ts';
import { removeOccupant } from './leave.ts';

/** Each occupant is told of its own leaving, as when a room is destroyed. */
export function shutDown(turn: RoomTurn): void {
  for (const occupant of [...turn.room.occupants.values()]) {
    const audience = occupant.seats.map((seat) => ({ occupant, seat }));
    removeOccupant(turn, occupant, { affiliation: 'none', statuses: [332] }, audience);
  }
}
