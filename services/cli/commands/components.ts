/** `skylark component add|remove|list`: which domains below a tenant's belong to components, such as gateways. */
import type { z } from 'zod';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import type { Privileges } from '../../../lib/runtime/privileges.ts';
import { secretBytes } from '../../../lib/runtime/secrets.ts';
import { componentContext } from '../../../lib/runtime/tenants.ts';
import { componentAdd, componentGrant, componentList, componentRemove } from '../../router/operations/components.ts';
import { openKeys } from '../compose/certificate-keys.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import { say, UsageError } from '../core/report.ts';
import { type AdminClient, openAdmin, openCloudAdmin } from './admin-client.ts';
import { domainOf } from './certificates.ts';
import type { AddValues, ListValues, RemoveValues } from './component-options.ts';

export async function addComponent(values: AddValues, positionals: readonly string[]): Promise<number> {
  const named = namesOf('component add', positionals);
  return withAdmin(values, async (admin, folder) => {
    const keys = await openKeys(values, folder);
    const secret = clock.randomBytes(secretBytes).toString('base64url');
    const sealedSecret = await keys.seal(Buffer.from(secret), componentContext(named.component));
    const { component } = await admin.ask(componentAdd, { ...named, sealedSecret });
    say(`added ${component}; its secret, which is not shown again: ${secret}`);
  });
}

const kinds = ['roster', 'message', 'presence'] as const;
const accesses = ['none', 'get', 'set', 'both'];

/** `skylark component grant irc.example.org roster=both message=outgoing presence=managed_entity iq=NAMESPACE=get`. */
export async function grantPrivileges(values: RemoveValues, positionals: readonly string[]): Promise<number> {
  const [domain = '', ...privileges] = positionals;
  const named = namesOf('component grant', domain === '' ? [] : [domain]);
  const granted: Record<string, string> = {};
  const iq: Record<string, string> = {};
  for (const text of privileges) {
    const [kind = '', ...rest] = text.split('=');
    const value = rest.at(-1) ?? '';
    if (kind === 'iq' && rest.length > 1 && accesses.includes(value)) iq[rest.slice(0, -1).join('=')] = value;
    else if (kinds.some((one) => one === kind) && rest.length === 1) granted[kind] = value;
    else throw new UsageError(`'${text}' is not a privilege, such as roster=both; see: skylark help component grant`);
  }
  return withAdmin(values, async (admin) => {
    const input = { ...named, ...granted, ...(Object.keys(iq).length > 0 && { iq }) };
    const { component, privileges: now } = await admin.ask(componentGrant, input as z.input<typeof componentGrant.input>);
    say(`${component} has now: ${wordsOf(now)}`);
  });
}

function wordsOf({ iq = {}, ...others }: Privileges): string {
  const words = Object.entries(others).flatMap(([kind, value]) => (value === undefined ? [] : [`${kind}=${value}`]));
  const all = [...words, ...Object.entries(iq).map(([ns, value]) => `iq=${ns}=${value}`)];
  return all.length === 0 ? 'no privileges' : all.join(' ');
}

export async function removeComponent(values: RemoveValues, positionals: readonly string[]): Promise<number> {
  const named = namesOf('component remove', positionals);
  return withAdmin(values, async (admin) => {
    const { component } = await admin.ask(componentRemove, named);
    say(`removed ${component}`);
  });
}

export async function listComponents(values: ListValues, positionals: readonly string[]): Promise<number> {
  const domain = domainOf('component list', positionals);
  return withAdmin(values, async (admin) => {
    const { components } = await admin.ask(componentList, { domain });
    for (const component of components)
      say(values.json ? JSON.stringify(component) : `${component.component}  ${wordsOf(component.privileges)}`);
  });
}

/** The domain of a component is one label below that of its tenant. @throws {UsageError} */
function namesOf(command: string, positionals: readonly string[]): { readonly domain: string; readonly component: string } {
  const component = domainOf(command, positionals);
  const dot = component.indexOf('.');
  if (dot <= 0)
    throw new UsageError(
      `'${component}' is not the domain of a component: that is one label below a tenant's, as irc.example.org`,
    );
  return { domain: component.slice(dot + 1), component };
}

async function withAdmin(
  values: RemoveValues,
  work: (admin: AdminClient, folder: string | undefined) => Promise<void>,
): Promise<number> {
  const { data, dynamodb, region, tablePrefix } = values;
  const folder = dynamodb === undefined ? findDataFolder(data) : undefined;
  const admin = await (dynamodb === undefined ? openAdmin(folder!) : openCloudAdmin({ dynamodb, region, tablePrefix }));
  try {
    await work(admin, folder);
    return 0;
  } finally {
    await admin.close();
  }
}
