/**
 * A SASL negotiation (RFC 6120 §6): one step of an exchange, in the profile of RFC 6120 or in that of XEP-0388. Both have the
 * same mechanisms.
 */
import { Count } from '../../../lib/runtime/counts.ts';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { ScramHash } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { signInAsGuest } from './anonymous.ts';
import { readName, type SignedIn } from './credentials.ts';
import { leftMs } from './expiry.ts';
import { signInByCertificate } from './external.ts';
import { TooManyGuesses, WrongPassword } from './guesses.ts';
import { announcedText, findMechanism, type Mechanism, type Offered, offeredBindings, offeredNames } from './mechanisms.ts';
import { signInWithToken } from './minted-tokens.ts';
import { checkOwn, ownName, readBearer, refusalOf } from './oauthbearer.ts';
import { checkPlain, readPlainToken } from './plain.ts';
import { type Profile, rfc6120 } from './profile.ts';
import { clientKey, readUserAgent, sasl2, type UserAgent } from './sasl2.ts';
import { finishScram, type ScramState, startScram } from './scram.ts';
import { checkToken, type FastRequest, noteSignIn, readFastRequest, tokenMechanisms } from './tokens.ts';
import { beginTask, continueWith, finishTask, newSalt, readUpgrades, type UpgradeState } from './upgrade.ts';

export const signIns = new Count(
  'sign_ins_total',
  'Attempts to sign in that have ended, by mechanism and result: `success`, `slowed` after wrong passwords, or the condition of the failure',
  ['mechanism', 'result'],
);

export interface SaslContext extends Offered {
  /** The client's network address; '' if it is unknown. */
  readonly address?: string;
  /** The local part of the stream's `from`. */
  readonly from?: string | undefined;
  /** The version of TLS, as in {@link StepItem}. */
  readonly tls?: string | undefined;
  /** The certificates that the client has shown, DER in base64, its own first. */
  readonly chain?: readonly string[] | undefined;
  /** Names the stream, the same when a node sends a step again. */
  readonly stream?: string;
}

/**
 * The state between two steps: plain JSON without secrets, which the connection node carries. `scram` is absent before the
 * client's first message.
 */
export interface SaslState {
  readonly mechanism: string;
  readonly scram?: ScramState;
  /** The client was told why its token is not taken, and has to answer before it fails (RFC 7628 §3.2.3). */
  readonly isRefused?: true;
  /** Set in the profile of XEP-0388. */
  readonly sasl2?: Sasl2State;
}

interface Sasl2State {
  readonly agent?: UserAgent | undefined;
  readonly fast?: FastRequest | undefined;
  /** The hashes that the client wants to add to its account. */
  readonly upgrades?: readonly ScramHash[];
  /** Set when the password was right, and the upgrades are under way. */
  readonly upgrade?: UpgradeState;
}

/** The result of a step. Without `state` and `local` it is a failure, and the stream stays open for another attempt (§6.4.5). */
export interface SaslResult {
  /** `<challenge/>`, `<success/>` or `<failure/>`. With XEP-0388, what a router has to say inside of `<success/>`. */
  readonly reply: string;
  /** The state for the next step of the same exchange. */
  readonly state?: SaslState;
  /** Set on success: the account that has signed in, and its incarnation. */
  readonly local?: string;
  readonly incarnation?: string | undefined;
  /** With `local`: names the client, if it has said which one it is. */
  readonly client?: string;
  /** {@link SignedIn.untilMs} */
  readonly untilMs?: number | undefined;
  /** {@link StepReply.endsInMs} */
  readonly endsInMs?: number | undefined;
  /**
   * True for a failure if the password was wrong, or was not checked because of earlier wrong ones. Other failures are of the
   * mechanism.
   */
  readonly isGuess?: boolean;
}

/** Children of `<stream:features/>` for SASL as RFC 6120 has it; '' without TLS, because nothing is offered then. */
export function offerMechanisms(offered: Offered): string {
  const names = offeredNames(offered);
  if (names.length === 0) return '';
  const list = xml('mechanisms', { xmlns: rfc6120.ns }, ...names.map((name) => xml('mechanism', {}, name)));
  return `${list}${offeredBindings(offered)}`;
}

const profiles = new Map<string, Profile>([rfc6120, sasl2].map((profile) => [profile.ns, profile]));

export function isSaslNs(ns: string): boolean {
  return profiles.has(ns);
}

/**
 * Takes one step of an exchange.
 * @param element of a profile's namespace; one that begins an exchange ends the one that is under way
 * @throws {Unavailable} if the store cannot be reached; the same step may be tried again
 */
export async function saslStep(
  dependencies: Dependencies,
  tenant: Tenant,
  before: SaslState | undefined,
  element: Stanza,
  given: SaslContext,
): Promise<SaslResult> {
  const context = { ...given, ways: tenant.policy.signIn, isCertified: given.chain !== undefined };
  const profile = profiles.get(element.ns) ?? rfc6120;
  let name = element.attributes.mechanism === undefined ? before?.mechanism : undefined;
  try {
    if (element.name === 'abort') throw new SaslFailure('aborted'); // §6.5.1
    if (before?.sasl2?.upgrade !== undefined)
      return ended(dependencies, tenant, name, await upgradeStep(dependencies, tenant, before, before.sasl2.upgrade, element));
    const tokenNames = tokenMechanisms(dependencies, tenant, context);
    const { state, mechanism, data } = readStep(profile, before, element, { ...context, tokenNames });
    name = state.mechanism;
    if (data === undefined) return { reply: profile.challenge(), state };
    // Only XEP-0388 §2.3 asks that the stream is for the account.
    const from = state.sasl2 && context.from;
    const step = { profile, state, mechanism, data };
    return ended(dependencies, tenant, name, await advance(dependencies, tenant, step, { ...context, from }));
  } catch (error) {
    if (error instanceof SaslFailure) {
      countEnd(tenant, name, error instanceof TooManyGuesses ? 'slowed' : error.condition);
      return { reply: profile.failure(error), isGuess: error instanceof WrongPassword || error instanceof TooManyGuesses };
    }
    if (error instanceof Overloaded) {
      countEnd(tenant, name, 'temporary-auth-failure');
      return { reply: profile.failure(new SaslFailure('temporary-auth-failure')) };
    }
    throw error;
  }
}

function ended(dependencies: Dependencies, tenant: Tenant, mechanism: string | undefined, result: SaslResult): SaslResult {
  if (result.local === undefined) return result;
  countEnd(tenant, mechanism, 'success');
  return { ...result, endsInMs: leftMs(dependencies, tenant, result) };
}

/** @param mechanism one that was offered; otherwise clients would choose what there is a figure of */
function countEnd({ domain }: Tenant, mechanism: string | undefined, result: string): void {
  signIns.add(domain, 1, mechanism ?? 'none', result);
}

interface Read {
  readonly state: SaslState;
  /** Undefined for a mechanism with a token. */
  readonly mechanism: Mechanism | undefined;
  /** Undefined if the client sent no initial response (§6.4.2). */
  readonly data: Buffer | undefined;
}

/** @throws {SaslFailure} */
function readStep(
  profile: Profile,
  before: SaslState | undefined,
  element: Stanza,
  context: SaslContext & { readonly tokenNames: readonly string[] },
): Read {
  if (element.ns !== profile.ns) throw new SaslFailure('malformed-request', `<${element.name}/> is not an element of SASL`);
  const said = profile.read(element);
  if (!context.secure) throw new SaslFailure('encryption-required', 'start TLS first');
  const isSasl2 = profile === sasl2;
  if (said.mechanism === undefined && (before === undefined || (before.sasl2 !== undefined) !== isSasl2)) {
    throw new SaslFailure('malformed-request', 'a response comes after a challenge');
  }
  const name = said.mechanism ?? before!.mechanism;
  const mechanism = findMechanism(name, context);
  if (mechanism === undefined && !(isSasl2 && context.tokenNames.includes(name))) throw new SaslFailure('invalid-mechanism');
  if (said.mechanism === undefined) return { state: before!, mechanism, data: said.data };
  if (!isSasl2) return { state: { mechanism: name }, mechanism, data: said.data };
  const fast = readFastRequest(element, context.tokenNames);
  const asked: Sasl2State = { agent: readUserAgent(element), fast, upgrades: readUpgrades(element, context) };
  return { state: { mechanism: name, sasl2: asked }, mechanism, data: said.data };
}

interface Step {
  readonly profile: Profile;
  readonly state: SaslState;
  readonly mechanism: Mechanism | undefined;
  readonly data: Buffer;
}

async function advance(
  dependencies: Dependencies,
  tenant: Tenant,
  { profile, state, mechanism, data }: Step,
  context: SaslContext,
): Promise<SaslResult> {
  const { binding, address = '', from, stream = '' } = context;
  if (mechanism === undefined) return signInByToken(dependencies, tenant, { profile, state, data }, { binding, from, stream });
  const message = decodeText(data);
  if (mechanism === 'EXTERNAL') {
    const signedIn = await signInByCertificate(dependencies, tenant, message, { chain: context.chain ?? [], from });
    return succeed(dependencies, tenant, profile.success(), withoutUpgrades(state), signedIn);
  }
  if (mechanism === 'ANONYMOUS') {
    return { reply: profile.success(), ...(await signInAsGuest(dependencies, tenant, message, { address, from })) };
  }
  if (mechanism === 'OAUTHBEARER') return signInByBearer(dependencies, tenant, { profile, state, message }, { from, address });
  if (mechanism === 'PLAIN') {
    const token = tenant.policy.signIn.some((way) => way === 'jwt' || way === 'api') ? readPlainToken(message) : undefined;
    if (token !== undefined) {
      const local = readName({ name: token.name, authzid: token.authzid, from }, tenant);
      const signedIn = await signInWithToken(dependencies, { tenant, local, address }, token.token);
      return succeed(dependencies, tenant, profile.success(), withoutUpgrades(state), signedIn);
    }
    const signedIn = await checkPlain(dependencies, tenant, message, { address, from });
    const kept = signedIn.way === undefined ? state : withoutUpgrades(state);
    return succeed(dependencies, tenant, profile.success(), kept, signedIn);
  }
  if (!state.scram) {
    // DEVIATION: XEP-0474 may be used with RFC 6120 too, but clients as old as Strophe.js 1.6 fail when they meet another attribute.
    const announced = state.sasl2 && announcedText(context);
    const scram = await startScram(dependencies, tenant, mechanism, message, { binding, from, announced, tls: context.tls });
    return { reply: profile.challenge(scram.serverFirst), state: { ...state, scram } };
  }
  const { serverFinal, ...signedIn } = await finishScram(dependencies, tenant, mechanism, state.scram, message, {
    binding,
    address,
  });
  return succeed(dependencies, tenant, profile.success(serverFinal), state, signedIn);
}

/** RFC 7628. @throws {SaslFailure} */
async function signInByBearer(
  dependencies: Dependencies,
  tenant: Tenant,
  { profile, state, message }: Pick<Step, 'profile' | 'state'> & { readonly message: string },
  { from, address }: { readonly from: string | undefined; readonly address: string },
): Promise<SaslResult> {
  if (state.isRefused) throw new WrongPassword();
  const { token, authzid } = readBearer(message);
  try {
    const named = from ?? ownName(authzid, tenant);
    const signedIn = await signInWithToken(dependencies, { tenant, named, address }, token);
    checkOwn(signedIn.local, authzid, from, tenant);
    return succeed(dependencies, tenant, profile.success(), withoutUpgrades(state), signedIn);
  } catch (error) {
    if (!(error instanceof WrongPassword)) throw error;
    return { reply: profile.challenge(refusalOf(tenant)), state: { ...state, isRefused: true } };
  }
}

/** Whoever signs in with a token, or a password of another system, cannot set one in this way (XEP-0480). */
function withoutUpgrades(state: SaslState): SaslState {
  return state.sasl2 === undefined ? state : { ...state, sasl2: { ...state.sasl2, upgrades: [] } };
}

/** The password was right. @param reply what the profile says of success */
async function succeed(
  dependencies: Dependencies,
  tenant: Tenant,
  reply: string,
  state: SaslState,
  signedIn: SignedIn,
): Promise<SaslResult> {
  const { sasl2: asked } = state;
  if (asked?.upgrades?.length) {
    const upgrade: UpgradeState = { signedIn, hashes: asked.upgrades };
    return { reply: continueWith(upgrade, reply), state: { ...state, sasl2: { ...asked, upgrades: [], upgrade } } };
  }
  const agent = asked?.agent;
  if (agent === undefined) return { reply, ...signedIn };
  const { local } = signedIn;
  const client = clientKey(tenant, local, agent);
  const token = await noteSignIn(dependencies, { tenant, local, key: client }, agent, asked?.fast?.wants, signedIn);
  return { reply: reply + token, ...signedIn, client };
}

/** XEP-0480. @throws {SaslFailure} */
async function upgradeStep(
  dependencies: Dependencies,
  tenant: Tenant,
  state: SaslState,
  upgrade: UpgradeState,
  element: Stanza,
): Promise<SaslResult> {
  const goOn = (next: UpgradeState): SaslState => ({ ...state, sasl2: { ...state.sasl2, upgrade: next } });
  if (upgrade.salt === undefined) {
    const begun = beginTask(upgrade, element, newSalt(dependencies));
    return { reply: begun.reply, state: goOn(begun.state) };
  }
  const left = await finishTask(dependencies, tenant, upgrade, element);
  if (left.hashes.length > 0) return { reply: continueWith(left), state: goOn(left) };
  return succeed(dependencies, tenant, '', state, left.signedIn);
}

/** The initial message of the HT mechanisms: the name, NUL, and an HMAC. There is one step. @throws {SaslFailure} */
async function signInByToken(
  dependencies: Dependencies,
  tenant: Tenant,
  { profile, state, data }: Pick<Step, 'profile' | 'state' | 'data'>,
  { binding, from, stream }: Pick<SaslContext, 'binding' | 'from'> & { readonly stream: string },
): Promise<SaslResult> {
  const { agent, fast } = state.sasl2 ?? {};
  if (agent === undefined || fast?.isToken !== true)
    throw new SaslFailure('malformed-request', 'a token comes with <fast/> and with the id of the client that it was given to');
  const end = data.indexOf(0);
  if (end < 1) throw new SaslFailure('malformed-request', 'the message is not authcid NUL HMAC');
  const local = readName({ name: decodeText(data.subarray(0, end)), authzid: undefined, from }, tenant);
  const client = clientKey(tenant, local, agent);
  const proof = data.subarray(end + 1);
  const attempt = { tenant, local, key: client, mechanism: state.mechanism, agent, proof, binding, request: fast, stream };
  const { responder, token, ...signedIn } = await checkToken(dependencies, attempt);
  return { reply: profile.success(responder) + token, ...signedIn, client };
}

function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SaslFailure('malformed-request', 'the data is not UTF-8');
  }
}
