/**
 * Sign-in with a token that only its authorization server can read (RFC 7662), which comes as OAUTHBEARER or as the password of PLAIN: the
 * server is asked whether it is active, for whom, and until when.
 *
 * What is kept of an answer is kept for a minute, and never longer than the token lasts. A token must expire, and must be for us: by its audience,
 * or by the scope that the policy names.
 *
 * Hostile: an address of an inner network, a redirect, an answer that is large or slow or not what RFC 7662 §2.2 says: nobody is let in then.
 * Tokens of another client, another issuer, or of another kind; an answer that names nobody, or somebody of another domain.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { networkOf } from '../../../lib/runtime/networks.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { openPolicySecret } from '../core/policy-secrets.ts';
import { type SignedIn, signedIn } from './credentials.ts';
import { accountOf } from './first-sign-in.ts';
import { type Attempt, checkGuess, WrongPassword } from './guesses.ts';
import { namedAccount } from './jwt.ts';
import { jwtLimits, outsideLimits } from './limits.ts';
import type { PasswordAttempt, Vouched } from './vouching.ts';

/** RFC 6750 §2.1. */
function isToken(text: string): boolean {
  return text.length <= jwtLimits.jwtCharactersMax && /^[\w.~+/-]+=*$/.test(text);
}

const seconds = z.number().nonnegative();
const answerSchema = z.looseObject({
  active: z.boolean(),
  scope: z.string().optional(),
  token_type: z.string().optional(),
  exp: seconds.optional(),
  nbf: seconds.optional(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
  iss: z.string().optional(),
});

/** What is kept of an answer about an active token. */
interface Introspected {
  readonly name: unknown;
  readonly isForUs: boolean;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Answers of the last minute, by what was asked. */
export class Introspections {
  readonly #kept = new Map<string, { readonly said: Introspected; readonly keptUntilMs: number }>();

  /** @param nowMs of the monotonic clock */
  find(key: string, nowMs: number): Introspected | undefined {
    const kept = this.#kept.get(key);
    return kept !== undefined && nowMs < kept.keptUntilMs ? kept.said : undefined;
  }

  keep(key: string, said: Introspected, nowMs: number): void {
    this.#kept.delete(key);
    this.#kept.set(key, { said, keptUntilMs: nowMs + outsideLimits.introspectionKeepMs });
    if (this.#kept.size > outsideLimits.introspectionsMax) this.#kept.delete(this.#kept.keys().next().value!);
  }
}

declare module '../core/dependencies.ts' {
  interface Dependencies {
    /** Absent: each token is asked about each time. */
    readonly introspections?: Introspections | undefined;
  }
}

/**
 * Signs in with a token. Where the client has not said whose it is, attempts are counted for the token, and so only by network.
 * @param named the account that the client has named. @throws {SaslFailure} @throws {Unavailable} @throws {Overloaded}
 */
export async function signInByIntrospection(
  dependencies: Dependencies,
  { tenant, address }: Omit<Attempt, 'local'>,
  named: string | undefined,
  token: string,
): Promise<SignedIn> {
  if (!isToken(token)) throw new WrongPassword();
  const counted = named ?? createHash('sha256').update(`token ${token}`).digest('hex');
  const attempt = { tenant, address, local: counted, isOfToken: named === undefined };
  let vouched: Vouched | undefined;
  await checkGuess(dependencies, attempt, async () => {
    vouched = await askAboutToken(dependencies, { ...attempt, password: token });
    return vouched !== undefined;
  });
  const { local, untilMs } = vouched!;
  return { ...signedIn(local, await accountOf(dependencies, tenant, local)), way: 'oauth', untilMs };
}

/** @returns undefined when the token is not active. @throws {SaslFailure} */
export async function askAboutToken(
  dependencies: Dependencies,
  attempt: PasswordAttempt & { readonly isOfToken?: boolean },
): Promise<Vouched | undefined> {
  const { tenant, local: named, password: token, isOfToken = false } = attempt;
  if (!isToken(token)) return undefined;
  const said = await introspect(dependencies, attempt, token);
  if (said === undefined) return undefined;
  const now = dependencies.clock.timeOfDay();
  const local = namedAccount(said.name, tenant);
  const isWrong = !said.isForUs || local === undefined || (!isOfToken && local !== named);
  // The server knows the token: a client may show it again and again, so this is not a guess.
  if (isWrong || said.fromMs > now || said.untilMs <= now) throw new WrongPassword();
  return { way: 'oauth', local, untilMs: said.untilMs };
}

async function introspect(
  dependencies: Dependencies,
  { tenant, address, local }: Attempt,
  token: string,
): Promise<Introspected | undefined> {
  const { postDocument, introspections, clock, log, shares } = dependencies;
  const { domain, policy } = tenant;
  const { oauthUrl, oauthClient, oauthSecret, oauthClaim, oauthScope, jwtIssuer, jwtAudience } = policy;
  const asked = [domain, oauthUrl, oauthClient, oauthSecret, oauthClaim, oauthScope, jwtIssuer, jwtAudience, token];
  const key = createHash('sha256').update(JSON.stringify(asked)).digest('base64');
  const known = introspections?.find(key, clock.monotonic());
  if (known !== undefined) return known;
  try {
    const secret = await openPolicySecret(dependencies, tenant, 'oauthSecret');
    if (postDocument === undefined || oauthUrl === '' || !secret) throw new Error('it has no address or no secret');
    const posted = {
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        authorization: authorization(oauthClient, secret),
      },
    };
    const bounds = { bytesMax: outsideLimits.introspectionAnswerBytesMax, msMax: outsideLimits.outsideMs };
    const askedAtMs = clock.monotonic();
    const answer = await shares.asking.run([domain, networkOf(address), local], () =>
      postDocument(new URL(oauthUrl), posted, bounds),
    );
    if (answer.status !== 200) throw new Error(`it answered with status ${answer.status}`);
    const said = read(answer.body, tenant);
    if (said !== undefined) introspections?.keep(key, said, askedAtMs);
    return said;
  } catch (error) {
    if (error instanceof Overloaded) throw error;
    const fault =
      error instanceof z.ZodError || error instanceof SyntaxError ? new Error('it did not answer as RFC 7662 has it') : error;
    log.warn({ err: fault, domain }, 'the authorization server cannot be asked about a token');
    throw new SaslFailure('temporary-auth-failure', 'tokens cannot be checked now');
  }
}

/** RFC 6749 §2.3.1; a bearer token where there is no client (RFC 7662 §2.1). */
function authorization(client: string, secret: string): string {
  if (client === '') return `Bearer ${secret}`;
  const [name, password] = [client, secret].map((text) => new URLSearchParams({ x: text }).toString().slice('x='.length));
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** RFC 7662 §2.2. @returns undefined when the token is not active. @throws when the answer is not one */
function read(body: string, { domain, policy }: Tenant): Introspected | undefined {
  const { active, scope, token_type, exp, nbf = 0, aud = [], iss, ...more } = answerSchema.parse(JSON.parse(body));
  if (!active) return undefined;
  const isOfKind = token_type === undefined || token_type.toLowerCase() === 'bearer';
  const isOfIssuer = iss === undefined || policy.jwtIssuer === '' || iss === policy.jwtIssuer;
  const isScoped = policy.oauthScope !== '' && (scope ?? '').split(' ').includes(policy.oauthScope);
  const isOurs = [aud].flat().includes(policy.jwtAudience || domain);
  const toleranceMs = jwtLimits.jwtToleranceSeconds * 1_000;
  return {
    name: more[policy.oauthClaim || 'username'],
    isForUs: isOfKind && isOfIssuer && (policy.oauthScope === '' ? isOurs : isScoped),
    fromMs: nbf * 1_000 - toleranceMs,
    untilMs: (exp ?? 0) * 1_000,
  };
}
