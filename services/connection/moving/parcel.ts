/**
 * A session as it leaves a node for another one or for the store: what routers know about it, the counters of XEP-0198, and its
 * stanzas.
 *
 * The client counts what it has received. So the stanzas that it has not acknowledged go along in order, each at least as a place
 * in the count. For a stanza that is in the archive, its id is enough: the `h` of `<resume/>` says how many of the places the
 * client has. It never received the rest, so their numbers are free, and the archive gives these stanzas again under the next
 * numbers.
 */
import type { Outgoing, SessionParcel } from '../../../lib/runtime/wire.ts';
import { DeliveredRing } from '../session/delivered-ring.ts';
import type { Entry } from '../session/outbox.ts';
import { OwnNicks } from '../session/own-nicks.ts';
import { Session } from '../session/session.ts';
import type { SessionOwner } from '../session/session-owner.ts';
import type { Counters } from '../session/stream-management.ts';
import type { ResumeId } from './resume-id.ts';

const emptied = Buffer.alloc(0);

export interface Packed {
  readonly parcel: SessionParcel;
  /** One for each entry of `unacked` and `pending`; empty where the archive has the stanza. */
  readonly bodies: readonly Buffer[];
}

/**
 * Packs a session that is stopped.
 * @param roomBytes for stanzas, first for those that are not in an archive
 * @returns undefined when these do not fit
 */
export function packSession(session: Session, nowMs: number, roomBytes: number, keepsArchived: boolean): Packed | undefined {
  const { sm, egress, jid } = session;
  const counters = sm && trim(sm.counters, roomBytes, keepsArchived);
  if (sm === undefined || counters === undefined || jid === undefined) return undefined;
  const { inbound, acked, unacked, pending } = counters;
  // Until routers know the next node, deliveries find nobody.
  const start = egress.ring.startAt(nowMs);
  const { missed = start } = egress.catchUp;
  const place = ({ id }: Entry): Outgoing => (id !== undefined && egress.isAside(id) ? { id, isAside: true } : { id });
  const parcel: SessionParcel = {
    session: session.link.state,
    jid: jid.toString(),
    inbound,
    acked,
    unacked: unacked.map(place),
    pending: pending.map(place),
    available: session.isAvailable,
    seen: egress.ring.ids,
    seenDedupeKeys: egress.seenDedupeKeys.ids,
    missed: missed < start ? missed : start,
    resumeMs: sm.longestResumeMs,
    nicks: session.client.nicks?.occupants,
    push: session.client.hasPush || undefined,
  };
  return { parcel, bodies: [...unacked, ...pending].map(({ bytes }) => bytes) };
}

/** Empties what does not fit and is in the archive. The next node reads it there. */
function trim(counters: Counters, roomBytes: number, keepsArchived: boolean): Counters | undefined {
  let room = roomBytes;
  for (const { bytes, id } of [...counters.unacked, ...counters.pending]) if (id === undefined) room -= bytes.length;
  if (room < 0) return undefined;
  let isTrimmed = !keepsArchived;
  const fit = (entry: Entry): Entry => {
    if (entry.id === undefined) return entry;
    // When one is left out, all later ones are left out too, so that the order stays.
    if (isTrimmed || entry.bytes.length > room) {
      isTrimmed = true;
      return { bytes: emptied, id: entry.id };
    }
    room -= entry.bytes.length;
    return entry;
  };
  return { ...counters, unacked: counters.unacked.map(fit), pending: counters.pending.map(fit) };
}

/** The session is parked until a stream is attached. @throws {RangeError} when it is not a parcel */
export function unpackSession(
  owner: SessionOwner<Session>,
  domain: string,
  account: string,
  { sid, token }: ResumeId,
  { parcel, bodies }: Packed,
): Session {
  if (bodies.length !== parcel.unacked.length + parcel.pending.length) throw new RangeError(`${bodies.length} bodies do not fit`);
  const session = new Session(owner, { sid, domain, account, routerSession: parcel.session }, undefined);
  const entries = [...parcel.unacked, ...parcel.pending].map(({ id }, index): Entry => ({ id, bytes: bodies[index]! }));
  const counters = {
    inbound: parcel.inbound,
    acked: parcel.acked,
    unacked: entries.slice(0, parcel.unacked.length),
    pending: entries.slice(parcel.unacked.length),
  };
  session.client.turnPush(parcel.push);
  session.client.manage(token, parcel.resumeMs, counters);
  session.egress.ring = new DeliveredRing(parcel.seen, true);
  session.egress.seenDedupeKeys = new DeliveredRing(parcel.seenDedupeKeys);
  for (const { id, isAside } of [...parcel.unacked, ...parcel.pending])
    if (id !== undefined && isAside) session.egress.setAside(id);
  session.egress.catchUp.miss(parcel.missed);
  session.egress.catchUp.forgetQueue();
  session.isAvailable = parcel.available;
  if (parcel.nicks !== undefined) session.client.nicks = new OwnNicks(parcel.nicks);
  session.adopt(parcel.jid);
  return session;
}
