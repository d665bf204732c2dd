/** Operations on the policy of a tenant (lib/runtime/policy). */
import { z } from 'zod';
import { Conflict } from '../../../lib/ports/store.ts';
import type { PolicyKey } from '../../../lib/runtime/policy/policy-key.ts';
import { type PolicyChange, policyKeys, type TenantPolicy } from '../../../lib/runtime/policy/tenant-policy.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { domainInput, findTenant, uncached } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const schemas = Object.fromEntries(Object.entries<PolicyKey>(policyKeys).map(([name, { schema }]) => [name, schema]));
const change = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, schema.optional()]));

const described = z.object({
  domain: z.string(),
  /** Grows with each change. */
  policyVersion: z.number(),
  policy: z.object(schemas) as unknown as z.ZodType<TenantPolicy, TenantPolicy>,
});

export const tenantSet = operation({
  name: 'tenant-set',
  input: z.strictObject({
    domain: domainInput,
    /** The change is refused when the policy has another version. */
    policyVersion: z.number().optional(),
    ...change,
  }),
  output: described,
  right: 'tenant',
  isRepeatable: true,
  help: 'Changes the policy of a tenant, which is felt within a second.',
  commands: ['tenant set'],
  http: { method: 'patch', path: '/tenants/{domain}/policy' },
  async run(dependencies, { domain, policyVersion, ...given }) {
    const changed = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as PolicyChange;
    if (Object.keys(changed).length === 0)
      throw new Refusal('invalid', `say what to change: ${Object.keys(policyKeys).join(', ')}`);
    await findTenant(dependencies, domain);
    try {
      const tenant = await uncached(dependencies).setPolicy(domain, changed, policyVersion);
      if (tenant === undefined) throw new Refusal('absent', `tenant '${domain}' was removed meanwhile`);
      return describe(tenant);
    } catch (error) {
      if (error instanceof Conflict) throw new Refusal('conflict', `the policy of '${domain}' was changed: look at it again`);
      throw error;
    }
  },
});

export const tenantShow = operation({
  name: 'tenant-show',
  input: z.strictObject({ domain: domainInput }),
  output: described,
  right: 'tenant',
  isRepeatable: true,
  help: 'Gives the policy of a tenant.',
  commands: ['tenant show'],
  http: { method: 'get', path: '/tenants/{domain}/policy' },
  run: async (dependencies, { domain }) => describe(await findTenant(dependencies, domain)),
});

function describe({ domain, policyVersion, policy }: Tenant): z.input<typeof described> {
  return { domain, policyVersion, policy };
}
