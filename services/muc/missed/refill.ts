/**
 * Occupants whose session is on its way: handed from one node to another, or parked in the store. What is said meanwhile
 * stands in the archive, and is sent from there, with its time (XEP-0203) and in its order, when some node has the session again. Until
 * then what goes into the archive is not sent to it at all, so that nothing comes twice or too early.
 *
 * Leaves out what is in no archive: presence, private messages and chat states of that time.
 */
import { isParked, readSessions } from '../../../lib/runtime/sessions.ts';
import type { SessionAddress } from '../../../lib/runtime/wire.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Undelivered } from '../core/fan-out.ts';
import type { Job } from '../core/job.ts';
import type { Room, Session } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import type { Sending } from '../core/sending.ts';
import { delayed } from '../rooms/history.ts';
import { ifStillThere, leaveAsGhost } from './heal.ts';
import { findEntry } from './sweep.ts';

/** A page of what a session has not got was sent. */
export interface Refill {
  readonly jid: Jid;
  readonly from: string;
  /** Absent: it was the last. */
  readonly next?: string | undefined;
}

/** From the first of these on; the rows follow with the next batch. */
export function fallBehind(room: Room, session: Session, undelivered: readonly Sending[], push: (job: Job) => void): void {
  const [first] = undelivered.flatMap(({ dedupeKey }) => dedupeKey ?? []).sort();
  if (first === undefined) return;
  const mark = (one: Session, among: Room) => {
    if (one.behind === undefined || first < one.behind) one.behind = first;
    among.behind.add(one);
  };
  mark(session, room);
  const { joinedAt } = session;
  push({
    about: session.jid,
    first: 'mark',
    apply(turn) {
      const { own } = turn;
      if (own?.session.joinedAt !== joinedAt) return;
      mark(own.session, turn.room);
      turn.putSession(own.occupant, own.session);
    },
  });
}

/** Queues what is to be done for those that some node holds again. Others are looked for another time. @throws {Unavailable} */
export async function lookForReturned(dependencies: Dependencies, room: Room, push: (job: Job) => void): Promise<void> {
  for (const session of room.behind) if (room.find(session.jid)?.session !== session) room.behind.delete(session);
  const behind = [...room.behind].filter(({ address }) => address);
  // Of other tenants only their routers know: they are tried again.
  for (const { jid, address } of room.behind) if (!address) push({ about: jid, first: 'return', apply: (turn) => refill(turn) });
  const lists = await readSessions(
    dependencies.store,
    behind.map(({ jid }) => jid),
  );
  for (const [index, session] of behind.entries()) {
    const entry = findEntry(session, lists[index]!);
    if (entry === undefined) {
      push({ about: session.jid, apply: ifStillThere(session, leaveAsGhost) });
    } else if (!isParked(entry)) {
      const { node, sid } = entry;
      push({ about: session.jid, first: 'return', apply: (turn) => refill(turn, { node, sid }) });
    }
  }
}

/**
 * Sends a page. What comes after the last page is sent as it comes, again; but the row goes on naming the first that is owed until all
 * has arrived: a worker that dies before leaves it to the next, and nothing is given to a session twice.
 */
function refill(turn: RoomTurn, address?: SessionAddress): void {
  const { own, owed } = turn;
  // Another such job may have come first.
  if (!own || owed?.from !== own.session.behind || owed === undefined) return;
  const { occupant, session } = own;
  session.address = address;
  if (owed.next === undefined) turn.room.behind.delete(session);
  for (const { key, value } of owed.entries) turn.send(Buffer.from(delayed(value, turn.room.jid.toString())), [session], key);
  turn.refills.push({ jid: session.jid, from: owed.from, next: owed.next });
  turn.putSession(occupant, session);
}

/** Queues that what was sent has arrived, where nothing else was heard. */
export function closeGaps(refills: readonly Refill[], undelivered: readonly Undelivered[], push: (job: Job) => void): void {
  const failed = new Set(undelivered.map(({ recipient }) => recipient.jid.toString()));
  for (const { jid, from, next } of refills) {
    if (failed.has(jid.toString())) continue;
    push({
      about: jid,
      first: 'mark',
      apply(turn) {
        const { own } = turn;
        if (own?.session.behind !== from || turn.room.behind.has(own.session) !== (next !== undefined)) return;
        own.session.behind = next;
        turn.putSession(own.occupant, own.session);
      },
    });
  }
}
