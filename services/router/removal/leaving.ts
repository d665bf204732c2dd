/**
 * Accounts that their owners have removed, where the tenant gives time to think it over: nobody is let in at once, and all is erased when that
 * time is over. Until then an operator can undo it by enabling the account.
 *
 * The account's row says when. A row of the deployment, by that time, lets a process find it; it is written first, and means nothing by itself.
 */

import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { accounts, findAccount } from '../core/accounts.ts';
import { type Dependencies, withoutDeadline } from '../core/dependencies.ts';
import { endTokens } from '../sasl/clients.ts';
import { endSessions } from '../sessions/end-sessions.ts';

interface Leaving {
  readonly domain: string;
  readonly local: string;
  readonly atMs: number;
}

/** By `<when> <domain> <local>`. */
const leaving = collection<Leaving>('leaving', 'deployment');

function rowsOf(store: Store): Rows {
  return Rows.ofDeployment(store, 'removals');
}

/** As long as all others, so that keys stand in the order of time. */
function keyTime(atMs: number): string {
  return `${atMs}`.padStart(15, '0');
}

/** Nobody is let in from now on. @param own the session that asks for it: its stream is left for the caller to close */
export async function leave(given: Dependencies, tenant: Tenant, local: string, own?: { readonly sid: string }): Promise<void> {
  const dependencies = withoutDeadline(given);
  const { store, clock } = dependencies;
  const { domain, policy } = tenant;
  const atMs = clock.now() + policy.removalGraceDays * 86_400_000;
  await rowsOf(store).put(leaving, `${keyTime(atMs)} ${domain} ${local}`, { domain, local, atMs });
  await update(Rows.ofAccount(store, domain, local), accounts, '', (there) => {
    return there && { ...there, isDisabled: true as const, removeAtMs: atMs };
  });
  await endSessions(dependencies, tenant, local, { condition: 'not-authorized', text: 'the account was removed' }, own);
  await endTokens(dependencies, { tenant, local });
}

/**
 * Looks for those whose time is over.
 * @param remove begins a removal, which is a row before it is anything else
 */
export async function removeDue(
  dependencies: Dependencies,
  remove: (tenant: Tenant, local: string) => Promise<unknown>,
): Promise<void> {
  const { store, clock, tenants } = dependencies;
  const rows = rowsOf(store);
  const due = await rows.list(leaving, { limit: runtimeLimits.adminPageMax, before: keyTime(clock.now()) });
  for (const { key, value } of due) {
    const { domain, local, atMs } = value;
    const tenant = await tenants.find(domain);
    const account = tenant && (await findAccount(store, domain, local));
    // Somebody may have enabled it meanwhile, and it may have been removed anew.
    if (tenant && account?.isDisabled && account.removeAtMs === atMs) await remove(tenant, local);
    await rows.delete(leaving, key);
  }
}

/** Those of a tenant that is removed go with it. */
export async function forgetLeaving(store: Store, domain: string): Promise<void> {
  const rows = rowsOf(store);
  for (let after: string | undefined; ; ) {
    const page = await rows.list(leaving, { limit: runtimeLimits.adminPageMax, ...(after !== undefined && { after }) });
    for (const { key, value } of page) if (value.domain === domain) await rows.delete(leaving, key);
    if (page.length < runtimeLimits.adminPageMax) return;
    after = page.at(-1)!.key;
  }
}
