/** Leaving a room: by oneself (XEP-0045 §7.14), as a ghost (§16.1.2), or put out (§8.2, §9.1, §9.4, §10.2). */
import { xml } from '../../../lib/xmpp/element.ts';
import type { Occupant, Session } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { type Announcement, type Audience, announce } from './announce.ts';
import { dissolve } from './dissolve.ts';

export type Departure = Pick<
  Announcement,
  'affiliation' | 'step' | 'statuses' | 'selfStatuses' | 'actor' | 'reason' | 'destroy' | 'id' | 'unavailable'
>;

/** §10.1.3: a room that nobody has configured ends with who made it, who is told so. */
function endOf({ config, room }: RoomTurn, leaving: number): Departure {
  return config.isLocked && room.sessionCount === leaving ? { affiliation: 'none', destroy: xml('destroy') } : {};
}

/** One client leaves; the occupant stays while it has others. */
export function removeSession(turn: RoomTurn, occupant: Occupant, session: Session, how: Departure = {}): void {
  const isLast = occupant.sessions.length === 1;
  const wasShown = occupant.sessions.at(-1) === session;
  const departure = { occupant, session, ...endOf(turn, 1), ...how, unavailable: how.unavailable ?? {} };
  if (isLast) announce(turn, departure);
  else announce(turn, departure, [{ occupant, session }]);
  turn.room.removeSession(occupant, session);
  turn.deleteSession(session);
  turn.noteOccupants();
  if (!isLast && wasShown) announce(turn, { occupant, session: occupant.sessions.at(-1)! });
}

/** All clients of an occupant leave together: one unavailable presence for all to see. */
export function removeOccupant(turn: RoomTurn, occupant: Occupant, how: Departure, audience?: Iterable<Audience>): void {
  const { sessions } = occupant;
  announce(
    turn,
    { occupant, session: sessions.at(-1)!, ...endOf(turn, sessions.length), ...how, unavailable: how.unavailable ?? {} },
    audience,
  );
  for (const session of [...sessions]) {
    turn.room.removeSession(occupant, session);
    turn.deleteSession(session);
  }
  turn.noteOccupants();
}

/** §7.14 and §10.9: a temporary room ends with its last occupant. Call it when nobody else will leave in this turn. */
export function endIfEmpty(turn: RoomTurn): void {
  const { config, sessionCount } = turn.room;
  if (config && !config.persistent && sessionCount === 0) dissolve(turn);
}
