/**
 * Who is in the console: somebody with a role who has signed in with the password of the account, or an operator with a link from the machine
 * of the service, who owns the deployment. Whatever they ask for is an operation, for which session and role are looked up again.
 */
import { appendAudit } from '../../../lib/runtime/audit.ts';
import {
  beginSession,
  type ConsoleSession,
  endConsoleSession,
  findSession,
  isProven,
  proveSession,
  type SessionAccount,
  takeLink,
} from '../../../lib/runtime/console-sessions.ts';
import type { ConsoleIdentity, ConsoleReply, ConsoleRequest } from '../../../lib/runtime/console-wire.ts';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { type Held, isDeploymentRole, type Right, rightsOf } from '../../../lib/runtime/rights.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { heldBy, listHolder } from '../core/roles.ts';
import { TooManyGuesses } from '../sasl/guesses.ts';
import { checkPlain } from '../sasl/plain.ts';
import { passwordMark } from '../sasl/tokens.ts';
import { uncached } from './inputs.ts';

/** A session that is good now. */
export interface FoundSession {
  readonly session: ConsoleSession;
  /** As the audit log names its holder. */
  readonly name: string;
  /** The only tenant; absent: the whole deployment. */
  readonly domain: string | undefined;
  readonly rights: readonly Right[];
  readonly isProven: boolean;
}

/** Only operators on the machine of the service can make links. */
const byLink: Held = { role: 'deployment-owner' };

/** @returns undefined when it has ended: by time, or with the account, its password, its role or its tenant. @throws {Unavailable} */
export async function findConsoleSession(dependencies: Dependencies, digest: string): Promise<FoundSession | undefined> {
  const session = await findSession(dependencies, digest);
  const held = session && (await heldIn(dependencies, session));
  if (session === undefined || held === undefined || held.role === 'none') return undefined;
  const { account } = session;
  return {
    session,
    name: account === undefined ? `console ${digest.slice(0, 8)}` : `${Jid.of(account.local, account.domain)}`,
    domain: isDeploymentRole(held.role) ? undefined : account?.domain,
    rights: rightsOf(held),
    isProven: isProven(session, dependencies.clock),
  };
}

/** What the holder of a session has now; undefined when the session has ended. */
async function heldIn(dependencies: Dependencies, { account: holder }: ConsoleSession): Promise<Held | undefined> {
  if (holder === undefined) return byLink;
  const { domain, local } = holder;
  const [tenant, account, held] = await Promise.all([
    uncached(dependencies).find(domain),
    findAccount(dependencies.store, domain, local),
    heldBy(dependencies.store, domain, local),
  ]);
  const isSame =
    tenant?.createdAt === holder.tenantSince &&
    account !== undefined &&
    account.isDisabled !== true &&
    account.incarnation === holder.incarnation &&
    passwordMark(account) === holder.password;
  return isSame ? held : undefined;
}

/** @throws {Unavailable} */
export async function answerConsole(dependencies: Dependencies, request: ConsoleRequest): Promise<ConsoleReply> {
  const { verb, session } = request;
  if (verb === 'leave') {
    await endConsoleSession(dependencies, session);
    return {};
  }
  if (verb === 'look') return { who: identityOf(await findConsoleSession(dependencies, session)) };
  try {
    return verb === 'enter' ? await enter(dependencies, request) : await prove(dependencies, request);
  } catch (error) {
    if (error instanceof TooManyGuesses || error instanceof Overloaded) return { error: 'busy' };
    if (error instanceof SaslFailure) return { error: 'wrong' };
    throw error;
  }
}

function identityOf(found: FoundSession | undefined): ConsoleIdentity | undefined {
  if (found === undefined) return undefined;
  const { session, name, domain, rights, isProven } = found;
  return { name, domain, rights, isAccount: session.account !== undefined, isProven, expiresMs: session.expiresMs };
}

/** @throws {SaslFailure} */
async function enter(dependencies: Dependencies, request: ConsoleRequest): Promise<ConsoleReply> {
  const { session, link, address } = request;
  if (link !== undefined) {
    if (!(await takeLink(dependencies, link))) return { error: 'link' };
    await beginSession(dependencies, session, undefined);
  } else {
    const account = await signIn(dependencies, request);
    if (account === undefined) return { error: 'wrong' };
    await beginSession(dependencies, session, account);
  }
  const found = await findConsoleSession(dependencies, session);
  if (found === undefined) return { error: 'wrong' };
  const facts = { by: found.name, address, operation: 'console-enter', input: {}, outcome: 'done' };
  await appendAudit(dependencies, found.domain, facts);
  return { who: identityOf(found) };
}

/** Whoever is in already shows it again. @throws {SaslFailure} */
async function prove(dependencies: Dependencies, request: ConsoleRequest): Promise<ConsoleReply> {
  const found = await findConsoleSession(dependencies, request.session);
  if (found === undefined) return {};
  const { account } = found.session;
  if (account === undefined) {
    if (request.link === undefined || !(await takeLink(dependencies, request.link))) return { error: 'link' };
  } else {
    const jid = `${Jid.of(account.local, account.domain)}`;
    if ((await signIn(dependencies, { ...request, jid })) === undefined) return { error: 'wrong' };
  }
  await proveSession(dependencies, request.session);
  return { who: identityOf(await findConsoleSession(dependencies, request.session)) };
}

/**
 * Checks a password as a sign-in by SASL is checked, with the same bounds on guessing.
 * @returns undefined when there is no such account, or it has no role: nobody is told which. Whoever owns a tenant says how its people sign in, so
 *   a role over the deployment is had by a password that is kept here alone
 * @throws {SaslFailure} when the password is wrong
 */
async function signIn(
  dependencies: Dependencies,
  { jid: given = '', password = '', address }: ConsoleRequest,
): Promise<SessionAccount | undefined> {
  const jid = Jid.tryParse(given);
  const tenant = jid && jid.local !== '' && jid.isBare ? await uncached(dependencies).find(jid.domain) : undefined;
  if (jid === undefined || tenant === undefined) return undefined;
  const { local, incarnation, way } = await checkPlain(dependencies, tenant, `\0${jid.local}\0${password}`, {
    address,
    from: undefined,
  });
  const account = await findAccount(dependencies.store, tenant.domain, local);
  const held = await heldBy(dependencies.store, tenant.domain, local);
  const { role } = held;
  if (account === undefined || role === 'none' || (isDeploymentRole(role) && way !== undefined)) return undefined;
  await listHolder(dependencies.store, { domain: tenant.domain, local }, held, account.createdAt);
  return { domain: tenant.domain, local, tenantSince: tenant.createdAt, incarnation, password: passwordMark(account) };
}
