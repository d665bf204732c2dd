/**
 * XEP-0484: tokens with which a client signs in without its password, by the mechanisms HT-SHA-256-* (draft-schmaus-kitten-
 * sasl-ht).
 *
 * The server must know a token, so it cannot keep a hash of it. A token is therefore derived: from a secret of the tenant, which
 * is sealed (lib/ports/keys.ts), and from everything that it is bound to: the account, its incarnation, its password, the client,
 * the mechanism, and the time. Whatever of this changes, the token is another one.
 */
import { createHmac } from 'node:crypto';
import type { Keys } from '../../../lib/ports/keys.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { type SealedSecret, SealedSecrets } from '../../../lib/runtime/sealed-secrets.ts';
import { isSameSecret, keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type AccountRow, findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { type ClientPlace, type ClientRow, clientRows, clients, seen, slotsOf, type TokenSlot, updateClient } from './clients.ts';
import { type SignedIn, signedIn } from './credentials.ts';
import type { UserAgent } from './sasl2.ts';
import { bindingData } from './scram.ts';

export const NS_FAST = 'urn:xmpp:fast:0';

/** What is bound to, by mechanism; in the order of preference. */
const boundTo = new Map<string, keyof ChannelBinding | undefined>([
  ['HT-SHA-256-EXPR', 'tls-exporter'],
  ['HT-SHA-256-ENDP', 'tls-server-end-point'],
  ['HT-SHA-256-NONE', undefined],
]);

/** Where the secrets of tokens come from; a deployment without keys has no tokens. */
export type TokenSecrets = SealedSecrets;

declare module '../core/dependencies.ts' {
  interface Dependencies {
    readonly tokenSecrets?: TokenSecrets | undefined;
  }
}

const secrets = collection<SealedSecret>('tokenSecret', 'tenant');

export function tokenSecrets(options: Pick<Dependencies, 'store' | 'clock'> & { readonly keys: Keys }): TokenSecrets {
  const contextOf = (domain: string) => `tokens ${domain}`;
  return new SealedSecrets({ ...options, rowsOf: Rows.ofTenant, collection: secrets, contextOf });
}

/** The mechanisms for tokens that a stream is offered (§3.1). */
export function tokenMechanisms(
  { tokenSecrets }: Dependencies,
  { policy }: ClientPlace['tenant'],
  { secure, binding }: { readonly secure: boolean; readonly binding: ChannelBinding },
): string[] {
  if (tokenSecrets === undefined || !secure || policy.tokenDays === 0) return [];
  return [...boundTo].filter(([, type]) => type === undefined || binding[type] !== undefined).map(([name]) => name);
}

/** Tells one password of an account from the next: new keys have new salts. Other hashes may be added to the same password. */
export function passwordMark({ scram }: AccountRow): string {
  return (scram['SHA-1'] ?? scram['SHA-256'] ?? scram['SHA-512'])?.salt ?? '';
}

interface Holder extends ClientPlace {
  readonly account: AccountRow;
}

function tokenOf(secret: string, { tenant, local, key, account }: Holder, slot: TokenSlot): string {
  const { mechanism, nonce, expiresAtMs, password } = slot;
  const owner = [tenant.domain, local, account.incarnation ?? account.createdAt, password, key];
  return keyedDigest(secret, 'token', ...owner, mechanism, nonce, `${expiresAtMs}`);
}

/** What a client asks for with `<fast/>` (§3.4, §3.6) and `<request-token/>` (§3.2). */
export interface FastRequest {
  /** It signs in with a token. */
  readonly isToken: boolean;
  readonly count?: number | undefined;
  readonly isInvalidating: boolean;
  /** The mechanism of the token that it wants. */
  readonly wants?: string | undefined;
}

/** @param offered the mechanisms that the stream was offered for tokens. @throws {SaslFailure} */
export function readFastRequest(element: Stanza, offered: readonly string[]): FastRequest {
  const fast = element.child('fast', NS_FAST);
  const wants = element.child('request-token', NS_FAST)?.attrs.mechanism;
  const { count, invalidate } = fast?.attrs ?? {};
  if (count !== undefined && !/^[0-9]{1,9}$/.test(count)) throw new SaslFailure('malformed-request', 'a count is a number');
  return {
    isToken: fast !== undefined,
    count: count === undefined ? undefined : Number(count),
    isInvalidating: invalidate === 'true' || invalidate === '1',
    wants: wants !== undefined && offered.includes(wants) ? wants : undefined,
  };
}

interface TokenAttempt extends ClientPlace {
  readonly mechanism: string;
  readonly agent: UserAgent;
  readonly proof: Buffer;
  readonly binding: ChannelBinding;
  readonly request: FastRequest;
  /** Names the stream. */
  readonly stream: string;
}

/**
 * Signs in with a token. @returns the server's proof, and a new token if one is due or was asked for
 * @throws {SaslFailure} not-authorized; credentials-expired to the holder of a token whose time is over
 */
export async function checkToken(
  dependencies: Dependencies,
  attempt: TokenAttempt,
): Promise<SignedIn & { readonly responder: Buffer; readonly token: string }> {
  const { tenant, local, key, mechanism, binding, proof } = attempt;
  const type = boundTo.get(mechanism);
  const data = type === undefined ? Buffer.alloc(0) : bindingData(type, binding);
  const [account, row, secret] = await Promise.all([
    findAccount(dependencies.store, tenant.domain, local),
    clientRows(dependencies, attempt).get(clients, key),
    dependencies.tokenSecrets?.find(tenant.domain),
  ]);
  if (account === undefined || row === undefined || secret === undefined || data === undefined) throw unknown();
  const holder: Holder = { tenant, local, key, account };
  const hmac = (slot: TokenSlot, who: string) =>
    createHmac('sha256', tokenOf(secret, holder, slot))
      .update(who)
      .update(data)
      .digest();
  const password = passwordMark(account);
  const isRight = (slot: TokenSlot) =>
    slot.mechanism === mechanism && slot.password === password && isSameSecret(hmac(slot, 'Initiator'), proof);
  const slot = slotsOf(row.value).find(isRight);
  if (slot === undefined || !tenant.policy.signIn.includes(slot.way ?? 'password')) throw unknown();
  const person = signedIn(local, account);
  const nowMs = dependencies.clock.now();
  if (slot.expiresAtMs <= nowMs) throw new SaslFailure('credentials-expired');
  const wanted = attempt.request.wants ?? (isDue(slot, nowMs) && !attempt.request.isInvalidating ? mechanism : undefined);
  const next = wanted === undefined ? undefined : issue(dependencies, holder, wanted, slot);
  await updateClient(dependencies, attempt, (before) => {
    const used = afterUse(before, slot, attempt);
    const row = seen(used, attempt.agent, { by: 'token', password, nowMs });
    return next === undefined ? row : withFresh(row, next);
  });
  const token = next === undefined ? '' : tokenElement(tokenOf(secret, holder, next), next);
  return { ...person, untilMs: slot.untilMs, responder: hmac(slot, 'Responder'), token };
}

/** The newest token does not end those before it: their answers may have been heard later, or alone. */
function withFresh(row: ClientRow, next: TokenSlot): ClientRow {
  const { fresh, earlier = [] } = row;
  const kept = fresh === undefined ? earlier : [fresh, ...earlier].slice(0, routerLimits.tokensUnusedMax - 1);
  return { ...row, fresh: next, earlier: kept.length === 0 ? undefined : kept };
}

/** The row after the token was used. Another process may have used it meanwhile. @throws {SaslFailure} */
function afterUse(before: ClientRow | undefined, slot: TokenSlot, { request, stream }: TokenAttempt): ClientRow {
  const { count, isInvalidating } = request;
  const found = before && slotsOf(before).find(({ nonce }) => nonce === slot.nonce);
  if (before === undefined || found === undefined || isReplay(found, count, stream)) throw unknown();
  const isCurrent = found === before.current;
  const others = isCurrent ? before : { ...before, fresh: undefined, earlier: undefined };
  if (isInvalidating) return { ...others, current: undefined };
  const counted = count === undefined ? found : { ...found, count, countedOn: stream };
  return isCurrent && counted === found ? before : { ...others, current: counted };
}

/** §3.4. What a node sends again because no router has answered it does not count as a replay. */
function isReplay({ count: before, countedOn }: TokenSlot, count: number | undefined, stream: string): boolean {
  if (count === undefined || before === undefined || count > before) return false;
  return count < before || countedOn !== stream;
}

function isDue({ issuedAtMs }: TokenSlot, nowMs: number): boolean {
  return nowMs - issuedAtMs > routerLimits.tokenRotateMs;
}

function unknown(): SaslFailure {
  return new SaslFailure('not-authorized');
}

type Bounds = Pick<TokenSlot, 'password' | 'way' | 'untilMs'>;

function issue({ clock }: Dependencies, { tenant }: ClientPlace, mechanism: string, bounds: Bounds): TokenSlot {
  const { password, way, untilMs = Number.POSITIVE_INFINITY } = bounds;
  const nowMs = clock.now();
  const expiresAtMs = Math.min(nowMs + tenant.policy.tokenDays * 86_400_000, untilMs);
  const nonce = clock.randomBytes(12).toString('base64url');
  return { mechanism, nonce, issuedAtMs: nowMs, expiresAtMs, password, way, untilMs: bounds.untilMs };
}

/**
 * Notes that a client has signed in otherwise than with a token.
 * @param wants the mechanism of the token that it has asked for; one that the stream was not offered is ignored
 * @returns `<token/>`, or ''
 */
export async function noteSignIn(
  dependencies: Dependencies,
  place: ClientPlace,
  agent: UserAgent,
  wants: string | undefined,
  { way, untilMs }: Pick<SignedIn, 'way' | 'untilMs'> = {},
): Promise<string> {
  const account = await findAccount(dependencies.store, place.tenant.domain, place.local);
  if (account === undefined) return '';
  const password = passwordMark(account);
  const holder: Holder = { ...place, account };
  const slot = wants === undefined ? undefined : issue(dependencies, holder, wants, { password, way, untilMs });
  const secret = slot && (await dependencies.tokenSecrets?.getOrMake(place.tenant.domain));
  const nowMs = dependencies.clock.now();
  await updateClient(dependencies, place, (before) => {
    const row = seen(before, agent, { by: 'password', password, nowMs });
    return slot === undefined ? row : withFresh(row, slot);
  });
  return slot === undefined || secret === undefined ? '' : tokenElement(tokenOf(secret, holder, slot), slot);
}

function tokenElement(token: string, { expiresAtMs }: TokenSlot): string {
  return xml('token', { xmlns: NS_FAST, token, expiry: new Date(expiresAtMs).toISOString() }).toString();
}
