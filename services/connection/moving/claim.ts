/** XEP-0198 §5: finds the session that a client wants to resume: on this node, on another one, or in the store. */
import type { Bus } from '../../../lib/ports/bus.ts';
import { type Store, Unavailable } from '../../../lib/ports/store.ts';
import { ask, RemoteFault } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { handOverSubject } from '../../../lib/runtime/nodes.ts';
import { claimParked, fitsToken, type ParkedRow, readParked } from '../../../lib/runtime/parked.ts';
import type { RecentKeys } from '../../../lib/runtime/recent-keys.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { isParked, type Owner, readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type HandOverRequest, handOverAnswer } from '../../../lib/runtime/wire.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Claim, Found } from '../core/stream-feature.ts';
import { connectionLimits } from '../limits.ts';
import type { SessionStream } from '../session/egress.ts';
import type { Session } from '../session/session.ts';
import { handledCountTooHigh } from '../session/stream-management.ts';
import type { EndedSessions } from './ended-sessions.ts';
import { isOwner, takeOver } from './hand-over.ts';
import { unpackSession } from './parcel.ts';
import type { ParkingHost } from './park.ts';
import { parseResumeId, type ResumeId } from './resume-id.ts';

export interface Claims extends ParkingHost {
  readonly bus: Bus;
  readonly store: Store;
  readonly ended: EndedSessions;
  /**
   * Sessions on their way here, by sid. Two streams that want the same session get the same one, and the last stream keeps it.
   */
  readonly fetching: Map<string, Promise<Session | undefined>>;
  /** Sessions that came from the store. What is still there is old, even if routers have not removed it yet. */
  readonly taken: RecentKeys;
  find(sid: string): Session | undefined;
}

/**
 * @throws {StreamError} when the client claims more stanzas than it was sent, or when nobody can say whether there is a session
 */
export async function claimSession(node: Claims, claim: Claim, stream: SessionStream): Promise<Found> {
  const id = parseResumeId(claim.previd);
  if (id === undefined) return {};
  await node.parking.get(id.sid);
  const known = node.find(id.sid);
  if (known !== undefined && !isOwner(known, { token: id.token, account: claim.account })) return {};
  const session = known ?? (await fetchOnce(node, claim, id));
  if (session?.sm === undefined) return { h: node.ended.find(id.sid, id.token, claim.account) };
  // This is checked before the old stream hears of it: a mistake must not cost the session.
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

/**
 * The entry of the account says where the session is, if it can be read; it may move while we ask. When no answer comes, the same
 * request is made again, because the answer may be lost after the session has left. A client that is told that there is no
 * session gives up what it has of it. So while the store is away, where the session may be, the client is asked to come again.
 * @throws {StreamError}
 */
async function fetchSession(node: Claims, { account }: Claim, id: ResumeId): Promise<Session | undefined> {
  const { sid, token } = id;
  const { domain, local } = Jid.parse(account);
  const request: HandOverRequest = { kind: 'handOver', id: node.ids.mint(), sid, token, account };
  let refused: string | undefined;
  for (let tries = 1; tries <= connectionLimits.claimTriesMax; tries++) {
    const { entry, isSure } = await findEntry(node, { domain, local }, sid);
    const isInStore = entry !== undefined && isParked(entry);
    let isKnown = isSure && !isInStore;
    try {
      const place = isInStore ? await takeParked(node, { domain, local }, account, id, entry) : undefined;
      if (place === 'nowhere') return undefined;
      if (typeof place === 'object') return place;
      if (isInStore && place === undefined) throw new Unavailable('what lies in the store changed all the time');
      isKnown = isSure;
      const holder = place ?? entry?.node ?? id.node;
      if (holder === node.subject || holder === refused) return nobody(isKnown);
      const answer = await ask(
        node.bus,
        handOverAnswer,
        handOverSubject(holder),
        encodeFrame(request),
        serviceLimits.forwardTimeoutMs,
      );
      const session = takeOver(node, domain, account, id, answer);
      if (session !== undefined) return session;
      refused = holder; // unless it has parked the session meanwhile, or given it away
    } catch (error) {
      // A node that cannot hand over the session now could not do it next time either. The client signs in again and misses
      // nothing.
      if (error instanceof RemoteFault) return undefined;
      if (!(error instanceof Unavailable)) throw error;
      node.log.info({ err: error, sid, tries }, 'a session was not handed over');
      if (tries === 2) return nobody(isKnown);
    }
  }
  return undefined;
}

/** @throws {StreamError} */
function nobody(isKnown: boolean): undefined {
  if (!isKnown) throw new StreamError('resource-constraint', 'the session cannot be looked for; try again later');
}

interface Looked {
  readonly entry: SessionEntry | undefined;
  readonly isSure: boolean;
}

/** What we know when the store is away. The id itself names the first holder. */
async function findEntry(node: Claims, owner: Owner, sid: string): Promise<Looked> {
  try {
    const [sessions] = await readSessions(node.store, [owner]);
    return { entry: sessions!.find((entry) => entry.sid === sid), isSure: true };
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return { entry: undefined, isSure: false };
  }
}

/** Drops a row that was left by a failed attempt: its node went on holding the session, and may have died with it since. */
function isOf({ by, deadline }: ParkedRow, { parked }: SessionEntry): boolean {
  return by === parked?.by && deadline === parked.deadline;
}

/**
 * Exactly one node gets the session: the one whose conditional write succeeds. A write with an unknown outcome is read again.
 * @returns the session; or who has claimed it; or 'nowhere': nobody can have it
 */
async function takeParked(
  node: Claims,
  owner: Owner,
  account: string,
  id: ResumeId,
  entry: SessionEntry,
): Promise<Session | string | undefined> {
  for (let tries = 1; tries <= connectionLimits.claimTriesMax; tries++) {
    const row = await readParked(node.store, owner, id.sid);
    if (row === undefined || !isOf(row.value, entry) || !fitsToken(row.value, id.token)) return 'nowhere';
    const { claimedBy, parcel, bodies, deadline } = row.value;
    if (claimedBy === undefined && deadline <= node.clock.now()) return 'nowhere';
    if (claimedBy !== undefined && claimedBy !== node.subject) return claimedBy;
    try {
      if (claimedBy === undefined && !(await claimParked(node.store, owner, id.sid, row, node.subject))) continue;
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      continue;
    }
    // The session was here already, and has left or ended since.
    const key = `${id.sid} ${row.value.by} ${deadline}`;
    if (node.taken.has(key)) return 'nowhere';
    node.taken.add(key);
    return unpackSession(node, owner.domain, account, id, { parcel, bodies: bodies.map((text) => Buffer.from(text)) });
  }
  return undefined;
}
