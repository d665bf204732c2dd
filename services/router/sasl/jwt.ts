/**
 * Sign-in with a token of the tenant's own system (RFC 7519), which comes as OAUTHBEARER or as the password of PLAIN. The account appears at the
 * first sign-in.
 *
 * The policy says which tokens are taken: keys or a secret, issuer, audience, and the claim that names the account. A token must expire.
 *
 * Hostile: `alg: none`, or one that is unknown; HS256 made with a public key (the secret is only for HS, public keys never are); another
 * issuer, audience or time; a claim that names somebody of another domain, or is not a text; a token that is very long.
 */
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { addressOfKeys } from '../../../lib/runtime/policy/jwt-keys.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { openPolicySecret } from '../core/policy-secrets.ts';
import { prepareName, type SignedIn, signedIn } from './credentials.ts';
import { accountOf } from './first-sign-in.ts';
import { type Attempt, checkGuess, WrongPassword } from './guesses.ts';
import { keySet } from './jwks.ts';
import { jwtLimits } from './limits.ts';

const secretAlgorithms = ['HS256', 'HS384', 'HS512'];
const publicAlgorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** The shape of a token: a header that is JSON, and two more parts. */
export function looksLikeJwt(text: string): boolean {
  return text.startsWith('eyJ') && /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
}

/**
 * The account that a token names which nobody has checked yet: attempts with it are counted there.
 * @throws {WrongPassword} when it names none
 */
export function claimedAccount(token: string, tenant: Tenant): string {
  let claims: JWTPayload = {};
  try {
    if (token.length <= jwtLimits.jwtCharactersMax) claims = decodeJwt(token);
  } catch (error) {
    if (!(error instanceof errors.JOSEError || error instanceof TypeError)) throw error;
  }
  const local = namedAccount(claims[claimOf(tenant)], tenant);
  if (local === undefined) throw new WrongPassword();
  return local;
}

/**
 * Signs in with the token of the account. It is made if there is none. Forged tokens are counted as wrong passwords are; those that the
 * tenant's system has signed, and that are only too old or for somebody else, are not: a client may show them again and again.
 * @throws {SaslFailure} not-authorized; `temporary-auth-failure` when the keys cannot be got. @throws {Unavailable}
 */
export async function signInByJwt(dependencies: Dependencies, attempt: Attempt, token: string): Promise<SignedIn> {
  const { tenant, local } = attempt;
  let untilMs = 0;
  await checkGuess(dependencies, attempt, async () => {
    const claims = await verify(dependencies, tenant, token);
    if (claims === undefined) return false;
    if (namedAccount(claims[claimOf(tenant)], tenant) !== local) throw new WrongPassword();
    untilMs = (claims.exp ?? 0) * 1_000;
    return true;
  });
  return { ...signedIn(local, await accountOf(dependencies, tenant, local)), way: 'jwt', untilMs };
}

function claimOf({ policy }: Tenant): string {
  return policy.jwtClaim || 'sub';
}

/** @returns undefined for a token that the tenant's system has not signed. @throws {SaslFailure} */
async function verify(dependencies: Dependencies, tenant: Tenant, token: string): Promise<JWTPayload | undefined> {
  const { jwtIssuer: issuer, jwtAudience } = tenant.policy;
  if (issuer === '' || token.length > jwtLimits.jwtCharactersMax) return undefined;
  const options = {
    issuer,
    audience: jwtAudience || tenant.domain,
    clockTolerance: jwtLimits.jwtToleranceSeconds,
    requiredClaims: ['exp', claimOf(tenant)],
    currentDate: new Date(dependencies.clock.timeOfDay()),
  };
  try {
    const { alg = '' } = decodeProtectedHeader(token);
    if (secretAlgorithms.includes(alg)) {
      const secret = await openPolicySecret(dependencies, tenant, 'jwtSecret');
      if (secret === undefined) return undefined;
      return (await jwtVerify(token, Buffer.from(secret), { ...options, algorithms: [alg] })).payload;
    }
    if (!publicAlgorithms.includes(alg)) return undefined;
    const check = async (keys: JWTVerifyGetKey) => (await jwtVerify(token, keys, { ...options, algorithms: [alg] })).payload;
    try {
      return await check(await publicKeys(dependencies, tenant, false));
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      return await check(await publicKeys(dependencies, tenant, true));
    }
  } catch (error) {
    if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) throw new WrongPassword();
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** @throws {SaslFailure} */
async function publicKeys(
  { jwks, log }: Dependencies,
  { domain, policy }: Tenant,
  isUnknownKey: boolean,
): Promise<JWTVerifyGetKey> {
  if (policy.jwtKeys === '') throw new WrongPassword();
  const url = addressOfKeys(policy.jwtKeys);
  if (url === undefined) return keySet(policy.jwtKeys);
  try {
    if (jwks === undefined) throw new Error('this process does not get keys');
    return await jwks.keysAt(url, isUnknownKey);
  } catch (error) {
    log.warn({ err: error, domain }, 'the keys of tokens cannot be got');
    throw new SaslFailure('temporary-auth-failure', 'tokens cannot be checked now');
  }
}

/** A local part, or an address of the tenant. */
export function namedAccount(claim: unknown, tenant: Tenant): string | undefined {
  if (typeof claim !== 'string' || claim === '') return undefined;
  if (!claim.includes('@')) return prepareName(claim, tenant);
  const jid = Jid.tryParse(claim);
  return jid?.isBare && jid.domain === tenant.domain ? prepareName(jid.local, tenant) : undefined;
}
