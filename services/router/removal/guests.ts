/**
 * How guests end (RFC 4505): at once with their session, and otherwise by a look of some router from time to time, which finds those whose
 * router has died, or that never had a session. Their rows are erased, and again when no request of theirs can be under way any more.
 *
 * Nobody is asked to forget them, as for other accounts (decision 10): their names are drawn, stand for nobody, and never come again.
 */
import { erasePartition } from '../../../lib/runtime/erase.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import { readSessions } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { unlistAccount } from '../core/accounts.ts';
import { type Dependencies, withoutDeadline } from '../core/dependencies.ts';
import { type GuestRow, guestRows, guests, guestTenantRows, guestTenants } from '../core/guests.ts';
import { routerLimits } from '../limits.ts';
import { guestLimits } from '../sasl/limits.ts';
import { endAccount } from './account-removal.ts';

/** Ends a guest that has no session any more. @throws {Unavailable} a later look ends it */
export async function endGuest(given: Dependencies, tenant: Tenant, local: string): Promise<void> {
  const dependencies = withoutDeadline(given);
  const { store, clock } = dependencies;
  const [sessions = []] = await readSessions(store, [{ domain: tenant.domain, local }]);
  if (sessions.length > 0) return;
  await endAccount(dependencies, tenant, local);
  await unlistAccount(store, tenant.domain, local);
  await erasePartition(store, Rows.ofAccount(store, tenant.domain, local));
  const ended = (row: GuestRow | undefined) => row && { ...row, endedMs: row.endedMs ?? clock.now() };
  await update(guestRows(dependencies, tenant.domain), guests, local, ended);
}

const looked = new WeakMap<object, number>();

/** Called every few seconds; it looks less often. */
export async function sweepGuests(dependencies: Dependencies): Promise<void> {
  const { clock, tenants } = dependencies;
  const nowMs = clock.monotonic();
  if (nowMs - (looked.get(tenants) ?? Number.NEGATIVE_INFINITY) < guestLimits.guestSweepMs) return;
  looked.set(tenants, nowMs);
  await lookForGuests(dependencies);
}

/** @throws {Unavailable} */
export async function lookForGuests(dependencies: Dependencies): Promise<void> {
  const { tenants } = dependencies;
  const rows = guestTenantRows(dependencies);
  for (let after: string | undefined; ; ) {
    const page = await rows.list(guestTenants, { limit: runtimeLimits.adminPageMax, ...(after !== undefined && { after }) });
    for (const { key: domain, version } of page) {
      const tenant = await tenants.find(domain);
      const isLeft = tenant !== undefined && (await sweepTenant(dependencies, tenant));
      // A guest that comes now writes the row again, so that it has another version.
      if (!isLeft) await rows.delete(guestTenants, domain, { version }).catch(() => {});
    }
    if (page.length < runtimeLimits.adminPageMax) return;
    after = page.at(-1)!.key;
  }
}

/** @returns whether the tenant has guests */
async function sweepTenant(dependencies: Dependencies, tenant: Tenant): Promise<boolean> {
  const page = await guestRows(dependencies, tenant.domain).list(guests, { limit: guestLimits.guestRowsMax });
  const nowMs = dependencies.clock.now();
  for (const row of page) {
    const { endedMs, sinceMs } = row.value;
    if (endedMs !== undefined) await forgetGuest(dependencies, tenant, row, nowMs - endedMs);
    else if (nowMs - sinceMs > guestLimits.guestUnboundMs) await endGuest(dependencies, tenant, row.key);
  }
  return page.length > 0;
}

async function forgetGuest(
  dependencies: Dependencies,
  tenant: Tenant,
  { key, version }: Item<GuestRow>,
  passedMs: number,
): Promise<void> {
  if (passedMs < routerLimits.removalQuietMs) return;
  await erasePartition(dependencies.store, Rows.ofAccount(dependencies.store, tenant.domain, key));
  await guestRows(dependencies, tenant.domain)
    .delete(guests, key, { version })
    .catch(() => {}); // another router has done it
}
