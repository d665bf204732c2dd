/** XEP-0198 §5 across nodes: a session moves to the node where its client has come back. */
import { limits } from '../../lib/limits.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import type { HandOverReply, HandOverRequest } from '../../lib/runtime/wire.ts';
import { StreamError } from '../../lib/xmpp/errors.ts';
import { DeliveredRing } from './delivered-ring.ts';
import type { Entry } from './outbox.ts';
import { isSameToken, type ResumeId } from './resume-id.ts';
import { Session } from './session.ts';
import type { SessionOwner } from './session-owner.ts';
import { type Counters, StreamManagement } from './stream-management.ts';

const noSession = encodeFrame({} satisfies HandOverReply);
const emptied = Buffer.alloc(0);

/** May this account take this session with this secret? */
export function isOwner(session: Session, { token, account }: { readonly token: string; readonly account: string }): boolean {
  const { sm } = session;
  return sm !== undefined && sm.resumeMs > 0 && isSameToken(sm.token, token) && session.account.toString() === account;
}

/** Gives a session away. @returns the answer to {@link HandOverRequest}, a frame */
export async function handOver(session: Session | undefined, request: HandOverRequest): Promise<Buffer> {
  if (session === undefined || !session.isBound || !isOwner(session, request)) return noSession;
  if (!(await session.detach())) return noSession;
  await session.leave();
  if (!session.isParked) return noSession; // taken or ended meanwhile
  const { sm, egress, jid } = session;
  const parcel = sm && pack(sm.counters);
  if (parcel === undefined || jid === undefined) {
    session.close(new StreamError('resource-constraint', 'too much to move'));
    return noSession;
  }
  const { counters, isTrimmed } = parcel;
  const reply: HandOverReply = {
    state: {
      session: session.routerSession,
      jid: jid.toString(),
      inbound: counters.inbound,
      acked: counters.acked,
      unacked: counters.unacked.map(({ id }) => ({ id })),
      pending: counters.pending.map(({ id }) => ({ id })),
      needsCatchUp: egress.needsCatchUp || isTrimmed,
      missed: egress.catchUp.missed,
      available: session.isAvailable,
      seen: egress.ring.ids,
    },
  };
  session.forget();
  return encodeFrame(
    reply,
    [...counters.unacked, ...counters.pending].map(({ bytes }) => bytes),
  );
}

/**
 * Empties what does not fit and is in the archive: the next node reads it there.
 * @returns undefined when what is in no archive does not fit
 */
function pack(counters: Counters): { readonly counters: Counters; readonly isTrimmed: boolean } | undefined {
  let room: number = limits.handOverBytesMax;
  for (const { bytes, id } of [...counters.unacked, ...counters.pending]) if (id === undefined) room -= bytes.length;
  if (room < 0) return undefined;
  let isTrimmed = false;
  const fit = (entry: Entry): Entry => {
    if (entry.id === undefined) return entry;
    // Once one is left out all that follow are, so that the order stays.
    if (isTrimmed || entry.bytes.length > room) {
      isTrimmed = true;
      return { bytes: emptied, id: entry.id };
    }
    room -= entry.bytes.length;
    return entry;
  };
  const unacked = counters.unacked.map(fit);
  const pending = counters.pending.map(fit);
  return { counters: { ...counters, unacked, pending }, isTrimmed };
}

/**
 * Makes the session from what the other node has answered; it is parked until a stream is attached.
 * @returns undefined: that node has no such session
 * @throws {RangeError} when the answer is none
 */
export function takeOver(
  owner: SessionOwner,
  domain: string,
  account: string,
  { sid, token }: ResumeId,
  answer: Uint8Array,
): Session | undefined {
  const { header, bodies } = decodeFrame<HandOverReply>(answer);
  const { state } = header;
  if (state === undefined) return undefined;
  if (bodies.length !== state.unacked.length + state.pending.length) throw new RangeError(`${bodies.length} bodies do not fit`);
  const session = new Session(owner, { sid, domain, account, routerSession: state.session }, undefined);
  const entries = [...state.unacked, ...state.pending].map(({ id }, index): Entry => ({ id, bytes: bodies[index]! }));
  const counters = {
    inbound: state.inbound,
    acked: state.acked,
    unacked: entries.slice(0, state.unacked.length),
    pending: entries.slice(state.unacked.length),
  };
  const write = (text: string): void => session.egress.stream?.sendElement(text);
  session.egress.sm = new StreamManagement({ clock: owner.clock, token, resumeMs: limits.resumeTimeoutMs, write, counters });
  session.egress.ring = new DeliveredRing(state.seen);
  session.egress.catchUp.miss(state.missed);
  session.isAvailable = state.available;
  session.adopt(state.jid);
  return session;
}
