/** Operations on components (XEP-0114): programs that serve a domain below a tenant's, such as gateways. */
import { z } from 'zod';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { Access, Privileges } from '../../../lib/runtime/privileges.ts';
import { type Component, componentOf, ownLabels } from '../../../lib/runtime/tenants.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { domainInput, findTenant, sealedInput, uncached } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

/** Never the secret. */
const access = z.enum(['none', 'get', 'set', 'both']);
const privileges = z.object({
  roster: access.exclude(['none']).optional(),
  message: z.literal('outgoing').optional(),
  presence: z.literal('managed_entity').optional(),
  iq: z.record(z.string(), access.exclude(['none'])).optional(),
});
const described = z.object({ component: z.string(), addedAt: z.string(), privileges });

/** `domain` is the tenant's, and `component` one label below it. */
const named = { domain: domainInput, component: domainInput };

export const componentAdd = operation({
  name: 'component-add',
  input: z.strictObject({
    ...named,
    /** Sealed by whoever asks: a router has no keys. */
    sealedSecret: sealedInput,
  }),
  output: described,
  right: 'tenant.own',
  isRepeatable: false,
  help: 'Lets a component have a domain below the tenant’s.',
  commands: ['component add'],
  http: { whyNone: 'the command makes the secret, seals it with the keys that routers do not have, and shows it once' },
  async run(dependencies, { domain, component, sealedSecret }) {
    await findTenant(dependencies, domain);
    await checkName(dependencies, domain, component);
    const added: Component = { domain: component, addedAt: new Date(dependencies.clock.now()).toISOString(), sealedSecret };
    const changed = await dependencies.tenants.setComponents(domain, (components) => {
      if (components.some((one) => one.domain === component))
        throw new Refusal(
          'conflict',
          `there is a component '${component}' already; for a new secret, remove it first: skylark component remove ${component}`,
        );
      if (components.length >= runtimeLimits.componentsMax)
        throw new Refusal(
          'conflict',
          `tenant '${domain}' has ${runtimeLimits.componentsMax} components, and more are not allowed`,
        );
      return [...components, added];
    });
    if (!changed) await findTenant(dependencies, domain);
    dependencies.log.info({ component }, 'a component was added');
    return describe(added);
  },
});

/** XEP-0356. What is not given stays; `none` takes it away. */
export const componentGrant = operation({
  name: 'component-grant',
  input: z.strictObject({
    ...named,
    roster: access.optional(),
    message: z.enum(['none', 'outgoing']).optional(),
    presence: z.enum(['none', 'managed_entity']).optional(),
    /** By namespace. */
    iq: z.record(z.string().min(1).max(xmppLimits.domainCharactersMax), access).optional(),
  }),
  output: described,
  right: 'tenant.own',
  isRepeatable: true,
  help: 'Lets a component act for the accounts of its tenant.',
  commands: ['component grant'],
  http: { method: 'patch', path: '/tenants/{domain}/components/{component}' },
  async run(dependencies, { domain, component, ...change }) {
    await findTenant(dependencies, domain);
    const changed = await dependencies.tenants.setComponents(domain, (components) => {
      if (!components.some((one) => one.domain === component))
        throw new Refusal('absent', `there is no component '${component}'`);
      return components.map((one) =>
        one.domain === component ? { ...one, privileges: changedBy(one.privileges, change) } : one,
      );
    });
    const now = changed && componentOf(changed, component);
    if (!now) throw new Refusal('absent', `there is no component '${component}'`);
    dependencies.log.info({ component, privileges: now.privileges }, 'a component was granted privileges');
    return describe(now);
  },
});

interface Change {
  readonly roster?: Access | 'none' | undefined;
  readonly message?: 'outgoing' | 'none' | undefined;
  readonly presence?: 'managed_entity' | 'none' | undefined;
  readonly iq?: Readonly<Record<string, Access | 'none'>> | undefined;
}

/** @throws {Refusal} */
function changedBy(before: Privileges = {}, change: Change): Privileges {
  const iq = Object.entries({ ...before.iq, ...change.iq }).filter((entry): entry is [string, Access] => entry[1] !== 'none');
  if (iq.length > runtimeLimits.privilegeNamespacesMax)
    throw new Refusal('conflict', `a component has at most ${runtimeLimits.privilegeNamespacesMax} namespaces`);
  return {
    roster: kept(change.roster ?? before.roster),
    message: kept(change.message ?? before.message),
    presence: kept(change.presence ?? before.presence),
    ...(iq.length > 0 && { iq: Object.fromEntries(iq) }),
  };
}

function kept<Value extends string>(value: Value | undefined): Exclude<Value, 'none'> | undefined {
  return value === 'none' ? undefined : (value as Exclude<Value, 'none'> | undefined);
}

export const componentRemove = operation({
  name: 'component-remove',
  input: z.strictObject(named),
  output: z.object({ component: z.string() }),
  right: 'tenant.own',
  isRepeatable: true,
  help: 'Takes its domain from a component. Its stream ends within seconds.',
  commands: ['component remove'],
  http: { method: 'delete', path: '/tenants/{domain}/components/{component}' },
  async run(dependencies, { domain, component }) {
    const { components = [] } = await findTenant(dependencies, domain);
    if (!components.some((one) => one.domain === component)) throw new Refusal('absent', `there is no component '${component}'`);
    await dependencies.tenants.setComponents(domain, (there) => there.filter((one) => one.domain !== component));
    dependencies.log.info({ component }, 'a component was removed');
    return { component };
  },
});

export const componentList = operation({
  name: 'component-list',
  input: z.strictObject({ domain: domainInput }),
  output: z.object({ components: z.array(described) }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists the components of a tenant.',
  commands: ['component list'],
  http: { method: 'get', path: '/tenants/{domain}/components' },
  async run(dependencies, { domain }) {
    const { components = [] } = await findTenant(dependencies, domain);
    return { components: components.map(describe) };
  },
});

function describe({ domain, addedAt, privileges: granted = {} }: Component): z.input<typeof described> {
  return { component: domain, addedAt, privileges: granted };
}

/** @throws {Refusal} */
async function checkName(dependencies: Dependencies, domain: string, component: string): Promise<void> {
  const label = component.slice(0, Math.max(component.indexOf('.'), 0));
  if (label === '' || component !== `${label}.${domain}`)
    throw new Refusal('invalid', `the domain of a component is one label below its tenant's, such as irc.${domain}`);
  if (ownLabels.includes(label)) throw new Refusal('conflict', `'${component}' is a service of tenant '${domain}' itself`);
  if (await uncached(dependencies).find(component)) throw new Refusal('conflict', `'${component}' is a tenant`);
}
