/** Operations on the roles of accounts. */
import { z } from 'zod';
import { findAccount } from '../core/accounts.ts';
import { roleNames, setRole } from '../core/roles.ts';
import { accountInput, noAccount, tenantOf } from './inputs.ts';
import { operation } from './operation.ts';

export const userRole = operation({
  name: 'user-role',
  /** `admin`: may do everything to the tenant that can be done to it by ad-hoc commands. */
  input: z.strictObject({ jid: accountInput, role: z.enum(roleNames) }),
  output: z.object({ jid: z.string(), role: z.enum(roleNames) }),
  right: 'tenant',
  isRepeatable: true,
  help: 'Makes an account an admin of its tenant, or takes that away.',
  isGrave: true,
  commands: ['user role'],
  http: { method: 'put', path: '/tenants/{domain}/accounts/{local}/role' },
  async run(dependencies, { jid, role }) {
    const { domain } = await tenantOf(dependencies, jid);
    if (!(await findAccount(dependencies.store, domain, jid.local))) {
      throw noAccount(jid);
    }
    await setRole(dependencies.store, domain, jid.local, role);
    return { jid: `${jid}`, role };
  },
});
