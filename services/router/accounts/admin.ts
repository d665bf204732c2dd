/**
 * What operators ask for (command line, console), and the making and removing of accounts, which XEP-0077 shares.
 *
 * Errors are sentences for people that quote the value and say what to do.
 */
import { limits } from '../../../lib/limits.ts';
import { sleep } from '../../../lib/ports/clock.ts';
import { Conflict, type Store, type Table } from '../../../lib/ports/store.ts';
import { Certificates } from '../../../lib/runtime/certificates.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { readSessions } from '../../../lib/runtime/sessions.ts';
import { roomsDomain, type Tenant, type TenantPolicy, Tenants, uploadsDomain } from '../../../lib/runtime/tenants.ts';
import type { AdminReply, AdminRequest } from '../../../lib/runtime/wire.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Account } from '../core/account.ts';
import { createAccount, deleteAccountRow, findAccount, LookTaken, listAccounts, setCredentials } from '../core/accounts.ts';
import type { Parts } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { prepareName } from '../sasl/credentials.ts';
import { deriveKeys, InvalidPassword } from '../sasl/passwords.ts';
import { closeStream, endSession } from '../sessions/bind.ts';
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
      `the last account '${jid}' is still being removed; if this lasts, finish it with: skylark user remove ${jid}`,
    );
  }
  return { jid: `${jid}` };
}

async function removeUser(parts: Parts, given: Arguments) {
  const { jid, tenant } = await readAccount(parts, given);
  if (!(await removeAccount(parts, tenant, jid.local))) throw noAccount(jid);
  return { jid: `${jid}` };
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
  try {
    const tenant = await parts.tenants.add(domain, policy);
    return describe(tenant);
  } catch (error) {
    if (error instanceof Conflict) throw new Refusal(`there is a tenant '${domain}' already`);
    throw error;
  }
}

async function removeTenant(parts: Parts, given: Arguments) {
  const tenant = await readTenant(parts, required(given, 'domain'));
  const { domain } = tenant;
  const [local] = await listAccounts(parts.store, domain, 1);
  if (local !== undefined && given.force !== 'yes') {
    const example = Jid.of(local, domain);
    throw new Refusal(
      `tenant '${domain}' has accounts, such as '${example}'; remove them with it by: skylark tenant remove ${domain} --force`,
    );
  }
  await removeAccounts(parts, tenant);
  await parts.tenants.remove(domain);
  await sleep(parts.clock, limits.tenantCacheMs); // until then other routers may still make accounts in it
  await removeAccounts(parts, tenant);
  await new Certificates(parts.store).remove(domain);
  for (const rows of [Rows.ofTenant(parts.store, domain), Rows.ofCertificate(parts.store, domain)]) {
    await erase(parts.store, rows.partition);
  }
  return { domain };
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

function noAccount(jid: Jid): Refusal {
  return new Refusal(`there is no account '${jid}'; add it with: skylark user add ${jid}`);
}

/** Names whose last account is not erased entirely: nobody may take one over, with what is left. */
const leaving = collection<{ since: string }>('leaving', 'tenant');

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
  const marks = Rows.ofTenant(store, domain);
  if (await findAccount(store, domain, local)) return 'exists';
  if (await marks.get(leaving, local)) return 'leaving';
  const scram = await deriveKeys(password, clock, (work) =>
    parts.shares.newPasswords.run([domain, network ?? 'operators'], work),
  );
  try {
    const row = { createdAt: new Date(clock.now()).toISOString(), scram };
    await createAccount(store, domain, local, row, { isUnlikeOthers: network !== undefined });
  } catch (error) {
    if (error instanceof Conflict) return 'exists';
    if (error instanceof LookTaken) return 'alike';
    throw error;
  }
  // A removal that ran meanwhile may have taken the new row along, or still be about to.
  if (!(await marks.get(leaving, local)) && (await findAccount(store, domain, local))) return 'added';
  await deleteAccountRow(store, domain, local);
  return 'leaving';
}

/** Does again what a removal that broke off has left. @returns whether there was anything to remove */
export async function removeAccount(parts: Parts, tenant: Tenant, local: string): Promise<boolean> {
  const wasThere = await endAccount(parts, tenant, local);
  if (wasThere) await eraseAccount(parts, tenant, local);
  return wasThere;
}

/**
 * Nobody can sign in to the account from here on; its sessions end and those who know it are told. Its rows stay until
 * {@link eraseAccount}, and its name stays taken.
 * @param own the session that asks for it: its stream is left for the caller to close
 */
export async function endAccount(parts: Parts, tenant: Tenant, local: string, own?: { readonly sid: string }): Promise<boolean> {
  const { store, clock } = parts;
  const { domain } = tenant;
  const marks = Rows.ofTenant(store, domain);
  const isThere = (await findAccount(store, domain, local)) !== undefined || (await marks.get(leaving, local)) !== undefined;
  if (isThere) await marks.put(leaving, local, { since: new Date(clock.now()).toISOString() });
  await deleteAccountRow(store, domain, local); // also an entry of the directory that has no account
  if (!isThere) return false;
  const [sessions = []] = await readSessions(store, [{ domain, local }]);
  const others = sessions.filter(({ sid }) => sid !== own?.sid);
  await Promise.all(others.map((entry) => closeStream(parts, entry, 'not-authorized', 'the account was removed')));
  for (const entry of sessions) await endSession(parts, tenant, local, entry);
  const turn = new Turn(parts);
  const account = new Account(turn, tenant, local);
  for (const feature of parts.features.all) await feature.removed?.(account);
  await turn.finish();
  return true;
}

/** After {@link endAccount}: the rest of its rows, then the mark that keeps its name taken. */
export async function eraseAccount(parts: Parts, tenant: Tenant, local: string): Promise<void> {
  const { store } = parts;
  await erase(store, Rows.ofAccount(store, tenant.domain, local).partition);
  await Rows.ofTenant(store, tenant.domain).delete(leaving, local);
}

/** All accounts of a tenant, and what broken-off removals have left. Each round makes the lists shorter. */
async function removeAccounts(parts: Parts, tenant: Tenant): Promise<void> {
  const { store } = parts;
  for (;;) {
    const locals = await listAccounts(store, tenant.domain, limits.adminPageMax);
    const marks = await Rows.ofTenant(store, tenant.domain).list(leaving, { limit: limits.adminPageMax });
    if (locals.length === 0 && marks.length === 0) return;
    for (const local of new Set([...locals, ...marks.map(({ key }) => key)])) await removeAccount(parts, tenant, local);
  }
}

const tables: readonly Table[] = ['core', 'archive', 'live'];

async function erase(store: Store, partition: string): Promise<void> {
  for (const table of tables) {
    for (let after: string | undefined; ; ) {
      const rows = await store.query({ table, partition, after, limit: limits.eraseRowsMax, consistent: true });
      await Promise.all(rows.map(({ sort }) => store.delete({ table, partition, sort })));
      if (rows.length === 0) break;
      after = rows.at(-1)!.sort;
    }
  }
}
