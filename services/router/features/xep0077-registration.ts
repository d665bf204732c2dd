/**
 * XEP-0077: In-Band Registration of accounts of the tenant's domain, before and after SASL.
 *
 * Left out: data forms and redirection (§4, §5). The tenant's policy says whether anybody may register. An account can always be
 * removed.
 */
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { networkOf } from '../../../lib/runtime/networks.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import { mixesScripts } from '../../../lib/xmpp/look-alike.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { addAccount } from '../accounts/add-account.ts';
import type { Account } from '../core/account.ts';
import { accounts } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import { errorWith, isAnswerable, resultWith } from '../core/replies.ts';
import { isReserved } from '../core/reserved-names.ts';
import { removalsOf } from '../removal/removals.ts';
import { prepareName } from '../sasl/credentials.ts';
import { deriveKeys, InvalidPassword, type Queued } from '../sasl/passwords.ts';

const ns = 'jabber:iq:register';
const featureNs = 'http://jabber.org/features/iq-register';

export const registration: AccountFeature = {
  spec: 'XEP-0077',
  version: '2.4',
  title: 'In-Band Registration',
  note: 'User name and password only; no data forms. Names of operators and look-alikes of others are not given out.',
  disco: { host: [ns] },
  iq: [
    { type: 'get', ns, name: 'query', to: 'self', handle: (_request, account) => describe(account) },
    { type: 'set', ns, name: 'query', to: 'self', handle: change },
  ],
  hostIq: [
    { type: 'get', ns, name: 'query', handle: (_request, host) => describe(askerOf(host)) },
    { type: 'set', ns, name: 'query', handle: (request, host) => change(request, askerOf(host)) },
  ],
};

/**
 * The child of `<stream:features/>` before SASL (§8). It is '' if the tenant's registration is closed, and without TLS, because a
 * password is sent.
 */
export function registerStreamFeature(tenant: Tenant, { secure }: { readonly secure: boolean }): string {
  return secure && tenant.policy.registration === 'open' ? xml('register', { xmlns: featureNs }).toString() : '';
}

/**
 * Handles an iq of a stream that has not signed in. The caller has checked that the stream uses TLS.
 * @param address the client's network address
 * @returns the answer; '' if the iq needs none
 * @throws {Unavailable} if the store cannot be reached; the iq may be handled again
 */
export async function registerBeforeAuth(dependencies: Dependencies, tenant: Tenant, iq: Stanza, address = ''): Promise<string> {
  if (!isAnswerable(iq)) return '';
  const addresses = { from: iq.attributes.to };
  try {
    return resultWith(iq, addresses, await register(dependencies, tenant, iq, networkOf(address))).toString();
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    return errorWith(iq, addresses, error).toString();
  }
}

/** Registers an account, or tells which fields are needed (§3.1). */
async function register(dependencies: Dependencies, tenant: Tenant, iq: Stanza, network: string): Promise<Element | undefined> {
  const query = iq.child('query', ns);
  if (iq.id === undefined || (iq.type !== 'get' && iq.type !== 'set') || iq.children.length !== 1 || !query) {
    throw new StanzaError('bad-request', 'a registration needs an id, a type of get or set, and one child');
  }
  if (iq.to && iq.to.toString() !== tenant.domain)
    throw new StanzaError('not-allowed', `before you sign in, only ${tenant.domain} answers`);
  if (query.getChild('remove', ns))
    throw new StanzaError('unexpected-request', 'sign in to remove your account', { type: 'auth' });
  if (tenant.policy.registration !== 'open') throw new StanzaError('not-allowed', `registration at ${tenant.domain} is closed`);
  if (iq.type === 'get') return form(tenant);
  await createFrom(dependencies, tenant, query, network);
  return undefined;
}

function form(tenant: Tenant): Element {
  const instructions = `Choose a user name and a password for your account at ${tenant.domain}.`;
  return xml('query', { xmlns: ns }, xml('instructions', {}, instructions), xml('username'), xml('password'));
}

async function createFrom(dependencies: Dependencies, tenant: Tenant, query: Element, network: string): Promise<void> {
  const { username, password } = readFields(query);
  if (!username || !password) throw new StanzaError('not-acceptable', 'a user name and a password are required');
  const local = prepareName(username, tenant);
  if (local === undefined) throw new StanzaError('not-acceptable', `'${username.slice(0, 64)}' cannot be a user name`);
  if (isReserved(local))
    throw new StanzaError('not-acceptable', `'${local}' is reserved; only an operator can add such an account`);
  if (mixesScripts(local)) throw new StanzaError('not-acceptable', 'a user name must not mix letters of several scripts');
  if (dependencies.store.isShort)
    throw new StanzaError('resource-constraint', 'the server cannot store new accounts now; try again later');
  if (!dependencies.shares.mayRegister(tenant.domain, network)) {
    throw new StanzaError('resource-constraint', `too many accounts are being made at ${tenant.domain}; try again in a moment`);
  }
  const outcome = await checked(() => addAccount(dependencies, tenant, local, password, network));
  if (outcome === 'alike') throw new StanzaError('conflict', `'${local}' looks like a name that is taken`);
  if (outcome === 'leaving') throw new StanzaError('conflict', 'this address is being removed; it is free again in a while');
  if (outcome !== 'added') throw new StanzaError('conflict', `'${local}' is taken`);
}

function readFields(query: Element) {
  return { username: query.getChildText('username', ns), password: query.getChildText('password', ns) };
}

/** Translates the errors of deriving keys into stanza errors. */
async function checked<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InvalidPassword) throw new StanzaError('not-acceptable', error.message);
    if (error instanceof Overloaded) throw new StanzaError('resource-constraint', 'too many requests; try again in a moment');
    throw error;
  }
}

/** The account that asks. Most clients send their request to the domain (§3.2, §3.3). */
function askerOf({ account }: HostContext): Account {
  if (!account?.session) throw new StanzaError('not-allowed', 'only an account of this domain can be changed here');
  return account;
}

/** The answer for somebody who has an account (§3.1). */
function describe(account: Account): Element {
  return xml('query', { xmlns: ns }, xml('registered'), xml('username', {}, account.local), xml('password'));
}

async function change(request: Element, account: Account): Promise<undefined> {
  if (request.getChild('remove', ns)) remove(request, account);
  else await changePassword(request, account);
}

/** Changes the password (§3.3). */
async function changePassword(request: Element, account: Account): Promise<void> {
  const { tenant, local } = account;
  const { username, password } = readFields(request);
  if (username === null || password === null) throw new StanzaError('bad-request', 'a user name and a password are required');
  if (prepareName(username, tenant) !== local) throw new StanzaError('not-allowed', 'you can change only your own password');
  const { clock, shares } = account.turn.dependencies;
  const queued: Queued = (work) => shares.newPasswords.run([tenant.domain, `account ${local}`], work);
  const scram = await checked(() => deriveKeys(password, clock, queued));
  const row = await account.update(accounts, '', (there) => there && { ...there, scram });
  if (row === undefined) throw new StanzaError('registration-required');
}

/**
 * Removes the account (§3.2). The result is sent, and then all streams of the account end. There may be many rows, so they are
 * erased after the answer. The name stays taken until that is done and until nobody grants anything to the address any more.
 */
function remove(request: Element, { turn, tenant, local, session }: Account): void {
  const { dependencies } = turn;
  if (request.getChildElements().length !== 1) throw new StanzaError('bad-request', '<remove/> must be the only child');
  turn.amongDeliveries(async () => {
    await removalsOf(dependencies).endAccount(tenant, local, session);
    throw new StreamError('not-authorized', 'the account was removed');
  });
}
