/** `skylark component add|remove|list`: which domains below a tenant's belong to components, such as gateways. */
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { secretBytes } from '../../../lib/runtime/secrets.ts';
import { componentContext } from '../../../lib/runtime/tenants.ts';
import { componentAdd, componentList, componentRemove } from '../../router/operations/components.ts';
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
    for (const component of components) say(values.json ? JSON.stringify(component) : component.component);
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
