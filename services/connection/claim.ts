/** XEP-0198 §5: finds the session that a client wants to resume, on this node or on another. */
import { limits } from '../../lib/limits.ts';
import type { Bus } from '../../lib/ports/bus.ts';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { readSessions } from '../../lib/runtime/sessions.ts';
import type { HandOverRequest } from '../../lib/runtime/wire.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import type { SessionStream } from './egress.ts';
import type { EndedSessions } from './ended-sessions.ts';
import { isOwner, takeOver } from './hand-over.ts';
import { parseResumeId, type ResumeId } from './resume-id.ts';
import type { Session } from './session.ts';
import type { SessionOwner } from './session-owner.ts';
import type { Claim, Found } from './stream-elements.ts';
import { handledCountTooHigh } from './stream-management.ts';

export interface Claims extends SessionOwner {
  readonly bus: Bus;
  readonly store: Store;
  readonly ended: EndedSessions;
  /** Sessions on their way here, by sid: two streams that want one get the same, and the last keeps it. */
  readonly fetching: Map<string, Promise<Session | undefined>>;
  find(sid: string): Session | undefined;
}

/** @throws {StreamError} when the client says that it has more than it was sent */
export async function claimSession(node: Claims, claim: Claim, stream: SessionStream): Promise<Found> {
  const id = parseResumeId(claim.previd);
  if (id === undefined) return {};
  const known = node.find(id.sid);
  if (known !== undefined && !isOwner(known, { token: id.token, account: claim.account })) return {};
  const session = known ?? (await fetchOnce(node, claim, id));
  if (session?.sm === undefined) return { h: node.ended.find(id.sid, id.token, claim.account) };
  // Before the old stream hears of it: a mistake must not cost the session.
  if (session.sm.outbox.countAcked(claim.h) === undefined) {
    session.pump();
    throw handledCountTooHigh(`${claim.h}`, session.sm.outbox);
  }
  if (!(await session.detach())) return { h: node.ended.find(id.sid, id.token, claim.account) };
  if (!stream.isOpen) session.release();
  return { session };
}

async function fetchOnce(node: Claims, claim: Claim, id: ResumeId): Promise<Session | undefined> {
  const key = `${id.sid} ${id.token} ${claim.account}`;
  const fetching = node.fetching.get(key) ?? fetchSession(node, claim, id).finally(() => node.fetching.delete(key));
  node.fetching.set(key, fetching);
  return fetching;
}

/** From the node that holds it; asked twice, because an answer may be lost after the session has left. */
async function fetchSession(node: Claims, { account }: Claim, id: ResumeId): Promise<Session | undefined> {
  const holder = await findHolder(node, account, id);
  if (holder === node.subject) return undefined;
  const { sid, token } = id;
  const request: HandOverRequest = { kind: 'handOver', id: node.ids.mint(), sid, token, account };
  for (let tries = 1; tries <= 2; tries++) {
    try {
      const answer = await node.bus.request(holder, encodeFrame(request), { timeoutMs: limits.hopTimeoutMs });
      return takeOver(node, Jid.parse(account).domain, account, id, answer);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      node.log.info({ err: error, sid, holder, tries }, 'a session was not handed over');
    }
  }
  return undefined;
}

/** It may have moved since the client got its id. */
async function findHolder(node: Claims, account: string, id: ResumeId): Promise<string> {
  const { domain, local } = Jid.parse(account);
  try {
    const [sessions] = await readSessions(node.store, [{ domain, local }]);
    return sessions?.find(({ sid }) => sid === id.sid)?.node ?? id.node;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return id.node;
  }
}
