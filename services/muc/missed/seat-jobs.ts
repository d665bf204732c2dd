/**
 * What a worker does about one seat when it has looked at the sessions of the occupant's account. The room may have changed
 * since, so each job looks again whether the seat is still the one that was meant.
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { SessionAddress } from '../../../lib/runtime/wire.ts';
import type { SeatJob } from '../core/job.ts';
import type { Seat } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { endIfEmpty, removeSeat } from '../rooms/leave.ts';

/** The session of an occupant in its account's list; undefined when that session is over. */
export function findEntry(seat: Seat, entries: readonly SessionEntry[]): SessionEntry | undefined {
  const entry = entries.find(({ resource }) => resource === seat.jid.resource);
  return entry && entry.boundAt <= seat.joinedAt + roomLimits.sessionClockSkewMs ? entry : undefined;
}

/** The session is over: the occupant leaves, and the others see 333 (XEP-0045 §9.10, §16.1.2). */
export function ghostJob(seat: Seat): SeatJob {
  return { about: seat.jid, apply: ifStillThere(seat, leaveAsGhost) };
}

/** Another node has the session now. */
export function followJob(seat: Seat, { node, sid }: SessionAddress): SeatJob {
  return {
    about: seat.jid,
    apply: ifStillThere(seat, (turn) => {
      const { own } = turn;
      if (!own) return;
      own.seat.address = { node, sid };
      turn.putSeat(own.occupant, own.seat);
    }),
  };
}

/** The seat may have left since it was looked at, or may have left and entered again. */
function ifStillThere({ joinedAt }: Seat, apply: (turn: RoomTurn) => void): (turn: RoomTurn) => void {
  return (turn) => {
    if (turn.own?.seat.joinedAt === joinedAt) apply(turn);
  };
}

function leaveAsGhost(turn: RoomTurn): void {
  const { own } = turn;
  if (!own) return;
  removeSeat(turn, own.occupant, own.seat, { statuses: [333] });
  endIfEmpty(turn);
}
