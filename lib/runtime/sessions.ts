/**
 * The sessions of an account: one item in `live` holds them all, so that the presence of 100 contacts is one batchGet
 * A second row per session under the node that holds it lets the reaper find what a dead node left behind.
 */
import { portLimits } from '../ports/limits.ts';
import type { Row, Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { rowValue } from './row-values.ts';
import { Rows } from './rows.ts';
import { update } from './update.ts';
import { nowhere, type SessionAddress } from './wire.ts';

export interface SessionEntry extends SessionAddress {
  readonly resource: string;
  readonly boundAt: number;
  /** After initial presence and before unavailable (RFC 6121 §4.2). */
  readonly available: boolean;
  /** -128 to 127; 0 until presence says otherwise. */
  readonly priority: number;
  /** The last broadcast presence: a whole stanza with `from`, without `to`. */
  readonly presence?: string;
  /** Set while the session lies in the store, or its node died: until when, by the clock of the node `by` that held it last. */
  readonly parked?: { readonly deadline: number; readonly by: string };
  /** XEP-0198 with resumption: how long it outlives its node, milliseconds. Written along with other changes. */
  readonly resumeMs?: number;
  /** A session of the same resource whose presence others still see: nobody was told of its end, because this one takes its place. */
  readonly inherited?: { readonly sid: string };
  /** Addresses that got directed presence and hear of the end (RFC 6121 §4.6). */
  readonly directed?: readonly string[];
  /** What the broadcast presence with this ingress id changed: a retry of it must have the same effects. */
  readonly turned?: {
    readonly id: string;
    readonly available: boolean;
    readonly priority: number;
    readonly directed?: readonly string[];
    readonly inherited?: { readonly sid: string };
  };
}

/** The keys that are declared here. Features of the router keep further ones in an entry (services/router/core/session-part.ts). */
export const sessionKeys: Readonly<Record<keyof SessionEntry, true>> = {
  node: true,
  sid: true,
  resource: true,
  boundAt: true,
  available: true,
  priority: true,
  presence: true,
  parked: true,
  resumeMs: true,
  inherited: true,
  directed: true,
  turned: true,
};

/** Held by no node: what is not in the archive cannot reach it. */
export function isParked(entry: SessionEntry): boolean {
  return entry.node === nowhere;
}

interface SessionsItem {
  readonly sessions: readonly SessionEntry[];
}

const sessions = collection<SessionsItem>('sessions', 'account', 'live');
const held = collection<{ domain: string; local: string }>('held', 'deployment', 'live');

export interface Owner {
  readonly domain: string;
  readonly local: string;
  /** The account's rows, if they are at hand. */
  readonly rows?: Rows;
}

/** The sessions of each owner, in order; strongly consistent. */
export function readSessions(store: Store, owners: readonly Owner[]): Promise<(readonly SessionEntry[])[]> {
  return owners.length <= portLimits.storeBatchKeysMax ? readBatch(store, owners) : readBatches(store, owners);
}

function readBatch(store: Store, owners: readonly Owner[]): Promise<(readonly SessionEntry[])[]> {
  const keys = owners.map(({ domain, local, rows }) => (rows ?? Rows.ofAccount(store, domain, local)).keyOf(sessions, ''));
  return store.batchGet(keys, { consistent: true }).then(sessionsIn);
}

async function readBatches(store: Store, owners: readonly Owner[]): Promise<(readonly SessionEntry[])[]> {
  const found: (readonly SessionEntry[])[] = [];
  for (let at = 0; at < owners.length; at += portLimits.storeBatchKeysMax)
    found.push(...(await readBatch(store, owners.slice(at, at + portLimits.storeBatchKeysMax))));
  return found;
}

const noSessions: readonly SessionEntry[] = [];

function sessionsIn(rows: readonly (Row | undefined)[]): (readonly SessionEntry[])[] {
  return rows.map((row) => (row === undefined ? noSessions : rowValue<SessionsItem>(row).sessions));
}

/**
 * Changes the account's sessions. The second row is written before a session shows up in the item and removed after it left,
 * so a crash between the two leaves at most a row that points at nothing.
 */
export async function updateSessions(
  store: Store,
  owner: Owner,
  change: (sessions: readonly SessionEntry[]) => readonly SessionEntry[],
): Promise<readonly SessionEntry[]> {
  const rows = Rows.ofAccount(store, owner.domain, owner.local);
  const item = await update(rows, sessions, '', (value) => {
    const before = value?.sessions ?? [];
    const after = change(before);
    if (after === before) return value;
    return after.length === 0 ? undefined : { sessions: after };
  });
  return item?.sessions ?? [];
}

/** Changes one session; does nothing when it is gone. */
export function updateSession(
  store: Store,
  owner: Owner,
  sid: string,
  change: (entry: SessionEntry) => SessionEntry | undefined,
): Promise<readonly SessionEntry[]> {
  return updateSessions(store, owner, (list) => {
    const index = list.findIndex((entry) => entry.sid === sid);
    const entry = list[index];
    if (!entry) return list;
    const next = change(entry);
    if (next === entry) return list;
    return next ? list.with(index, next) : list.toSpliced(index, 1);
  });
}

export function markHeld(store: Store, address: SessionAddress, owner: Owner): Promise<string> {
  return Rows.ofDeployment(store, address.node).put(held, address.sid, { domain: owner.domain, local: owner.local });
}

export function unmarkHeld(store: Store, address: SessionAddress): Promise<boolean> {
  return Rows.ofDeployment(store, address.node).delete(held, address.sid);
}

/** Sessions that a node holds or held, at most `limit`. */
export async function listHeld(store: Store, node: string, limit: number): Promise<{ sid: string; owner: Owner }[]> {
  const items = await Rows.ofDeployment(store, node).list(held, { limit });
  return items.map(({ key, value }) => ({ sid: key, owner: value }));
}
