/**
 * Seats that did not get what the room has sent, because their session has moved to another node, or has ended without a word
 * (XEP-0045 §16.1.2). The list of sessions that their account keeps tells which.
 */
import { isParked, readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Undelivered, Unheard } from '../core/fan-out.ts';
import type { Job } from '../core/job.ts';
import type { Room, Seat } from '../core/room.ts';
import type { Recipient, Sending } from '../core/sending.ts';
import { returnInvitation } from '../rooms/invite.ts';
import { markMissed } from './missed.ts';
import { findEntry, followJob, ghostJob } from './seat-jobs.ts';

/** A session of this tenant that was not reached where it was thought to be, and what it did not get. */
interface Unreached {
  readonly recipient: Recipient;
  readonly seat: Seat;
  readonly stanzas: readonly Sending[];
}

/**
 * Delivers again to sessions that have moved. Sessions that are on their way get what they missed from the archive when they are
 * back. Seats whose session is over leave the room.
 * @returns what clients have not heard, for which they may have to be woken
 */
export async function handleUndelivered(
  dependencies: Dependencies,
  room: Room,
  undelivered: readonly Undelivered[],
  push: (job: Job) => void,
): Promise<readonly Unheard[]> {
  const near: Unreached[] = [];
  const unheard: Unheard[] = [];
  for (const { recipient, isGone, stanzas } of undelivered) {
    const seat = room.find(recipient.jid)?.seat;
    if (!seat) {
      if (isGone) for (const { bytes } of stanzas) returnUnsent(recipient.jid, bytes, push);
      continue;
    }
    // A seat that left and entered again in the same batch has earlier messages from the history.
    const due = stanzas.filter(({ dedupeKey }) => dedupeKey === undefined || dedupeKey > seat.after);
    if (recipient.address) near.push({ recipient, seat, stanzas: due });
    else if (isGone) push(ghostJob(seat));
    else {
      markMissed(room, seat, due, push);
      unheard.push(...unheardOf(recipient, due));
    }
  }
  let lists: readonly (readonly SessionEntry[])[];
  try {
    lists = await readSessions(
      dependencies.store,
      near.map(({ recipient }) => recipient.jid),
    );
  } catch (error) {
    const about = { err: error, room: room.jid.toString() };
    dependencies.log.info(about, 'cannot look up the sessions of occupants who were not reached');
    for (const { seat, stanzas } of near) markMissed(room, seat, stanzas, push);
    return [...unheard, ...near.flatMap(({ recipient, stanzas }) => unheardOf(recipient, stanzas))];
  }
  const again = near.map((unreached, index) => deliverAgain(dependencies, room, unreached, lists[index]!, push));
  return [...unheard, ...(await Promise.all(again)).flat()];
}

function unheardOf(recipient: Recipient, stanzas: readonly Sending[]): Unheard[] {
  return stanzas.filter(({ dedupeKey }) => dedupeKey !== undefined).map((sending) => ({ recipient, sending }));
}

async function deliverAgain(
  dependencies: Dependencies,
  room: Room,
  { recipient, stanzas }: Unreached,
  entries: readonly SessionEntry[],
  push: (job: Job) => void,
): Promise<readonly Unheard[]> {
  const { jid } = recipient;
  const seat = room.find(jid)?.seat; // it may have left while the list was read
  if (!seat) return [];
  const entry = findEntry(seat, entries);
  if (!entry) {
    push(ghostJob(seat));
    return unheardOf(recipient, stanzas);
  }
  const { node, sid } = entry;
  const isSame = node === recipient.address?.node && sid === recipient.address.sid;
  // Its node may only be slow. Then the node gets the messages again from the archive, and drops those that it has given the
  // client.
  if (isSame || isParked(entry)) {
    markMissed(room, seat, stanzas, push);
    return unheardOf(recipient, stanzas);
  }
  push(followJob(seat, entry));
  const targets = [{ node, sid, to: jid.toString() }];
  const unheard: Unheard[] = [];
  const again = stanzas.map((sending) => {
    const watcher = { away: () => void unheard.push({ recipient, sending }) };
    return dependencies.deliverer.deliver({ targets, xml: sending.bytes, dedupeKey: sending.dedupeKey, watcher });
  });
  const failures = await Promise.all(again);
  const failed = stanzas.filter((_, index) => failures[index]!.length > 0);
  markMissed(room, seat, failed, push);
  return [...unheard, ...unheardOf(recipient, failed)];
}

/** No server has the domain. Only the sender of an invitation to somebody there is told. */
function returnUnsent(about: Jid, bytes: Buffer, push: (job: Job) => void): void {
  const { name, id } = Stanza.parse(bytes);
  if (name === 'message') push({ about, apply: (turn) => void returnInvitation(turn, id) });
}
