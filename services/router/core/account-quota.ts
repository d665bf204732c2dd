/** How many accounts a tenant may have, by its policy. */
import type { Store } from '../../../lib/ports/store.ts';
import { accountNames, hasSoMany } from '../../../lib/runtime/directory.ts';
import { isGuestName } from '../../../lib/runtime/guest-names.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';

/** May no further account be made? @param local of the one that would be */
export function isFull(store: Store, tenant: Tenant, local: string): Promise<boolean> {
  return hasMoreThan(store, tenant, local, 0);
}

/** Are there more accounts than there may be, with this one, which has just been made? */
export function isOverfull(store: Store, tenant: Tenant, local: string): Promise<boolean> {
  return hasMoreThan(store, tenant, local, 1);
}

async function hasMoreThan(store: Store, tenant: Tenant, local: string, more: number): Promise<boolean> {
  const { domain, policy } = tenant;
  if (policy.accountsMax === 0) return false;
  const isCounted = (name: string) => !isGuestName(tenant, name);
  return hasSoMany(store, domain, accountNames, local, policy.accountsMax + more, isCounted);
}

export function fullText({ domain, policy }: Tenant): string {
  return `${domain} has as many accounts as it may have: ${policy.accountsMax}`;
}
