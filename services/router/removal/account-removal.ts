/** The removal of one account, step by step; each may be done again by whoever goes on where another process died. */
import { sleep } from '../../../lib/ports/clock.ts';
import { erasePartition } from '../../../lib/runtime/erase.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { RemovalLease, RemovalRow } from '../../../lib/runtime/removals.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Account } from '../core/account.ts';
import { deleteAccountRow, unlistAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { tell } from '../core/events.ts';
import { forgetRole } from '../core/roles.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import type { ElsewhereWalks } from './elsewhere.ts';

export interface AccountRemoval {
  readonly tenant: Tenant;
  readonly local: string;
  readonly event?: RemovalRow['event'];
  /** The session that asks for it: its stream is left for the caller to close. */
  readonly own?: { readonly sid: string } | undefined;
  /** Nobody can sign in, and those who knew the account are told. */
  readonly onEnded?: (() => void) | undefined;
}

/** Resolves when the name is free. @throws {Unavailable} */
export async function removeAccount(
  dependencies: Dependencies,
  lease: RemovalLease,
  walks: ElsewhereWalks,
  { tenant, local, event, own, onEnded }: AccountRemoval,
): Promise<void> {
  await endAccount(dependencies, tenant, local, own);
  await unlistAccount(dependencies.store, tenant.domain, local);
  onEnded?.();
  await eraseAccount(dependencies, lease, tenant, local);
  await waitForRequests(dependencies, lease);
  // From here on nothing is written in the account's name.
  await walks.forget([lease.name], lease.beat);
  await endAccount(dependencies, tenant, local);
  await eraseAccount(dependencies, lease, tenant, local);
  const there = await dependencies.tenants.find(tenant.domain);
  if (there !== undefined && event !== undefined)
    await tell(dependencies, there, { ...event, type: 'account.removed', data: { jid: `${Jid.of(local, tenant.domain)}` } });
  await lease.end();
}

/** Its sessions end, those who know it are told, and what features keep outside of its rows goes. */
export async function endAccount(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  own?: { readonly sid: string },
): Promise<void> {
  await deleteAccountRow(dependencies.store, tenant.domain, local);
  await forgetRole(dependencies.store, tenant.domain, local);
  await endSessions(dependencies, tenant, local, { condition: 'not-authorized', text: 'the account was removed' }, own);
  const turn = new Turn(dependencies);
  const account = new Account(turn, tenant, local);
  for (const removed of dependencies.features.of('removed')) await removed(account);
  await turn.finish();
}

export async function eraseAccount(
  { store }: Dependencies,
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
export async function waitForRequests({ clock, underWay }: Dependencies, { beat }: RemovalLease): Promise<void> {
  let isOver = underWay === undefined ? undefined : false;
  void underWay?.settled().then(() => {
    isOver = true;
  });
  await new Promise<void>((resolve) => setImmediate(resolve)); // most often nothing is under way
  for (let waitedMs = 0; isOver === false || (isOver === undefined && waitedMs < routerLimits.removalQuietMs); ) {
    await sleep(clock, runtimeLimits.removalBeatMs);
    waitedMs += runtimeLimits.removalBeatMs;
    await beat('waiting for requests that are under way');
  }
}
