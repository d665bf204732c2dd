/**
 * `skylark user …` and `skylark tenant …`. They work in the same way whether the service runs or not. In a cell (`--dynamodb`)
 * they cannot remove anything: signed-in sessions would have to be told over the bus, which these commands do not reach.
 */
import { tenantAdd, tenantList, tenantProve, tenantRemove } from '../../router/operations/tenants.ts';
import { userAdd, userList, userPassword, userRemove } from '../../router/operations/users.ts';
import type { Values } from '../core/arguments.ts';
import { readPassword } from '../core/password.ts';
import { say, UsageError } from '../core/report.ts';
import { programLimits } from '../limits.ts';
import type {
  passwordOptions,
  tenantAddOptions,
  tenantListOptions,
  tenantProveOptions,
  tenantRemoveOptions,
  userListOptions,
  userRemoveOptions,
} from './account-options.ts';
import type { AdminClient } from './admin-client.ts';
import { adminOf, one, withAdmin } from './admin-command.ts';

export async function addUser(values: Values<typeof passwordOptions>, positionals: readonly string[]): Promise<number> {
  return withPassword('user add', userAdd, values, positionals, (jid) => `added ${jid}`);
}

export async function changePassword(values: Values<typeof passwordOptions>, positionals: readonly string[]): Promise<number> {
  return withPassword('user password', userPassword, values, positionals, (jid) => `changed the password of ${jid}`);
}

async function withPassword(
  command: string,
  operation: typeof userAdd | typeof userPassword,
  values: Values<typeof passwordOptions>,
  positionals: readonly string[],
  told: (jid: string) => string,
): Promise<number> {
  const jid = one(command, 'JID', positionals);
  const open = adminOf(values); // fails before anybody types a password in vain
  const password = values.password ?? (await readPassword(jid));
  return withAdmin(open, async (admin) => {
    const done = await admin.ask(operation, { jid, password });
    say(told(done.jid));
  });
}

export async function removeUser(values: Values<typeof userRemoveOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('user remove', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const removed = await askToTheEnd((waiting) => admin.ask(userRemove, { jid, ...waiting }));
    say(`removed ${removed.jid}`);
  });
}

/**
 * Repeats a request until the removal is complete, and prints its progress to stderr. After an interrupted removal the operator
 * gives the same command again: the next request finishes the removal.
 */
async function askToTheEnd<Result extends { readonly progress?: string | undefined }>(
  ask: (waiting: { readonly waitMs: number; readonly again?: true }) => Promise<Result>,
): Promise<Result> {
  let told: string | undefined;
  const waitMs = programLimits.removalWaitMs;
  for (let result = await ask({ waitMs }); ; result = await ask({ waitMs, again: true })) {
    const { progress } = result;
    if (progress === undefined) return result;
    if (progress !== told) process.stderr.write(`${progress}\n`);
    told = progress;
  }
}

export async function listUsers(values: Values<typeof userListOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is an unexpected argument; see: skylark help user list`);
  return withAdmin(adminOf(values), async (admin) => {
    if (domain !== undefined) return listUsersOf(admin, domain, values);
    for await (const tenant of eachTenant(admin)) await listUsersOf(admin, tenant.domain, values);
  });
}

type Shown = Pick<Values<typeof userListOptions>, 'online' | 'details'>;

async function listUsersOf(admin: AdminClient, domain: string, { online, details }: Shown): Promise<void> {
  const which = { domain, ...(online && { online }), ...(details && { details }) };
  for (let after: string | undefined; ; ) {
    const page = await admin.ask(userList, after === undefined ? which : { ...which, after });
    say(...(page.details?.map(({ jid, role, lastSeen = 'never' }) => `${jid}  ${role}  ${lastSeen}`) ?? page.users));
    after = page.next;
    if (after === undefined) return;
  }
}

export async function addTenant(values: Values<typeof tenantAddOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant add', 'DOMAIN', positionals);
  const { registration = 'closed', cell, prove } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const chosen = { ...(cell !== undefined && { cell }), ...(prove !== undefined && { prove }) };
    const added = await admin.ask(tenantAdd, { domain, registration, ...chosen });
    say(`added ${added.domain}; registration is ${registration}`);
    if (added.proof === undefined) return;
    say(`it is served when its DNS has this record, for which is looked every minute: ${recordText(added.proof)}`);
    say(`to look at once: skylark tenant prove ${added.domain}`);
  });
}

export async function proveTenant(values: Values<typeof tenantProveOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant prove', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const proven = await admin.ask(tenantProve, { domain });
    say(`${proven.domain} is served`);
  });
}

/** As it stands in a zone. */
function recordText({ name, text }: { readonly name: string; readonly text: string }): string {
  return `${name}. TXT "${text}"`;
}

export async function removeTenant(values: Values<typeof tenantRemoveOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant remove', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const removed = await askToTheEnd((waiting) => admin.ask(tenantRemove, { domain, force: values.force, ...waiting }));
    say(`removed ${removed.domain}`);
  });
}

export async function listTenants(values: Values<typeof tenantListOptions>, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0)
    throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help tenant list`);
  return withAdmin(adminOf(values), async (admin) => {
    for await (const tenant of eachTenant(admin)) say(values.json ? JSON.stringify(tenant) : tenant.domain);
  });
}

async function* eachTenant(admin: AdminClient) {
  for (let after: string | undefined; ; ) {
    const page = await admin.ask(tenantList, after === undefined ? {} : { after });
    yield* page.tenants;
    after = page.next;
    if (after === undefined) return;
  }
}
