/** Roles of accounts. An admin may do to the own tenant what operations with the right `tenant` do. */
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Rows } from '../../../lib/runtime/rows.ts';

export const roleNames = ['admin', 'none'] as const;
export type Role = (typeof roleNames)[number];

const roles = collection<{ readonly role: Role }>('role', 'account');

export async function roleOf(store: Store, domain: string, local: string): Promise<Role> {
  return (await Rows.ofAccount(store, domain, local).get(roles))?.value.role ?? 'none';
}

export async function setRole(store: Store, domain: string, local: string, role: Role): Promise<void> {
  const rows = Rows.ofAccount(store, domain, local);
  if (role === 'none') await rows.delete(roles);
  else await rows.put(roles, '', { role });
}
