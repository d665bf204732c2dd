/**
 * Who is in the console: an admin of a tenant who has signed in with the password of the account, or an operator with a link from the machine
 * of the service. Whatever they ask for is an operation, for which the session is looked up again.
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
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { roleOf } from '../core/roles.ts';
import { TooManyGuesses } from '../sasl/guesses.ts';
import { checkPlain } from '../sasl/plain.ts';
import { passwordMark } from '../sasl/tokens.ts';
import { uncached } from './inputs.ts';

/** A session that is good now. */
export interface FoundSession {
  readonly session: ConsoleSession;
  /** As the audit log names its holder. */
  readonly name: string;
  readonly isProven: boolean;
}

/** @returns undefined when it has ended: by time, or with the account, its password, its role or its tenant. @throws {Unavailable} */
export async function findConsoleSession(dependencies: Dependencies, digest: string): Promise<FoundSession | undefined> {
  const session = await findSession(dependencies, digest);
  if (session === undefined || !(await isStillAdmin(dependencies, session))) return undefined;
  const { account } = session;
  const name = account === undefined ? `console ${digest.slice(0, 8)}` : `${Jid.of(account.local, account.domain)}`;
  return { session, name, isProven: isProven(session, dependencies.clock) };
}

async function isStillAdmin(dependencies: Dependencies, { account: holder }: ConsoleSession): Promise<boolean> {
  if (holder === undefined) return true;
  const { domain, local } = holder;
  const [tenant, account, role] = await Promise.all([
    uncached(dependencies).find(domain),
    findAccount(dependencies.store, domain, local),
    roleOf(dependencies.store, domain, local),
  ]);
  return (
    role === 'admin' &&
    tenant?.createdAt === holder.tenantSince &&
    account !== undefined &&
    account.isDisabled !== true &&
    account.incarnation === holder.incarnation &&
    passwordMark(account) === holder.password
  );
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
  const { session, name, isProven } = found;
  return { name, domain: session.account?.domain, isProven, expiresMs: session.expiresMs };
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
  await appendAudit(dependencies, found.session.account?.domain, facts);
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
 * @returns undefined when there is no such account, or it is not an admin: nobody is told which
 * @throws {SaslFailure} when the password is wrong
 */
async function signIn(
  dependencies: Dependencies,
  { jid: given = '', password = '', address }: ConsoleRequest,
): Promise<SessionAccount | undefined> {
  const jid = Jid.tryParse(given);
  const tenant = jid && jid.local !== '' && jid.isBare ? await uncached(dependencies).find(jid.domain) : undefined;
  if (jid === undefined || tenant === undefined) return undefined;
  const { local, incarnation } = await checkPlain(dependencies, tenant, `\0${jid.local}\0${password}`, {
    address,
    from: undefined,
  });
  const account = await findAccount(dependencies.store, tenant.domain, local);
  const role = await roleOf(dependencies.store, tenant.domain, local);
  if (account === undefined || role !== 'admin') return undefined;
  return { domain: tenant.domain, local, tenantSince: tenant.createdAt, incarnation, password: passwordMark(account) };
}
