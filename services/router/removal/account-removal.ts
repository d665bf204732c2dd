/** The removal of one account, step by step; each may be done again by whoever goes on where another process died. */
import { limits } from '../../../lib/limits.ts';
import { sleep } from '../../../lib/ports/clock.ts';
import { erasePartition } from '../../../lib/runtime/erase.ts';
import { unpark } from '../../../lib/runtime/parked.ts';
import type { RemovalLease } from '../../../lib/runtime/removals.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { isParked, readSessions } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Account } from '../core/account.ts';
import { deleteAccountRow, unlistAccount } from '../core/accounts.ts';
import type { Parts } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { closeStream, endSession } from '../sessions/bind.ts';
import type { ElsewhereWalks } from './elsewhere.ts';

export interface AccountRemoval {
  readonly tenant: Tenant;
  readonly local: string;
  /** The session that asks for it: its stream is left for the caller to close. */
  readonly own?: { readonly sid: string } | undefined;
  /** Nobody can sign in, and those who knew the account are told. */
  readonly onEnded?: (() => void) | undefined;
}

/** Resolves when the name is free. @throws {Unavailable} */
export async function removeAccount(
  parts: Parts,
  lease: RemovalLease,
  walks: ElsewhereWalks,
  { tenant, local, own, onEnded }: AccountRemoval,
): Promise<void> {
  await endAccount(parts, tenant, local, own);
  await unlistAccount(parts.store, tenant.domain, local);
  onEnded?.();
  await eraseAccount(parts, lease, tenant, local);
  await waitForRequests(parts, lease);
  // From here on nothing is written in the account's name.
  await walks.forget([lease.name], lease.beat);
  await endAccount(parts, tenant, local);
  await eraseAccount(parts, lease, tenant, local);
  await lease.end();
}

/** Its sessions end, those who know it are told, and what features keep outside of its rows goes. */
export async function endAccount(parts: Parts, tenant: Tenant, local: string, own?: { readonly sid: string }): Promise<void> {
  const { store } = parts;
  const owner = { domain: tenant.domain, local };
  await deleteAccountRow(store, tenant.domain, local);
  const [sessions = []] = await readSessions(store, [owner]);
  const others = sessions.filter(({ sid }) => sid !== own?.sid);
  await Promise.all(others.map((entry) => closeStream(parts, entry, 'not-authorized', 'the account was removed')));
  for (const entry of sessions) {
    if (isParked(entry) && entry.parked) await unpark(store, owner, entry.sid, entry.parked.until);
    await endSession(parts, tenant, local, entry);
  }
  const turn = new Turn(parts);
  const account = new Account(turn, tenant, local);
  for (const feature of parts.features.all) await feature.removed?.(account);
  await turn.finish();
}

export async function eraseAccount(
  { store }: Parts,
  { check, beat }: RemovalLease,
  { domain }: Tenant,
  local: string,
): Promise<void> {
  let count = 0;
  const onPage = (rows: number) => {
    count += rows;
    return beat(`erased ${count} rows of ${local}`);
  };
  await erasePartition(store, Rows.ofAccount(store, domain, local), { onPage, mayDelete: check });
}

/** Until what its sessions have asked for is done: a router that was slow may write rows that were erased already. */
export async function waitForRequests({ clock, underWay }: Parts, { beat }: RemovalLease): Promise<void> {
  let isOver = underWay === undefined ? undefined : false;
  void underWay?.settled().then(() => {
    isOver = true;
  });
  await new Promise<void>((resolve) => setImmediate(resolve)); // most often nothing is under way
  for (let waitedMs = 0; isOver === false || (isOver === undefined && waitedMs < limits.removalQuietMs); ) {
    await sleep(clock, limits.removalBeatMs);
    waitedMs += limits.removalBeatMs;
    await beat('waiting for requests that are under way');
  }
}
