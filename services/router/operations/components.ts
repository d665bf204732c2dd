/** Operations on components (XEP-0114): programs that serve a domain below a tenant's, such as gateways. */
import { z } from 'zod';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type Component, ownLabels } from '../../../lib/runtime/tenants.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { domainInput, findTenant, uncached } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

/** Never the secret. */
const described = z.object({ component: z.string(), addedAt: z.string() });

/** `domain` is the tenant's, and `component` one label below it. */
const named = { domain: domainInput, component: domainInput };

export const componentAdd = operation({
  name: 'component-add',
  input: z.strictObject({
    ...named,
    /** Sealed by whoever asks: a router has no keys. */
    sealedSecret: z.string().min(1).max(xmppLimits.stanzaBytesMax),
  }),
  output: described,
  right: 'tenant',
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

export const componentRemove = operation({
  name: 'component-remove',
  input: z.strictObject(named),
  output: z.object({ component: z.string() }),
  right: 'tenant',
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
  right: 'tenant',
  isRepeatable: true,
  help: 'Lists the components of a tenant.',
  commands: ['component list'],
  http: { method: 'get', path: '/tenants/{domain}/components' },
  async run(dependencies, { domain }) {
    const { components = [] } = await findTenant(dependencies, domain);
    return { components: components.map(describe) };
  },
});

function describe({ domain, addedAt }: Component): z.input<typeof described> {
  return { component: domain, addedAt };
}

/** @throws {Refusal} */
async function checkName(dependencies: Dependencies, domain: string, component: string): Promise<void> {
  const label = component.slice(0, Math.max(component.indexOf('.'), 0));
  if (label === '' || component !== `${label}.${domain}`)
    throw new Refusal('invalid', `the domain of a component is one label below its tenant's, such as irc.${domain}`);
  if (ownLabels.includes(label)) throw new Refusal('conflict', `'${component}' is a service of tenant '${domain}' itself`);
  if (await uncached(dependencies).find(component)) throw new Refusal('conflict', `'${component}' is a tenant`);
}
