/**
 * Sessions that did not get what the room sent: moved to another node, or gone without a word (XEP-0045 §16.1.2). The
 * account's row of sessions knows.
 */
import { isParked, readSessions } from '../../../lib/runtime/sessions.ts';
import type { SessionAddress } from '../../../lib/runtime/wire.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Undelivered } from '../core/fan-out.ts';
import type { Job } from '../core/job.ts';
import type { Room, Session } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { returnInvitation } from '../rooms/invite.ts';
import { endIfEmpty, removeSession } from '../rooms/leave.ts';
import { fallBehind } from './refill.ts';
import { findEntry } from './sweep.ts';

/** Delivers again to those that moved; those that are on their way get it from the archive when they are back; others leave the room. */
export async function heal(
  dependencies: Dependencies,
  room: Room,
  undelivered: readonly Undelivered[],
  push: (job: Job) => void,
): Promise<void> {
  // Who has left and entered again in the same batch has it from the history.
  const inside = undelivered.flatMap(({ recipient, isGone, stanzas }) => {
    const session = room.find(recipient.jid)?.session;
    return session
      ? {
          recipient,
          session,
          isGone,
          stanzas: stanzas.filter(({ dedupeKey }) => dedupeKey === undefined || dedupeKey > session.after),
        }
      : [];
  });
  for (const { recipient, isGone, stanzas } of undelivered) {
    if (isGone && !room.find(recipient.jid)) for (const { bytes } of stanzas) returnUnsent(recipient.jid, bytes, push);
  }
  const near = inside.filter(({ recipient }) => recipient.address !== undefined);
  for (const { recipient, session, isGone, stanzas } of inside) {
    if (recipient.address) continue;
    if (isGone) push({ about: recipient.jid, apply: ifStillThere(session, leaveAsGhost) });
    else fallBehind(room, session, stanzas, push);
  }
  let lists: Awaited<ReturnType<typeof readSessions>>;
  try {
    lists = await readSessions(
      dependencies.store,
      near.map(({ recipient }) => recipient.jid),
    );
  } catch (error) {
    dependencies.log.info({ err: error, room: room.jid.toString() }, 'sessions that were not reached cannot be looked up');
    for (const { session, stanzas } of near) fallBehind(room, session, stanzas, push);
    return;
  }
  await Promise.all(
    near.map(async ({ recipient, stanzas }, place) => {
      const { jid } = recipient;
      const session = room.find(jid)?.session;
      if (!session) return;
      const entry = findEntry(session, lists[place]!);
      if (!entry) {
        push({ about: jid, apply: ifStillThere(session, leaveAsGhost) });
        return;
      }
      const { node, sid } = entry;
      const isSame = node === recipient.address!.node && sid === recipient.address!.sid;
      if (isSame || isParked(entry)) {
        fallBehind(room, session, stanzas, push); // also when its node is only slow: it does not take them twice
        return;
      }
      push({ about: jid, apply: ifStillThere(session, (turn) => follow(turn, { node, sid })) });
      const targets = [{ node, sid, to: jid.toString() }];
      const again = stanzas.map(({ bytes, dedupeKey }) => dependencies.deliverer.deliver({ targets, xml: bytes, dedupeKey }));
      const failures = await Promise.all(again);
      fallBehind(
        room,
        session,
        stanzas.filter((_, index) => failures[index]!.length > 0),
        push,
      );
    }),
  );
}

/** No server has the domain: only who invited somebody there is told. */
function returnUnsent(about: Jid, bytes: Buffer, push: (job: Job) => void): void {
  const { name, id } = Stanza.parse(bytes);
  if (name === 'message') push({ about, apply: (turn) => void returnInvitation(turn, id) });
}

/** For a session that was looked at before, which may have left or entered again since. */
export function ifStillThere({ joinedAt }: Session, apply: (turn: RoomTurn) => void): (turn: RoomTurn) => void {
  return (turn) => {
    if (turn.own?.session.joinedAt === joinedAt) apply(turn);
  };
}

/** The others see 333 (§9.10). */
export function leaveAsGhost(turn: RoomTurn): void {
  const { own } = turn;
  if (!own) return;
  removeSession(turn, own.occupant, own.session, { statuses: [333] });
  endIfEmpty(turn);
}

export function follow(turn: RoomTurn, { node, sid }: SessionAddress): void {
  const { own } = turn;
  if (!own) return;
  own.session.address = { node, sid };
  turn.putSession(own.occupant, own.session);
}
