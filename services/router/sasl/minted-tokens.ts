/**
 * Tokens that an app's own server gets over the API for its people, so that they need no password (`api` among the ways to sign in). A client
 * shows one as OAUTHBEARER, or as the password of PLAIN.
 *
 * A token is a JWT (RFC 7519) under a key that is made of the tenant's secret, so no row says that it was made. It is for one account in its
 * incarnation and with its password, and for minutes. What voids it: another password, the account's removal, {@link voidMinted}.
 */
import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose';
import { Rows } from '../../../lib/runtime/rows.ts';
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { type AccountRow, accounts, findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { type SignedIn, signedIn } from './credentials.ts';
import { type Attempt, checkGuess, WrongPassword } from './guesses.ts';
import { signInByIntrospection } from './introspection.ts';
import { claimedAccount, looksLikeJwt, signInByJwt } from './jwt.ts';
import { jwtLimits } from './limits.ts';
import { passwordMark } from './tokens.ts';

const algorithm = 'HS256';

function issuerOf({ domain }: Tenant): string {
  return `urn:skylark:${domain}`;
}

function keyOf(secret: string, { domain }: Tenant): Buffer {
  return Buffer.from(keyedDigest(secret, 'minted', domain));
}

/** What the account was when the token was made. */
function markOf(account: Pick<AccountRow, 'incarnation' | 'createdAt' | 'scram'>, secret: string): string {
  return keyedDigest(secret, 'minted for', account.incarnation ?? account.createdAt, passwordMark(account));
}

export interface MintedToken {
  readonly token: string;
  readonly expiresMs: number;
}

/** @returns undefined where the deployment has no keys, and so no secrets. @throws {Unavailable} */
export async function mintToken(
  { tokenSecrets, clock }: Dependencies,
  tenant: Tenant,
  local: string,
  account: AccountRow,
  seconds: number,
): Promise<MintedToken | undefined> {
  const secret = await tokenSecrets?.getOrMake(tenant.domain);
  if (secret === undefined) return undefined;
  const nowMs = clock.now();
  const expiresMs = nowMs + seconds * 1_000;
  const token = await new SignJWT({ mark: markOf(account, secret) })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setIssuer(issuerOf(tenant))
    .setAudience(tenant.domain)
    .setSubject(local)
    .setIssuedAt(nowMs / 1_000)
    .setExpirationTime(expiresMs / 1_000)
    .setJti(clock.randomBytes(jwtLimits.mintedIdBytes).toString('base64url'))
    .sign(keyOf(secret, tenant));
  return { token, expiresMs };
}

/** Voids the tokens of an account that were made until now. @returns whether there is such an account. @throws {Unavailable} */
export async function voidMinted({ store, clock }: Dependencies, { domain }: Tenant, local: string): Promise<boolean> {
  const mintedAfterMs = clock.now();
  const rows = Rows.ofAccount(store, domain, local);
  return (await update(rows, accounts, '', (there) => there && { ...there, mintedAfterMs })) !== undefined;
}

/** Was it made here, as it says itself? */
function isMinted(token: string, tenant: Tenant): boolean {
  if (token.length > jwtLimits.jwtCharactersMax) return false;
  try {
    return decodeJwt(token).iss === issuerOf(tenant);
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return false;
    throw error;
  }
}

/** The account that any token names. @throws {WrongPassword} when it names none */
function tokenAccount(token: string, tenant: Tenant): string {
  const jwtClaim = isMinted(token, tenant) ? 'sub' : tenant.policy.jwtClaim;
  return claimedAccount(token, { ...tenant, policy: { ...tenant.policy, jwtClaim } });
}

export interface TokenAttempt extends Omit<Attempt, 'local'> {
  /** The account that it has to be for. Absent: the token says so. */
  readonly local?: string;
  /** The account that the client has named, which a token may name otherwise. */
  readonly named?: string | undefined;
}

/** Signs in with a token, whoever has made it. @throws {SaslFailure} */
export function signInWithToken(dependencies: Dependencies, given: TokenAttempt, token: string): Promise<SignedIn> {
  const { tenant, local, named } = given;
  const { signIn } = tenant.policy;
  const attempt = () => ({ ...given, local: local ?? tokenAccount(token, tenant) });
  if (signIn.includes('api') && isMinted(token, tenant)) return signInByMinted(dependencies, attempt(), token);
  if (signIn.includes('jwt') && (looksLikeJwt(token) || !signIn.includes('oauth')))
    return signInByJwt(dependencies, attempt(), token);
  if (signIn.includes('oauth')) return signInByIntrospection(dependencies, given, local ?? named, token);
  throw new WrongPassword();
}

/** One that is forged counts as a wrong password; one that is only too old, or void, does not. */
async function signInByMinted(dependencies: Dependencies, attempt: Attempt, token: string): Promise<SignedIn> {
  const { tenant, local } = attempt;
  const { store, clock, tokenSecrets } = dependencies;
  let account: AccountRow | undefined;
  await checkGuess(dependencies, attempt, async () => {
    const secret = await tokenSecrets?.find(tenant.domain);
    if (secret === undefined) return false;
    try {
      const { payload } = await jwtVerify(token, keyOf(secret, tenant), {
        ...{ algorithms: [algorithm], issuer: issuerOf(tenant), audience: tenant.domain, subject: local },
        ...{ requiredClaims: ['exp', 'iat', 'mark'], currentDate: new Date(clock.now()) },
      });
      account = await findAccount(store, tenant.domain, local);
      const isVoid =
        account === undefined ||
        payload.mark !== markOf(account, secret) ||
        Math.round(payload.iat! * 1_000) <= (account.mintedAfterMs ?? 0);
      if (isVoid) throw new WrongPassword();
      return true;
    } catch (error) {
      if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) throw new WrongPassword();
      if (error instanceof errors.JOSEError || error instanceof TypeError) return false;
      throw error;
    }
  });
  return { ...signedIn(local, account), way: 'api' };
}
