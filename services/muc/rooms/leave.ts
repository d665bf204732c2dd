/** Leaving a room: on one's own (XEP-0045 §7.14), as a ghost (§16.1.2), or by being removed (§8.2, §9.1, §9.4, §10.2). */
import { xml } from '../../../lib/xmpp/element.ts';
import { noteOccupants } from '../core/listing.ts';
import type { Occupant, OccupantSeat, Seat } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { type Announcement, announce } from './announce.ts';
import { dissolve } from './dissolve.ts';

export type Departure = Pick<
  Announcement,
  'affiliation' | 'children' | 'statuses' | 'selfStatuses' | 'actor' | 'reason' | 'destroy' | 'id' | 'unavailable'
>;

/** §10.1.3: a room that was never configured ends when its creator leaves, and the creator is told so. */
function endOf({ config, room }: RoomTurn, leaving: number): Departure {
  return config.isLocked && room.seats.size === leaving ? { affiliation: 'none', destroy: xml('destroy') } : {};
}

/** One client leaves. The occupant stays as long as it has others. */
export function removeSeat(turn: RoomTurn, occupant: Occupant, seat: Seat, how: Departure = {}): void {
  const isLast = occupant.seats.length === 1;
  const wasShown = occupant.seats.at(-1) === seat;
  const departure = { occupant, seat, ...endOf(turn, 1), ...how, unavailable: how.unavailable ?? {} };
  if (isLast) announce(turn, departure);
  else announce(turn, departure, [{ occupant, seat }]);
  turn.room.removeSeat(occupant, seat);
  turn.deleteSeat(seat);
  noteOccupants(turn);
  if (!isLast && wasShown) announce(turn, { occupant, seat: occupant.seats.at(-1)! });
}

/** All clients of an occupant leave together. Everybody sees one unavailable presence. */
export function removeOccupant(turn: RoomTurn, occupant: Occupant, how: Departure, audience?: Iterable<OccupantSeat>): void {
  const { seats } = occupant;
  announce(
    turn,
    { occupant, seat: seats.at(-1)!, ...endOf(turn, seats.length), ...how, unavailable: how.unavailable ?? {} },
    audience,
  );
  for (const seat of [...seats]) {
    turn.room.removeSeat(occupant, seat);
    turn.deleteSeat(seat);
  }
  noteOccupants(turn);
}

/** §7.14 and §10.9: a temporary room ends with its last occupant. Call it when nobody else will leave in this turn. */
export function endIfEmpty(turn: RoomTurn): void {
  const { config, seats } = turn.room;
  if (config && !config.persistent && seats.size === 0) dissolve(turn);
}
