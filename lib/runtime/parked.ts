/**
 * Sessions parked in `live`: what a node that goes away leaves of an XEP-0198 session, for whichever node its client comes
 * back to.
 *
 *     <domain>/a/<local>  parked/<sid>              the session; claimed with a conditional write, so that exactly one node gets it
 *     #parked-<shard>     parked/<deadline> <sid>   whose it is; read in order of time by whoever ends those that nobody came for
 *
 * A deployment parks thousands of sessions a second when its nodes drain, and one partition of DynamoDB takes a thousand writes.
 *
 * The session's entry among the account's sessions stays, without a node: its presence goes on, deliveries find no one.
 */
import { createHash } from 'node:crypto';
import { Conflict, type Put, type Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { type Item, Rows } from './rows.ts';
import { isSameSecret } from './secrets.ts';
import { type Owner, updateSessions } from './sessions.ts';
import { nowhere, type SessionAddress, type SessionParcel } from './wire.ts';

export interface ParkedRow {
  /** SHA-256 of the token that `<resume/>` shows. */
  readonly tokenHash: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** The node that wrote it. The account's entry names it, and `until`, too: a row that a failed attempt has left is not the session. */
  readonly by: string;
  /** The node that the client came back to. */
  readonly claimedBy?: string;
  readonly parcel: SessionParcel;
  /** Stanzas as text, one per entry of the parcel's `unacked` and `pending`; '' where it is in the archive. */
  readonly bodies: readonly string[];
}

/**
 * The lists of deadlines.
 * COMPAT: releases until 2026-11 had one list, `old`. It can go when none of their sessions can be parked any more.
 */
export type ParkedShard = number | 'old';
export const parkedShards: readonly ParkedShard[] = [...Array(runtimeLimits.parkedShards).keys(), 'old'];

/** One whose deadline has passed, or is about to. */
export interface Overdue {
  readonly key: string;
  readonly sid: string;
  readonly owner: Owner;
  readonly deadline: number;
  readonly shard: ParkedShard;
}

const parked = collection<ParkedRow>('parked', 'account', 'live');
const deadlines = collection<{ readonly sid: string; readonly owner: Owner; readonly deadline: number }>(
  'parked',
  'deployment',
  'live',
);

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** In constant time. */
export function fitsToken(row: ParkedRow, token: string): boolean {
  return isSameSecret(row.tokenHash, hashToken(token));
}

function rowsOf(store: Store, { domain, local }: Owner): Rows {
  return Rows.ofAccount(store, domain, local);
}

function shardOfSession(sid: string): ParkedShard {
  return createHash('sha1').update(sid).digest().readUInt16BE() % runtimeLimits.parkedShards;
}

function listing(store: Store, shard: ParkedShard): Rows {
  return Rows.ofDeployment(store, shard === 'old' ? 'parked' : `parked-${shard}`);
}

function timeKey(ms: number): string {
  return String(Math.max(0, Math.floor(ms))).padStart(15, '0');
}

/** Does the row fit, with what JSON makes of it? */
export function fitsRow(row: ParkedRow): boolean {
  return Buffer.byteLength(JSON.stringify(row)) <= runtimeLimits.parkedRowBytesMax;
}

/**
 * The session is parked from when this resolves to true; false: it has no entry (any more), and nothing of it is kept. With `row`
 * absent there is only the entry: its presence stays until the deadline, but nobody can resume it.
 */
export async function parkSession(
  store: Store,
  owner: Owner,
  { node, sid }: SessionAddress,
  deadline: number,
  row?: ParkedRow,
): Promise<boolean> {
  const puts: Put[] = [
    listing(store, shardOfSession(sid)).row(deadlines, `${timeKey(deadline)} ${sid}`, {
      sid,
      owner: { domain: owner.domain, local: owner.local },
      deadline,
    }),
  ];
  if (row) puts.push(rowsOf(store, owner).row(parked, sid, row, deadline + runtimeLimits.parkedKeepMs));
  await store.batchPut(puts);
  let isThere = false;
  await updateSessions(store, owner, (sessions) => {
    const index = sessions.findIndex((entry) => entry.sid === sid && (entry.node === node || entry.parked?.by === node));
    isThere = index >= 0;
    if (!isThere) return sessions;
    return sessions.with(index, { ...sessions[index]!, node: nowhere, parked: { deadline, by: node } });
  });
  if (!isThere) await unpark(store, owner, sid, deadline);
  return isThere;
}

export function readParked(store: Store, owner: Owner, sid: string): Promise<Item<ParkedRow> | undefined> {
  return rowsOf(store, owner).get(parked, sid);
}

/**
 * For a node, when the row says nothing of another one.
 * @returns whether the session is this node's now. @throws {Unavailable} when that is not known: read the row again
 */
export async function claimParked(store: Store, owner: Owner, sid: string, row: Item<ParkedRow>, node: string): Promise<boolean> {
  const { value, version } = row;
  try {
    const claimed = rowsOf(store, owner).row(
      parked,
      sid,
      { ...value, claimedBy: node },
      value.deadline + runtimeLimits.parkedKeepMs,
    );
    await store.put(claimed, { version });
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}

/** @param version when it must not have been claimed since. @throws {Conflict} */
export function removeParked(store: Store, owner: Owner, sid: string, version?: string): Promise<boolean> {
  return rowsOf(store, owner).delete(parked, sid, version === undefined ? undefined : { version });
}

export function removeDeadline(
  store: Store,
  sid: string,
  deadline: number,
  shard: ParkedShard = shardOfSession(sid),
): Promise<boolean> {
  return listing(store, shard).delete(deadlines, `${timeKey(deadline)} ${sid}`);
}

/** Nothing of it is left but the account's entry. */
export async function unpark(store: Store, owner: Owner, sid: string, deadline: number): Promise<void> {
  await Promise.all([removeParked(store, owner, sid), removeDeadline(store, sid, deadline)]);
}

/** In order of time, at most `limit`. @param shards where to look */
export async function listOverdue(
  store: Store,
  nowMs: number,
  limit: number,
  shards: readonly ParkedShard[] = parkedShards,
): Promise<Overdue[]> {
  const found = await Promise.all(
    shards.map(async (shard) => {
      const items = await listing(store, shard).list(deadlines, { limit, before: timeKey(nowMs) });
      return items.map(({ key, value }): Overdue => ({ key, ...value, shard }));
    }),
  );
  return found
    .flat()
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, limit);
}

/** Sessions parked in the store, counted up to `limit` in each list. */
export async function countParked(store: Store, limit: number): Promise<number> {
  const counts = await Promise.all(
    parkedShards.map(async (shard) => (await listing(store, shard).list(deadlines, { limit })).length),
  );
  return counts.reduce((sum, count) => sum + count);
}
