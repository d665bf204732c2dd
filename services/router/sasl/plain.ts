/**
 * PLAIN (RFC 4616), for clients without SCRAM, and for passwords that the tenant's own systems know. It is offered only with TLS.
 *
 * First comes the password that the tenant keeps, and then its systems are asked. Where one of these cannot be asked and none says yes, nobody
 * knows, and nobody is let in.
 */
import { appendAudit } from '../../../lib/runtime/audit.ts';
import { networkOf } from '../../../lib/runtime/networks.ts';
import type { SignInWay } from '../../../lib/runtime/policy/sign-in.ts';
import type { Role } from '../../../lib/runtime/rights.ts';
import { isSameSecret } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { heldBy, RoleRefused, setRole } from '../core/roles.ts';
import { findCredentials, readName, type SignedIn, signedIn } from './credentials.ts';
import { accountOf } from './first-sign-in.ts';
import { checkGuess } from './guesses.ts';
import { askAboutToken } from './introspection.ts';
import { looksLikeJwt } from './jwt.ts';
import { deriveKeysWith, InvalidPassword, preparePassword } from './passwords.ts';
import { type PasswordAttempt, type Vouched, type VouchedRole, vouchedRoles } from './vouching.ts';
import { askWebhook } from './webhook.ts';

/** @returns what the message says if its password is a token (jwt.ts); undefined for any other */
export function readPlainToken(message: string): { name: string; authzid: string | undefined; token: string } | undefined {
  const [authzid, name, token, ...more] = message.split('\0');
  return name && token && more.length === 0 && looksLikeJwt(token) ? { name, authzid, token } : undefined;
}

type Vouch = (dependencies: Dependencies, attempt: PasswordAttempt) => Promise<Vouched | undefined>;

/** Systems of the tenant. They are asked together, so that one which is slow does not use up the time of another. */
const foreign: readonly (readonly [SignInWay, Vouch])[] = [
  ['webhook', askWebhook],
  // Imported only here, because most services have no tenant with LDAP, and its client is large.
  ['ldap', async (dependencies, attempt) => (await import('./ldap.ts')).askLdap(dependencies, attempt)],
  ['oauth', askAboutToken],
];

/** A system has said that the password is wrong. */
class NotVouched extends Error {
  override name = 'NotVouched';
}

/** Checks a password. @param message `[authzid] NUL authcid NUL passwd`. @throws {SaslFailure} @throws {Overloaded} */
export async function checkPlain(
  dependencies: Dependencies,
  tenant: Tenant,
  message: string,
  { address, from }: { readonly address: string; readonly from: string | undefined },
): Promise<SignedIn> {
  const [authzid, authcid, password, ...more] = message.split('\0');
  if (!authcid || !password || more.length > 0) {
    throw new SaslFailure('malformed-request', 'the message is not authzid NUL authcid NUL passwd');
  }
  const local = readName({ name: authcid, authzid, from }, tenant);
  let vouched: Vouched | undefined;
  await checkGuess(dependencies, { tenant, local, address }, async () => {
    vouched = await vouch(dependencies, { tenant, local, address, password });
    return vouched !== undefined;
  });
  return letIn(dependencies, tenant, vouched!, { authzid, from });
}

/** @throws {SaslFailure} temporary-auth-failure when somebody cannot be asked, and nobody else says yes */
async function vouch(dependencies: Dependencies, attempt: PasswordAttempt): Promise<Vouched | undefined> {
  const ways = attempt.tenant.policy.signIn;
  const kept = ways.includes('password') ? await checkKept(dependencies, attempt) : undefined;
  const asked = kept === undefined ? foreign.filter(([way]) => ways.includes(way)) : [];
  if (asked.length === 0) return kept;
  try {
    return await Promise.any(asked.map(([, ask]) => orNotVouched(ask(dependencies, attempt))));
  } catch (error) {
    const failures = (error as AggregateError).errors as readonly Error[];
    const worst =
      failures.find((one) => !(one instanceof NotVouched || one instanceof SaslFailure)) ??
      failures.find((one) => one instanceof SaslFailure);
    if (worst !== undefined) throw worst;
    return undefined;
  }
}

/** @throws {NotVouched} */
async function orNotVouched(asking: Promise<Vouched | undefined>): Promise<Vouched> {
  const vouched = await asking;
  if (vouched === undefined) throw new NotVouched();
  return vouched;
}

/** @throws {SaslFailure} */
async function letIn(
  dependencies: Dependencies,
  tenant: Tenant,
  { way, local, role, untilMs, account }: Vouched,
  { authzid, from }: { readonly authzid: string | undefined; readonly from: string | undefined },
): Promise<SignedIn> {
  readName({ name: local, authzid, from }, tenant); // the account may be another than the name that was typed
  const person = signedIn(local, account ?? (await accountOf(dependencies, tenant, local)));
  if (role !== undefined) await takeRole(dependencies, tenant, local, role);
  return way === 'password' ? person : { ...person, way, untilMs };
}

/** A tenant's system gives and takes the roles of its people, but never that of an owner or an operator. */
async function takeRole(
  { store, clock, log }: Dependencies,
  { domain }: Tenant,
  local: string,
  role: VouchedRole,
): Promise<void> {
  const held = await heldBy(store, domain, local);
  if (held.role === role || !(vouchedRoles as readonly Role[]).includes(held.role)) return;
  try {
    const since = new Date(clock.timeOfDay()).toISOString();
    const next = { role, ...(role !== 'none' && held.hasContent && { hasContent: true }) };
    const before = await setRole(store, { domain, local, since }, next);
    const input = { jid: `${Jid.of(local, domain)}`, role };
    const change = { before, after: next };
    await appendAudit({ store, clock }, domain, { by: 'webhook', operation: 'user-role', input, outcome: 'done', change });
  } catch (error) {
    if (!(error instanceof RoleRefused)) throw error;
    log.warn({ domain, account: local, role, reason: error.message }, 'a role from a webhook was not given');
  }
}

/** Compares with the password that the tenant keeps. */
async function checkKept(dependencies: Dependencies, attempt: PasswordAttempt): Promise<Vouched | undefined> {
  const { tenant, local, address, password } = attempt;
  const { keys, hash, account } = await findCredentials(dependencies, tenant, local, 'SHA-256', 'SHA-512', 'SHA-1');
  const prepared = prepare(password);
  if (prepared === undefined) return undefined;
  const path = [tenant.domain, networkOf(address), local];
  const derived = await dependencies.shares.passwords.run(path, () =>
    deriveKeysWith(prepared, Buffer.from(keys.salt, 'base64'), keys.iterations, hash),
  );
  const isRight = isSameSecret(Buffer.from(derived.storedKey, 'base64'), Buffer.from(keys.storedKey, 'base64'));
  return isRight && account !== undefined ? { way: 'password', local, account } : undefined;
}

/** @returns undefined if no account can have this password, so that it is wrong */
function prepare(password: string): string | undefined {
  try {
    return preparePassword(password);
  } catch (error) {
    if (error instanceof InvalidPassword) return undefined;
    throw error;
  }
}
