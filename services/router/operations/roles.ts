/** Operations on the roles of accounts (lib/runtime/rights.ts). */
import { z } from 'zod';
import { givenRole } from '../../../lib/runtime/field-rights.ts';
import { type Held, roleNames } from '../../../lib/runtime/rights.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { type Holder, holdersOf, operatorsOf, RoleRefused, setRole } from '../core/roles.ts';
import { checkVersion, orStale, versionInput } from './account-version.ts';
import { accountInput, contentInput, domainInput, findTenant, tenantOf } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const role = z.enum(roleNames);

export const userRole = operation({
  name: 'user-role',
  input: z.strictObject({ jid: accountInput, role: role.meta(givenRole), content: contentInput, ...versionInput }),
  output: z.object({ jid: z.string(), role, content: z.boolean() }),
  right: 'tenant.roles',
  isRepeatable: true,
  help: 'Gives an account a role over its tenant or over the deployment, or takes it away.',
  isGrave: true,
  commands: ['user role'],
  http: { method: 'put', path: '/tenants/{domain}/accounts/{local}/role', version: 'version' },
  async run(dependencies, { jid, role, content = false, version }, { note }) {
    const { domain } = await tenantOf(dependencies, jid);
    const { store, clock } = dependencies;
    const { local } = jid;
    const seen = await checkVersion(dependencies, jid, version);
    if (content && role === 'none') throw new Refusal('invalid', 'whoever reads content has a role; support is the least');
    const next: Held = { role, ...(content && { hasContent: true }) };
    try {
      const place = { domain, local, since: new Date(clock.timeOfDay()).toISOString() };
      const before = setRole(store, place, next, version === undefined ? undefined : (seen.role ?? 'none'));
      note(await orStale(jid, version, before), next);
    } catch (error) {
      if (error instanceof RoleRefused) throw new Refusal('conflict', error.message);
      throw error;
    }
    return { jid: `${jid}`, role, content };
  },
});

const holder = z.object({ jid: z.string(), role, content: z.boolean(), since: z.string() });

function describe([jid, { role, hasContent = false, since }]: readonly [string, Holder]): z.input<typeof holder> {
  return { jid, role, content: hasContent, since };
}

export const roleList = operation({
  name: 'role-list',
  input: z.strictObject({ domain: domainInput }),
  output: z.object({ holders: z.array(holder) }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists the accounts that have a role over a tenant.',
  commands: ['role list'],
  http: { method: 'get', path: '/tenants/{domain}/roles' },
  async run(dependencies, { domain }) {
    await findTenant(dependencies, domain);
    const found = Object.entries(await holdersOf(dependencies.store, domain));
    return { holders: found.map(([local, one]) => describe([`${Jid.of(local, domain)}`, one])) };
  },
});

export const roleDeploymentList = operation({
  name: 'role-deployment-list',
  input: z.strictObject({}),
  output: z.object({ holders: z.array(holder) }),
  right: 'deployment.see',
  isRepeatable: true,
  help: 'Lists the accounts that have a role over the deployment.',
  commands: ['role list'],
  http: { method: 'get', path: '/roles' },
  run: async ({ store }) => ({ holders: Object.entries(await operatorsOf(store)).map(describe) }),
});
