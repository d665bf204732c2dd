/** XEP-0198 §5 across nodes: a session moves to the node where its client has come back. */
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Answer } from '../../../lib/runtime/answer.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { isSameSecret } from '../../../lib/runtime/secrets.ts';
import type { HandOverReply, HandOverRequest } from '../../../lib/runtime/wire.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { connectionLimits } from '../limits.ts';
import type { Session } from '../session/session.ts';
import type { SessionOwner } from '../session/session-owner.ts';
import { packSession, unpackSession } from './parcel.ts';
import type { ResumeId } from './resume-id.ts';

const noSession = encodeFrame({} satisfies HandOverReply);

/** Whether this account may take this session with this secret. */
export function isOwner(session: Session, { token, account }: { readonly token: string; readonly account: string }): boolean {
  const { sm } = session;
  return sm !== undefined && sm.resumeMs > 0 && isSameSecret(sm.token, token) && session.account.toString() === account;
}

export interface Giver {
  readonly clock: Clock;
  /**
   * What a resync mark says that this node has not seen yet. When the session is gone, nobody looks for the mark here.
   * @throws {Unavailable}
   */
  missedOf(sid: string): Promise<string | undefined>;
}

/**
 * Gives a session away.
 * @returns the answer to {@link HandOverRequest}, a frame
 * @throws {Unavailable} when the store is away; then the session stays
 */
export async function handOver(session: Session | undefined, request: HandOverRequest, giver: Giver): Promise<Buffer> {
  if (session === undefined || !session.isBound || !isOwner(session, request)) return noSession;
  session.egress.catchUp.miss(await giver.missedOf(session.sid));
  if (!(await session.detach())) return noSession;
  await session.leave();
  if (!session.isParked) return noSession; // taken or ended meanwhile
  const packed = packSession(session, giver.clock.now(), connectionLimits.handOverBytesMax, true);
  if (packed === undefined) {
    session.close(new StreamError('resource-constraint', 'too much to move'));
    return noSession;
  }
  session.forget();
  return encodeFrame({ state: packed.parcel } satisfies HandOverReply, packed.bodies);
}

/**
 * Makes the session from the answer of the other node. It is parked until a stream is attached.
 * @returns undefined when that node has no such session
 */
export function takeOver(
  owner: SessionOwner<Session>,
  domain: string,
  account: string,
  id: ResumeId,
  answer: Answer<HandOverReply>,
): Session | undefined {
  const parcel = answer.take('state');
  return parcel && unpackSession(owner, domain, account, id, { parcel, bodies: answer.bodies });
}
