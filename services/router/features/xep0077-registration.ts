/**
 * XEP-0077: In-Band Registration of accounts of the tenant's domain, before and after SASL.
 *
 * The tenant's policy says whether anybody may register, here or on a web page (§5), or only who has an invite (XEP-0445). An account can
 * always be removed. Left out: a key (§3.1.1), and fields besides the name and the password.
 */
import { networkOf } from '../../../lib/runtime/networks.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { findForm, isCancelled, readSubmission, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, type StanzaErrorCondition, StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { checked, NotRegistered, type Refused, register as registerAccount } from '../accounts/register.ts';
import type { Account } from '../core/account.ts';
import { accounts } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import { errorWith, isAnswerable, resultWith } from '../core/replies.ts';
import { isLastOwner } from '../core/roles.ts';
import type { Invite } from '../invites/invites.ts';
import { leave } from '../removal/leaving.ts';
import { removalsOf } from '../removal/removals.ts';
import { prepareName } from '../sasl/credentials.ts';
import { deriveKeys, type Queued } from '../sasl/passwords.ts';

const ns = 'jabber:iq:register';
const featureNs = 'http://jabber.org/features/iq-register';
const NS_OOB = 'jabber:x:oob';

export const registration: AccountFeature = {
  spec: 'XEP-0077',
  version: '2.4',
  title: 'In-Band Registration',
  note: 'user name and password, as fields or as a data form; names of operators and look-alikes of others are not given out; no key; in place of XEP-0158, a web address',
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
 * The child of `<stream:features/>` before SASL (§8). It is '' if nobody can register, with an invite or without, and without TLS, because a
 * password is sent.
 */
export function registerStreamFeature({ policy }: Tenant, { secure }: { readonly secure: boolean }): string {
  const isPossible = policy.registration !== 'closed' || policy.invites !== 'nobody';
  return secure && isPossible ? xml('register', { xmlns: featureNs }).toString() : '';
}

/** What is known of a stream that registers. */
export interface Registering {
  /** The client's network address. */
  readonly address?: string | undefined;
  /** The invite that it has shown (XEP-0445). */
  readonly invite?: ShownInvite | undefined;
}

export interface ShownInvite {
  readonly id: string;
  readonly invite: Pick<Invite, 'name'>;
}

/**
 * Handles an iq of a stream that has not signed in. The caller has checked that the stream uses TLS.
 * @returns the answer; '' if the iq needs none
 * @throws {Unavailable} if the store cannot be reached; the iq may be handled again
 */
export async function registerBeforeAuth(
  dependencies: Dependencies,
  tenant: Tenant,
  iq: Stanza,
  stream: Registering = {},
): Promise<string> {
  if (!isAnswerable(iq)) return '';
  const addresses = { from: iq.attributes.to };
  try {
    return resultWith(iq, addresses, await register(dependencies, tenant, iq, stream)).toString();
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    return errorWith(iq, addresses, error).toString();
  }
}

/** Registers an account, or tells which fields are needed (§3.1). */
async function register(
  dependencies: Dependencies,
  tenant: Tenant,
  iq: Stanza,
  { address = '', invite }: Registering,
): Promise<Element | undefined> {
  const query = iq.child('query', ns);
  if (iq.id === undefined || (iq.type !== 'get' && iq.type !== 'set') || iq.children.length !== 1 || !query) {
    throw new StanzaError('bad-request', 'a registration needs an id, a type of get or set, and one child');
  }
  if (iq.to && iq.to.toString() !== tenant.domain)
    throw new StanzaError('not-allowed', `before you sign in, only ${tenant.domain} answers`);
  if (query.getChild('remove', ns))
    throw new StanzaError('unexpected-request', 'sign in to remove your account', { type: 'auth' });
  const { registration, registrationUrl } = tenant.policy;
  const isOpen = registration === 'open' || invite !== undefined;
  if (!isOpen && registration === 'web' && registrationUrl !== '' && iq.type === 'get') return redirection(registrationUrl);
  if (!isOpen) throw new StanzaError('not-allowed', `registration at ${tenant.domain} is closed`);
  if (iq.type === 'get') return form(tenant, invite?.invite.name);
  const fields = readRegistration(query);
  if (fields !== undefined) {
    await translated(() => registerAccount(dependencies, tenant, { ...fields, network: networkOf(address), invite }));
  }
  return undefined;
}

/** §5: where people make accounts instead. */
function redirection(url: string): Element {
  const instructions = `To make an account, visit ${url}`;
  return xml('query', { xmlns: ns }, xml('instructions', {}, instructions), xml('x', { xmlns: NS_OOB }, xml('url', {}, url)));
}

/** §4: clients that know no data forms read the fields beside it. */
function form(tenant: Tenant, name: string | undefined): Element {
  const instructions = `Choose a user name and a password for your account at ${tenant.domain}.`;
  return xml(
    'query',
    { xmlns: ns },
    xml('instructions', {}, instructions),
    xml('username', {}, name),
    xml('password'),
    renderForm({
      ...{ type: 'form', formType: ns, title: instructions },
      fields: [
        {
          var: 'username',
          type: 'text-single',
          label: 'User name',
          isRequired: true,
          ...(name !== undefined && { values: [name] }),
        },
        { var: 'password', type: 'text-private', label: 'Password', isRequired: true },
      ],
    }),
  );
}

/** @returns undefined when the form was cancelled: nothing is to be done. @throws {StanzaError} */
function readRegistration(query: Element): ReturnType<typeof readFields> | undefined {
  const submitted = findForm(query);
  if (submitted === undefined) return readFields(query);
  if (isCancelled(submitted)) return undefined;
  const submission = readSubmission(submitted, { formType: ns });
  return { username: submission.get('username')?.text() ?? null, password: submission.get('password')?.text() ?? null };
}

function readFields(query: Element) {
  return { username: query.getChildText('username', ns), password: query.getChildText('password', ns) };
}

const conditions: Readonly<Record<Refused, StanzaErrorCondition>> = {
  name: 'not-acceptable',
  password: 'not-acceptable',
  taken: 'conflict',
  link: 'item-not-found',
  busy: 'resource-constraint',
  full: 'resource-constraint',
};

/** @throws {StanzaError} for what is not registered */
async function translated<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NotRegistered) throw new StanzaError(conditions[error.reason], error.message);
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
  if (request.getChild('remove', ns)) await remove(request, account);
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
  const scram = await translated(() => checked(() => deriveKeys(password, clock, queued)));
  const row = await account.update(accounts, '', (there) => there && { ...there, scram });
  if (row === undefined) throw new StanzaError('registration-required');
}

/**
 * Removes the account (§3.2). The result is sent, and then all streams of the account end. There may be many rows, so they are
 * erased after the answer, or when the time is over that the tenant gives to think it over. The name stays taken until that is done and until nobody grants anything to the address any more.
 */
async function remove(request: Element, { turn, tenant, local, session }: Account): Promise<void> {
  const { dependencies } = turn;
  if (request.getChildElements().length !== 1) throw new StanzaError('bad-request', '<remove/> must be the only child');
  if (await isLastOwner(dependencies.store, tenant.domain, local))
    throw new StanzaError('not-allowed', 'you are the last owner of this domain; make somebody else an owner first');
  turn.amongDeliveries(async () => {
    if (tenant.policy.removalGraceDays > 0) await leave(dependencies, tenant, local, session);
    else await removalsOf(dependencies).endAccount(tenant, local, session);
    throw new StreamError('not-authorized', 'the account was removed');
  });
}
