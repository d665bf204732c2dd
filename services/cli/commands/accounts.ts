/**
 * `skylark user …` and `skylark tenant …`: the same whether the service runs or not. In a cell (`--dynamodb`) there is no removing: who
 * is signed in would have to be told over the bus.
 */
import { z } from 'zod';
import { findDataFolder } from '../compose/data-folder.ts';
import { choiceOption, type Options, switchOption, textOption, type Values } from '../core/arguments.ts';
import { data, dynamodb, json, region, tablePrefix } from '../core/options.ts';
import { say, UsageError } from '../core/report.ts';
import { type AdminClient, openAdmin, openCloudAdmin } from './admin-client.ts';
import { readPassword } from './password.ts';

const dataOnly = { data } satisfies Options;
/** A data folder, or the tables of a cell. */
const place = { data, dynamodb, region, tablePrefix } satisfies Options;
type Place = Pick<Values<typeof place>, 'data'> & Partial<Values<typeof place>>;

export const passwordOptions = {
  password: textOption('TEXT', 'the password; others on this machine may see it in the list of processes', 'a password'),
  ...place,
} satisfies Options;
export const userRemoveOptions = dataOnly;
export const userListOptions = place;
export const tenantAddOptions = {
  registration: choiceOption('open|closed', 'may anyone make an account in it; closed unless said', ['open', 'closed']),
  ...place,
} satisfies Options;
export const tenantRemoveOptions = {
  force: switchOption('also when it has accounts: they are removed with all that they keep'),
  data,
} satisfies Options;
export const tenantListOptions = { json, ...place } satisfies Options;

export async function addUser(values: Values<typeof passwordOptions>, positionals: readonly string[]): Promise<number> {
  return withPassword('user add', 'user-add', values, positionals, (jid) => `added ${jid}`);
}

export async function changePassword(values: Values<typeof passwordOptions>, positionals: readonly string[]): Promise<number> {
  return withPassword('user password', 'user-password', values, positionals, (jid) => `changed the password of ${jid}`);
}

const jidSchema = z.object({ jid: z.string() });
const domainSchema = z.object({ domain: z.string() });

async function withPassword(
  command: string,
  operation: string,
  values: Values<typeof passwordOptions>,
  positionals: readonly string[],
  told: (jid: string) => string,
): Promise<number> {
  const jid = one(command, 'JID', positionals);
  const open = adminOf(values); // before anybody types a password in vain
  const password = values.password ?? (await readPassword(jid));
  return withAdmin(open, async (admin) => {
    const done = jidSchema.parse(await admin.ask(operation, { jid, password }));
    say(told(done.jid));
  });
}

export async function removeUser(values: Values<typeof userRemoveOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('user remove', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`removed ${jidSchema.parse(await askToTheEnd(admin, 'user-remove', { jid })).jid}`);
  });
}

const progressSchema = z.object({ progress: z.string().optional() });
/** How long the service is asked to wait for the end before it says how far it is, milliseconds. */
const waitMs = '2000';

/** What was erased by half is erased to its end by the next who asks, so a command that broke off is given again. */
async function askToTheEnd(admin: AdminClient, operation: string, given: Readonly<Record<string, string>>): Promise<unknown> {
  let told: string | undefined;
  for (let asked: Readonly<Record<string, string>> = { ...given, waitMs }; ; asked = { ...given, waitMs, again: 'yes' }) {
    const result = await admin.ask(operation, asked);
    const { progress } = progressSchema.parse(result);
    if (progress === undefined) return result;
    if (progress !== told) process.stderr.write(`${progress}\n`);
    told = progress;
  }
}

export async function listUsers(values: Values<typeof userListOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is one argument too many; see: skylark help user list`);
  return withAdmin(adminOf(values), async (admin) => {
    if (domain !== undefined) return listUsersOf(admin, domain);
    for await (const tenant of eachTenant(admin)) await listUsersOf(admin, tenant.domain);
  });
}

const usersSchema = z.object({ users: z.array(z.string()), next: z.string().optional() });

async function listUsersOf(admin: AdminClient, domain: string): Promise<void> {
  for (let after: string | undefined; ; ) {
    const page = usersSchema.parse(await admin.ask('user-list', after === undefined ? { domain } : { domain, after }));
    say(...page.users);
    after = page.next;
    if (after === undefined) return;
  }
}

export async function addTenant(values: Values<typeof tenantAddOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant add', 'DOMAIN', positionals);
  const { registration = 'closed' } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const added = domainSchema.parse(await admin.ask('tenant-add', { domain, registration }));
    say(`added ${added.domain}; registration is ${registration}`);
  });
}

export async function removeTenant(values: Values<typeof tenantRemoveOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('tenant remove', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const removed = await askToTheEnd(admin, 'tenant-remove', values.force ? { domain, force: 'yes' } : { domain });
    say(`removed ${domainSchema.parse(removed).domain}`);
  });
}

export async function listTenants(values: Values<typeof tenantListOptions>, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is one argument too many; see: skylark help tenant list`);
  return withAdmin(adminOf(values), async (admin) => {
    for await (const tenant of eachTenant(admin)) say(values.json ? JSON.stringify(tenant) : tenant.domain);
  });
}

const tenantsSchema = z.object({
  tenants: z.array(z.object({ domain: z.string(), createdAt: z.string(), registration: z.string(), retentionDays: z.number() })),
  next: z.string().optional(),
});

async function* eachTenant(admin: AdminClient) {
  for (let after: string | undefined; ; ) {
    const page = tenantsSchema.parse(await admin.ask('tenant-list', after === undefined ? {} : { after }));
    yield* page.tenants;
    after = page.next;
    if (after === undefined) return;
  }
}

/** @throws {UsageError} */
function one(command: string, name: string, positionals: readonly string[]): string {
  const [value, ...rest] = positionals;
  if (value === undefined) throw new UsageError(`'skylark ${command}' needs a ${name}; see: skylark help ${command}`);
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is one argument too many; see: skylark help ${command}`);
  return value;
}

/** @throws {Refusal | UsageError} when there is no such place */
function adminOf({ data, dynamodb, region, tablePrefix }: Place): () => Promise<AdminClient> {
  if (dynamodb !== undefined && region !== undefined && tablePrefix !== undefined) {
    return () => openCloudAdmin({ dynamodb, region, tablePrefix });
  }
  const folder = findDataFolder(data);
  return () => openAdmin(folder);
}

async function withAdmin(open: () => Promise<AdminClient>, work: (admin: AdminClient) => Promise<void>): Promise<number> {
  const admin = await open();
  try {
    await work(admin);
    return 0;
  } finally {
    await admin.close();
  }
}
