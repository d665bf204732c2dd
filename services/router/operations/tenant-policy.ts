/** Operations on the policy of a tenant (lib/runtime/policy). */
import { z } from 'zod';
import { Conflict } from '../../../lib/ports/store.ts';
import { needing } from '../../../lib/runtime/field-rights.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { PolicyKey } from '../../../lib/runtime/policy/policy-key.ts';
import { type PolicyChange, policyKeys, type TenantPolicy } from '../../../lib/runtime/policy/tenant-policy.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { sealPolicySecret } from '../core/policy-secrets.ts';
import { tellOfServices } from '../features/xep0215-external-services.ts';
import { serverInfoChanged } from '../later/server-info.ts';
import { readLists } from '../routing/block-lists.ts';
import { domainInput, findTenant, uncached } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const keys = Object.entries<PolicyKey>(policyKeys);
/** A secret is shown as whether there is one. */
const schemas = Object.fromEntries(keys.map(([name, { schema, isSecret }]) => [name, isSecret ? z.boolean() : schema]));
const change = Object.fromEntries(
  keys.map(([name, { schema, isSecret, isFile, needs, text }]) => [
    name,
    schema.optional().meta({
      ...{ description: text, ...(isSecret && { isSecret }), ...(isFile === 'text' && { isDocument: true }) },
      ...(needs && needing(needs)),
    }),
  ]),
);

type Shown = { readonly [Name in keyof TenantPolicy]: TenantPolicy[Name] | boolean };

const described = z.object({
  domain: z.string(),
  /** Grows with each change. */
  policyVersion: z.number(),
  policy: z.object(schemas) as unknown as z.ZodType<Shown, Shown>,
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
  right: 'tenant.policy',
  isRepeatable: true,
  help: 'Changes the policy of a tenant, which is felt within a second.',
  commands: ['tenant set'],
  http: { method: 'patch', path: '/tenants/{domain}/policy', version: 'policyVersion' },
  async run(dependencies, { domain, policyVersion, ...given }, { note }) {
    const changed = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as PolicyChange;
    if (Object.keys(changed).length === 0)
      throw new Refusal('invalid', `say what to change: ${Object.keys(policyKeys).join(', ')}`);
    const before = await findTenant(dependencies, domain);
    const sealed = await sealSecrets(dependencies, domain, changed);
    try {
      const tenant = await uncached(dependencies).setPolicy(domain, sealed, policyVersion);
      if (tenant === undefined) throw new Refusal('absent', `tenant '${domain}' was removed meanwhile`);
      tellOfServices(dependencies, before, tenant);
      if (dependencies.isFederated) readLists(dependencies, tenant);
      await serverInfoChanged(dependencies, before, tenant);
      note(shownOf(before, changed), shownOf(tenant, changed));
      return describe(tenant);
    } catch (error) {
      if (error instanceof Conflict) throw new Refusal('stale', `the policy of '${domain}' was changed: look at it again`);
      throw error;
    }
  },
});

export const tenantShow = operation({
  name: 'tenant-show',
  input: z.strictObject({ domain: domainInput }),
  output: described,
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Gives the policy of a tenant.',
  commands: ['tenant show'],
  http: { method: 'get', path: '/tenants/{domain}/policy', version: 'policyVersion' },
  run: async (dependencies, { domain }) => describe(await findTenant(dependencies, domain)),
});

function describe(tenant: Tenant): z.input<typeof described> {
  const { domain, policyVersion, policy } = tenant;
  return { domain, policyVersion, policy: shownOf(tenant, policy) as Shown };
}

/** The keys of the policy that are named, without secrets. */
function shownOf({ policy }: Tenant, named: object): Readonly<Record<string, unknown>> {
  const shown = keys.filter(([name]) => Object.hasOwn(named, name));
  return Object.fromEntries(
    shown.map(([name, { isSecret }]) => {
      const value = policy[name as keyof TenantPolicy];
      return [name, isSecret ? value !== '' : value];
    }),
  );
}

/** @throws {Refusal} when this deployment cannot seal */
async function sealSecrets(dependencies: Dependencies, domain: string, given: PolicyChange): Promise<PolicyChange> {
  const entries = Object.entries(given).map(async ([name, value]) => {
    const isOpen = policyKeys[name as keyof TenantPolicy].isSecret && value !== '';
    return [name, isOpen ? await sealed(dependencies, domain, name, value as string) : value] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as PolicyChange;
}

async function sealed(dependencies: Dependencies, domain: string, name: string, secret: string): Promise<string> {
  if (secret.length > runtimeLimits.policySecretCharactersMax / 4)
    throw new Refusal('invalid', `'${name}' has at most ${runtimeLimits.policySecretCharactersMax / 4} characters`);
  const text = await sealPolicySecret(dependencies, domain, name, secret);
  if (text === undefined) throw new Refusal('conflict', `'${name}' cannot be kept: the routers have no key to seal it with`);
  return text;
}
