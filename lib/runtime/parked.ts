/**
 * Sessions parked in `live`: what a node that goes away leaves of an XEP-0198 session, for whichever node its client comes
 * back to.
 *
 *     <domain>/a/<local>  parked/<sid>              the session; claimed with a conditional write, so that exactly one node gets it
 *     #parked-<number>    parked/<deadline> <sid>   whose it is; read in order of time by whoever ends those that nobody came for
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
import { TimeLists } from './time-lists.ts';
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

/** One whose deadline has passed, or is about to. */
export interface Overdue {
  readonly sid: string;
  readonly owner: Owner;
  readonly deadline: number;
  readonly list: string;
}

const parked = collection<ParkedRow>('parked', 'account', 'live');
const deadlines = collection<{ readonly sid: string; readonly owner: Owner; readonly deadline: number }>(
  'parked',
  'deployment',
  'live',
);
// COMPAT: releases until 2026-11 had one list, `parked`. It can go when none of their sessions can be parked any more.
const lists = new TimeLists(deadlines, 'parked', runtimeLimits.parkedShards, ['parked']);
/** The names of the lists of deadlines. */
export const parkedLists = lists.names;

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
  const { domain, local } = owner;
  const puts: Put[] = [lists.put(store, deadline, sid, { sid, owner: { domain, local }, deadline })];
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

/** @param list where it stands, unless the session says so */
export function removeDeadline(store: Store, sid: string, deadline: number, list?: string): Promise<boolean> {
  return lists.remove(store, deadline, sid, list);
}

/** Nothing of it is left but the account's entry. */
export async function unpark(store: Store, owner: Owner, sid: string, deadline: number): Promise<void> {
  await Promise.all([removeParked(store, owner, sid), removeDeadline(store, sid, deadline)]);
}

/** In order of time, at most `limit`. @param names the lists to look at */
export async function listOverdue(store: Store, nowMs: number, limit: number, names = parkedLists): Promise<Overdue[]> {
  return (await lists.before(store, nowMs, limit, names)).map(({ value, list }) => ({ ...value, list }));
}

/** Sessions parked in the store, counted up to `limit` in each list. */
export function countParked(store: Store, limit: number): Promise<number> {
  return lists.count(store, limit);
}
