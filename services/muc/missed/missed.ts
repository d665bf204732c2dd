/**
 * What seats have missed while their session was on its way: handed from one node to another, or parked in the store. Messages of
 * that time are in the archive. When some node has the session again, they are sent from there, in order and with their time
 * (XEP-0203). Until then nothing that goes into the archive is sent to the seat, so that nothing comes twice or too early.
 *
 * Presence, private messages and chat states of that time are in no archive, and are not sent again.
 */
import { isParked, readSessions } from '../../../lib/runtime/sessions.ts';
import type { SessionAddress } from '../../../lib/runtime/wire.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Undelivered } from '../core/fan-out.ts';
import type { Job } from '../core/job.ts';
import type { SentPage } from '../core/prefetch.ts';
import type { Room, Seat } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import type { Sending } from '../core/sending.ts';
import { delayed } from '../rooms/history.ts';
import { findEntry, ghostJob } from './seat-jobs.ts';

/**
 * Notes that the seat has missed everything from the first of these on. The room in memory knows at once, its row with the next
 * batch.
 */
export function markMissed(room: Room, seat: Seat, undelivered: readonly Sending[], push: (job: Job) => void): void {
  const [first] = undelivered.flatMap(({ dedupeKey }) => dedupeKey ?? []).sort();
  if (first === undefined) return;
  const mark = (one: Seat, among: Room) => {
    if (one.missedFrom === undefined || first < one.missedFrom) one.missedFrom = first;
    among.missed.add(one);
  };
  mark(seat, room);
  const { joinedAt } = seat;
  push({
    about: seat.jid,
    first: 'mark',
    apply(turn) {
      const { own } = turn;
      if (own?.seat.joinedAt !== joinedAt) return;
      mark(own.seat, turn.room);
      turn.putSeat(own.occupant, own.seat);
    },
  });
}

/**
 * Queues what is to be done for seats whose session some node holds again. The others are looked for another time. @throws
 * {Unavailable}
 */
export async function findReturned(dependencies: Dependencies, room: Room, push: (job: Job) => void): Promise<void> {
  for (const seat of room.missed) if (room.find(seat.jid)?.seat !== seat) room.missed.delete(seat);
  const near = [...room.missed].filter(({ address }) => address);
  // Only its routers know where a session of another tenant is, so sending is tried again.
  for (const { jid, address } of room.missed)
    if (!address) push({ about: jid, first: 'return', apply: (turn) => sendMissed(turn) });
  const lists = await readSessions(
    dependencies.store,
    near.map(({ jid }) => jid),
  );
  for (const [index, seat] of near.entries()) {
    const entry = findEntry(seat, lists[index]!);
    if (entry === undefined) {
      push(ghostJob(seat));
    } else if (!isParked(entry)) {
      const { node, sid } = entry;
      push({ about: seat.jid, first: 'return', apply: (turn) => sendMissed(turn, { node, sid }) });
    }
  }
}

/**
 * Sends a page of what the seat has missed. After the last page the seat is sent messages as they come again. Its row goes on
 * naming the first missed message until all have arrived: a worker that dies before leaves the rest to the next one, and nodes
 * drop what they were given already.
 */
function sendMissed(turn: RoomTurn, address?: SessionAddress): void {
  const { own, missed } = turn;
  // Another job of this kind may have come first.
  if (!own || missed === undefined || missed.from !== own.seat.missedFrom) return;
  const { occupant, seat } = own;
  seat.address = address;
  if (missed.next === undefined) turn.room.missed.delete(seat);
  for (const { key, value } of missed.entries) {
    const bytes = Buffer.from(delayed(value, turn.room.jid.toString()));
    turn.send(bytes, [seat], { dedupeKey: key, isLate: true });
  }
  turn.sentPages.push({ jid: seat.jid, from: missed.from, next: missed.next });
  turn.putSeat(occupant, seat);
}

/** Queues the note that these pages have arrived, unless they are among what was not delivered. */
export function confirmMissed(pages: readonly SentPage[], undelivered: readonly Undelivered[], push: (job: Job) => void): void {
  const failed = new Set(undelivered.map(({ recipient }) => recipient.jid.toString()));
  for (const { jid, from, next } of pages) {
    if (failed.has(jid.toString())) continue;
    push({
      about: jid,
      first: 'mark',
      apply(turn) {
        const { own } = turn;
        if (own?.seat.missedFrom !== from || turn.room.missed.has(own.seat) !== (next !== undefined)) return;
        own.seat.missedFrom = next;
        turn.putSeat(own.occupant, own.seat);
      },
    });
  }
}
