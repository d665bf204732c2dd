/**
 * What operators ask for (command line, console), and the making and removing of accounts, which XEP-0077 shares.
 *
 * Errors are sentences for people that quote the value and say what to do.
 */
import { limits } from '../../../lib/limits.ts';
import { sleep } from '../../../lib/ports/clock.ts';
import { Conflict } from '../../../lib/ports/store.ts';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { findRemoval, removalName } from '../../../lib/runtime/removals.ts';
import { roomsDomain, type Tenant, type TenantPolicy, Tenants, uploadsDomain } from '../../../lib/runtime/tenants.ts';
import type { AdminReply, AdminRequest } from '../../../lib/runtime/wire.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import {
  createAccount,
  deleteAccountRow,
  findAccount,
  LookTaken,
  listAccounts,
  setCredentials,
  unlistAccount,
} from '../core/accounts.ts';
import type { Parts } from '../core/dependencies.ts';
import { removalsOf } from '../removal/removals.ts';
import { prepareName } from '../sasl/credentials.ts';
import { deriveKeys, InvalidPassword } from '../sasl/passwords.ts';
import { deleteCertificate, getCertificate, putCertificate, queryCertificates } from './admin-certificates.ts';
import { describeNodes, drainNode } from './admin-nodes.ts';
import { Refusal } from './admin-refusal.ts';

type Arguments = AdminRequest['arguments'];
type Operation = (parts: Parts, given: Arguments) => Promise<unknown>;

const operations = new Map<string, Operation>([
  ['user-add', addUser],
  ['user-remove', removeUser],
  ['user-list', listUsers],
  ['user-password', changePassword],
  ['tenant-add', addTenant],
  ['tenant-remove', removeTenant],
  ['tenant-list', listTenants],
  ['status', describeNodes],
  ['node-drain', drainNode],
  ['certificate-query', queryCertificates],
  ['certificate-get', getCertificate],
  ['certificate-put', putCertificate],
  ['certificate-delete', deleteCertificate],
]);

/** @throws {Unavailable} when the store is away */
export async function admin(parts: Parts, request: AdminRequest): Promise<AdminReply> {
  try {
    const operation = operations.get(request.operation);
    if (!operation) {
      throw new Refusal(`there is no operation '${request.operation}'; there are: ${[...operations.keys()].join(', ')}`);
    }
    return { ok: true, result: await operation(parts, request.arguments) };
  } catch (error) {
    if (error instanceof Refusal || error instanceof InvalidPassword) return { ok: false, error: error.message };
    if (error instanceof Overloaded) return { ok: false, error: `${error.message}; try again in a moment` };
    throw error;
  }
}

async function addUser(parts: Parts, given: Arguments) {
  const { jid, tenant } = await readAccount(parts, given);
  const outcome = await addAccount(parts, tenant, jid.local, required(given, 'password'));
  if (outcome === 'exists') {
    throw new Refusal(`there is an account '${jid}' already; change its password with: skylark user password ${jid}`);
  }
  if (outcome === 'leaving') {
    throw new Refusal(
      `the last account '${jid}' is being removed, and its name is not free yet; to wait for it: skylark user remove ${jid}`,
    );
  }
  return { jid: `${jid}` };
}

async function removeUser(parts: Parts, given: Arguments) {
  const { jid, tenant } = await readAccount(parts, given);
  const removal = removalsOf(parts).account(tenant, jid.local);
  return answerInTime(parts, given, `${jid}`, { jid: `${jid}` }, async () => {
    if (!(await removal) && given.again !== 'yes') throw noAccount(jid);
  });
}

/** `next` is what to ask for as `after`. */
async function listUsers(parts: Parts, given: Arguments): Promise<{ users: string[]; next?: string }> {
  const { domain } = await readTenant(parts, required(given, 'domain'));
  const locals = await listAccounts(parts.store, domain, limits.adminPageMax, given.after);
  const users = locals.map((local) => `${Jid.of(local, domain)}`);
  return { users, next: locals.length === limits.adminPageMax ? locals.at(-1) : undefined };
}

async function changePassword(parts: Parts, given: Arguments) {
  const { jid, tenant } = await readAccount(parts, given);
  if (!(await findAccount(parts.store, tenant.domain, jid.local))) throw noAccount(jid);
  const scram = await deriveKeys(required(given, 'password'), parts.clock);
  if (!(await setCredentials(parts.store, tenant.domain, jid.local, scram))) throw noAccount(jid);
  return { jid: `${jid}` };
}

/** `example.org` and `conference.example.org` cannot both be tenants: the second is where the first has its rooms; so with files. */
async function addTenant(parts: Parts, given: Arguments) {
  const domain = readDomain(required(given, 'domain'));
  const policy = readPolicy(given);
  const tenants = uncached(parts);
  const taken = await tenants.place(domain);
  if (taken?.service === 'accounts') throw new Refusal(`there is a tenant '${domain}' already`);
  if (taken) {
    const what = taken.service === 'rooms' ? 'rooms' : 'files';
    throw new Refusal(`'${domain}' is where the ${what} of tenant '${taken.tenant.domain}' are`);
  }
  for (const [what, host] of [
    ['rooms', roomsDomain(domain)],
    ['files', uploadsDomain(domain)],
  ] as const) {
    if (await tenants.find(host)) throw new Refusal(`the ${what} of '${domain}' would be at '${host}', which is a tenant`);
  }
  await checkIsFree(parts, domain);
  try {
    const tenant = await parts.tenants.add(domain, policy);
    await checkIsFree(parts, domain).catch(async (error: unknown) => {
      await parts.tenants.remove(tenant);
      throw error;
    });
    return describe(tenant);
  } catch (error) {
    if (error instanceof Conflict) throw new Refusal(`there is a tenant '${domain}' already`);
    throw error;
  }
}

async function checkIsFree({ store }: Parts, domain: string): Promise<void> {
  if (await findRemoval(store, domain)) {
    throw new Refusal(
      `the last tenant '${domain}' is being removed, and its domain is not free yet; to wait for it: skylark tenant remove ${domain}`,
    );
  }
}

async function removeTenant(parts: Parts, given: Arguments) {
  const domain = readDomain(required(given, 'domain'));
  const begun = (await findRemoval(parts.store, domain))?.tenant;
  const there = await uncached(parts).find(domain);
  if (!there && !begun && given.again === 'yes') return { domain };
  const tenant = there ?? begun ?? (await readTenant(parts, domain));
  const [local] = begun ? [] : await listAccounts(parts.store, domain, 1);
  if (local !== undefined && given.force !== 'yes') {
    const example = Jid.of(local, domain);
    throw new Refusal(
      `tenant '${domain}' has accounts, such as '${example}'; remove them with it by: skylark tenant remove ${domain} --force`,
    );
  }
  const removal = removalsOf(parts).tenant(tenant);
  return answerInTime(parts, given, domain, { domain }, () => removal);
}

/**
 * A removal may take long: whoever says how long it waits (`waitMs`) is told by then how far it is, and asks again, with `again`.
 * @returns with `progress` when it goes on
 */
async function answerInTime<Result extends object>(
  parts: Parts,
  { waitMs }: Arguments,
  name: string,
  result: Result,
  work: () => Promise<void>,
): Promise<Result & { readonly progress?: string }> {
  const working = work().then(() => result);
  if (waitMs === undefined) return working;
  const waiting = sleep(parts.clock, Math.min(Number(waitMs), limits.removalAnswerMs)).then(() => undefined);
  const done = await Promise.race([working, waiting]);
  if (done) return done;
  working.catch(() => {}); // told when it is asked again
  return { ...result, progress: (await findRemoval(parts.store, name))?.progress ?? 'almost done' };
}

/** `next` is what to ask for as `after`. */
async function listTenants(parts: Parts, given: Arguments): Promise<{ tenants: object[]; next?: string }> {
  const found = await parts.tenants.list(limits.adminPageMax, given.after);
  return { tenants: found.map(describe), next: found.length === limits.adminPageMax ? found.at(-1)?.domain : undefined };
}

/** Never the secret. */
function describe({ domain, createdAt, policy }: Tenant) {
  return { domain, createdAt, ...policy };
}

function required(given: Arguments, name: string): string {
  const value = given[name];
  if (value === undefined || value === '') throw new Refusal(`the operation needs '${name}'`);
  return value;
}

/** RFC 1035 §2.3.4; U-labels are not longer than what DNS sees of them. */
const domainCharactersMax = 253;

function readDomain(text: string): string {
  try {
    const { domain } = Jid.of('', text);
    if (domain.length <= domainCharactersMax) return domain;
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
  }
  throw new Refusal(`'${text}' is not a domain name`);
}

function readPolicy({ registration = 'closed' }: Arguments): TenantPolicy {
  if (registration !== 'open' && registration !== 'closed') {
    throw new Refusal(`registration is 'open' or 'closed', not '${registration}'`);
  }
  return { registration, retentionDays: 0 };
}

/** An operator sees what stands now, not what stood a second ago. */
function uncached(parts: Parts): Tenants {
  return new Tenants(parts.store, parts.clock);
}

async function readTenant(parts: Parts, text: string): Promise<Tenant> {
  const domain = readDomain(text);
  const tenant = await uncached(parts).find(domain);
  if (!tenant) throw new Refusal(`there is no tenant '${domain}'; add it with: skylark tenant add ${domain}`);
  return tenant;
}

async function readAccount(parts: Parts, given: Arguments): Promise<{ jid: Jid; tenant: Tenant }> {
  const text = required(given, 'jid');
  const jid = parseAccount(text);
  const tenant = await readTenant(parts, jid.domain);
  if (prepareName(jid.local, tenant) === undefined) throw new Refusal(`'${text}' is too long for an account`);
  return { jid, tenant };
}

function parseAccount(text: string): Jid {
  const jid = Jid.tryParse(text);
  if (jid && jid.local !== '' && jid.isBare) return jid;
  throw new Refusal(`'${text}' is no address of an account, such as juliet@example.org`);
}

/** As many that no two accounts ever get the same. */
const incarnationBytes = 9;

function noAccount(jid: Jid): Refusal {
  return new Refusal(`there is no account '${jid}'; add it with: skylark user add ${jid}`);
}

/** @param network of whoever registers for himself: his share of the work, and no look-alikes. @throws {InvalidPassword} @throws {Overloaded} */
export async function addAccount(
  parts: Parts,
  tenant: Tenant,
  local: string,
  password: string,
  network?: string,
): Promise<'added' | 'exists' | 'alike' | 'leaving'> {
  const { store, clock } = parts;
  const { domain } = tenant;
  const name = removalName(tenant, local);
  if (await findAccount(store, domain, local)) return 'exists';
  if (await findRemoval(store, name)) return 'leaving';
  const scram = await deriveKeys(password, clock, (work) =>
    parts.shares.newPasswords.run([domain, network ?? 'operators'], work),
  );
  const incarnation = clock.randomBytes(incarnationBytes).toString('base64url');
  try {
    const row = { createdAt: new Date(clock.now()).toISOString(), incarnation, scram };
    await createAccount(store, domain, local, row, { isUnlikeOthers: network !== undefined });
  } catch (error) {
    if (error instanceof Conflict) return 'exists';
    if (error instanceof LookTaken) return 'alike';
    throw error;
  }
  // A removal that ran meanwhile may have taken the new row along, or still be about to.
  const isLeaving = (await findRemoval(store, name)) ?? (await findRemoval(store, domain));
  if (!isLeaving && (await findAccount(store, domain, local))?.incarnation === incarnation) return 'added';
  await deleteAccountRow(store, domain, local);
  await unlistAccount(store, domain, local);
  return 'leaving';
}
