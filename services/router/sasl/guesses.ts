/**
 * Slows down the guessing of passwords, across all streams and processes, while the owner of the account can still sign in.
 *
 * Wrong passwords are counted in three places. The counts are rows of `live` that are written only after a wrong password and
 * expire:
 *
 * - by account and network (lib/runtime/networks.ts): after a few wrong passwords, each further one doubles the delay before the
 *   next try;
 * - by account, over all networks that it has never signed in from. The first wrong password of a network takes a token from one
 *   bucket, and further ones from another. So somebody with the right password at a new place does not have to wait behind those
 *   who keep guessing;
 * - by network, over all accounts of the tenant that have never signed in from there, so that nobody can try one password on
 *   everybody.
 *
 * An attempt that comes too early is refused with `temporary-auth-failure`. Its password is not checked, and it is not counted. A
 * name without an account is treated in the same way. Tenants share nothing.
 */
import { hash as hashOnce } from 'node:crypto';
import { Conflict, type Store, Unavailable } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { isOwnMachine, networkOf } from '../../../lib/runtime/networks.ts';
import type { Rate } from '../../../lib/runtime/rate-limit.ts';
import { rowValue } from '../../../lib/runtime/row-values.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { type Dependencies, withoutDeadline } from '../core/dependencies.ts';
import { familiar, type Noted } from '../core/familiar-networks.ts';
import { routerLimits } from '../limits.ts';

/** The password was wrong, or the account does not exist. Other failures are of the mechanism and are not guesses. */
export class WrongPassword extends SaslFailure {
  constructor() {
    super('not-authorized');
  }
}

/** The attempt came too early after wrong passwords. */
export class TooManyGuesses extends SaslFailure {
  constructor(waitMs: number) {
    super('temporary-auth-failure', `too many wrong passwords; try again in ${Math.max(1, Math.ceil(waitMs / 1_000))} s`);
  }
}

/** A token bucket as a row. The time of day may step back, so a time in the future counts as now. */
interface Tokens {
  readonly tokens: number;
  readonly atMs: number;
}

interface Wrong {
  readonly count: number;
  /** When the last one was tried, ms since the epoch. */
  readonly atMs: number;
}

interface AccountGuesses {
  readonly first?: Tokens | undefined;
  readonly further?: Tokens | undefined;
  readonly byNetwork: Readonly<Record<string, Wrong>>;
}

/** Kept under the account, or under the name that has no account. */
const guesses = collection<AccountGuesses>('guesses', 'account', 'live');
/** Kept under the tenant, by network. */
const networkGuesses = collection<Tokens>('networkGuesses', 'tenant', 'live');

const firstRate: Rate = { burst: routerLimits.firstGuessesBurst, perSecond: routerLimits.firstGuessesPerSecond };
const furtherRate: Rate = { burst: routerLimits.furtherGuessesBurst, perSecond: routerLimits.furtherGuessesPerSecond };
const networkRate: Rate = { burst: routerLimits.networkGuessesBurst, perSecond: routerLimits.networkGuessesPerSecond };
const ownMachineRate: Rate = { burst: routerLimits.ownMachineGuessesBurst, perSecond: routerLimits.ownMachineGuessesPerSecond };

function rateOf(network: string): Rate {
  return isOwnMachine(network) ? ownMachineRate : networkRate;
}

export interface Attempt {
  readonly tenant: Tenant;
  /** A prepared local part; there may be no such account. */
  readonly local: string;
  readonly address: string;
  /** `local` stands for a token, and nobody knows yet whose it is: nothing is noted there when it is right. */
  readonly isOfToken?: boolean;
}

/** What is known about the account and the network of an attempt. */
interface Standing {
  readonly name: string;
  readonly account: AccountGuesses;
  readonly network: Tokens | undefined;
  readonly familiar: Noted;
  readonly isFamiliar: boolean;
}

/**
 * Checks a password, if the attempt is not too early, and counts the result.
 * @param isRight compares the password; if it throws, the mechanism has failed, and the attempt is not counted
 * @throws {WrongPassword} @throws {TooManyGuesses} @throws {Overloaded}
 */
export async function checkGuess(dependencies: Dependencies, attempt: Attempt, isRight: () => Promise<boolean>): Promise<void> {
  const { tenant, local, address } = attempt;
  const network = networkOf(address);
  await dependencies.shares.signIn(`${local}@${tenant.domain}`, network, async () => {
    const standing = await readStanding(dependencies, attempt, network);
    const waitMs = Math.max(
      earliest(standing, rateOf(network), dependencies.clock.now()),
      dependencies.shares.unrecordedGuesses.waitMs(`${local}@${tenant.domain}`),
    );
    if (waitMs > 0) {
      logFailure(dependencies, attempt, network, 'temporary-auth-failure');
      throw new TooManyGuesses(waitMs);
    }
    const right = await isRight();
    if (right && attempt.isOfToken) return;
    await recorded(dependencies, attempt, () => (right ? welcome : blame)(dependencies, attempt, standing, network), right);
    if (right) return;
    logFailure(dependencies, attempt, network, 'not-authorized');
    throw new WrongPassword();
  });
}

async function readStanding(
  { store, clock, shares }: Dependencies,
  { tenant, local }: Attempt,
  network: string,
): Promise<Standing> {
  const rows = Rows.ofAccount(store, tenant.domain, local);
  const keys = [rows.keyOf(guesses, ''), rows.keyOf(familiar, ''), networkRows(store, tenant).keyOf(networkGuesses, network)];
  const [account, known, ofNetwork] = await store.batchGet(keys, { consistent: true });
  const name = hashOnce('sha256', `${tenant.secret} network\0${network}`, 'base64url').slice(0, 16);
  const written = known ? rowValue<Noted>(known) : {};
  const unwritten = shares.familiar.unwritten({ domain: tenant.domain, local });
  const signedIn = unwritten === undefined ? written : { ...written, ...unwritten };
  const notedMs = signedIn[name];
  return {
    name,
    account: account ? rowValue<AccountGuesses>(account) : { byNetwork: {} },
    network: ofNetwork && rowValue<Tokens>(ofNetwork),
    familiar: signedIn,
    isFamiliar: notedMs !== undefined && clock.now() - notedMs < routerLimits.familiarKeepMs,
  };
}

function networkRows(store: Store, tenant: Tenant): Rows {
  return Rows.ofTenant(store, tenant.domain);
}

/** How long until the attempt may be made, ms. */
function earliest({ name, account, network, isFamiliar }: Standing, networkRate: Rate, nowMs: number): number {
  const wrong = recent(account.byNetwork[name], nowMs);
  const delayMs = wrong ? delayAfter(wrong.count, isFamiliar) - elapsedMs(wrong.atMs, nowMs) : 0;
  if (isFamiliar) return delayMs;
  const accountMs = wrong ? untilOne(account.further, furtherRate, nowMs) : untilOne(account.first, firstRate, nowMs);
  return Math.max(delayMs, accountMs, untilOne(network, networkRate, nowMs));
}

function delayAfter(count: number, isFamiliar: boolean): number {
  const max = isFamiliar ? routerLimits.guessDelayFamiliarMaxMs : routerLimits.guessDelayMaxMs;
  return count < routerLimits.guessesFree
    ? 0
    : Math.min(max, routerLimits.guessDelayMs * 2 ** (count - routerLimits.guessesFree));
}

function recent(wrong: Wrong | undefined, nowMs: number): Wrong | undefined {
  return wrong && elapsedMs(wrong.atMs, nowMs) < routerLimits.guessesKeepMs ? wrong : undefined;
}

function elapsedMs(atMs: number, nowMs: number): number {
  return Math.max(0, nowMs - atMs);
}

function refilled(tokens: Tokens | undefined, { burst, perSecond }: Rate, nowMs: number): number {
  return tokens ? Math.min(burst, tokens.tokens + (elapsedMs(tokens.atMs, nowMs) * perSecond) / 1_000) : burst;
}

function untilOne(tokens: Tokens | undefined, rate: Rate, nowMs: number): number {
  return Math.max(0, ((1 - refilled(tokens, rate, nowMs)) * 1_000) / rate.perSecond);
}

function minusOne(tokens: Tokens | undefined, rate: Rate, nowMs: number): Tokens {
  return { tokens: refilled(tokens, rate, nowMs) - 1, atMs: nowMs };
}

/**
 * Counts a wrong password. It takes a token of the account and of the network, unless the account has signed in from there
 * before.
 */
async function blame(
  { store, clock }: Dependencies,
  { tenant, local }: Attempt,
  standing: Standing,
  network: string,
): Promise<void> {
  const nowMs = clock.now();
  const { name, isFamiliar } = standing;
  const expiresAtMs = nowMs + routerLimits.guessesKeepMs;
  const ofAccount = update(
    Rows.ofAccount(store, tenant.domain, local),
    guesses,
    '',
    (before = { byNetwork: {} }) => {
      const wrong = recent(before.byNetwork[name], nowMs);
      const byNetwork = mostWrong({ ...before.byNetwork, [name]: { count: (wrong?.count ?? 0) + 1, atMs: nowMs } }, nowMs);
      if (isFamiliar) return { ...before, byNetwork };
      if (wrong) return { ...before, further: minusOne(before.further, furtherRate, nowMs), byNetwork };
      return { ...before, first: minusOne(before.first, firstRate, nowMs), byNetwork };
    },
    expiresAtMs,
  );
  const change = (tokens: Tokens | undefined) => minusOne(tokens, rateOf(network), nowMs);
  const ofNetwork = isFamiliar || update(networkRows(store, tenant), networkGuesses, network, change, expiresAtMs);
  await Promise.all([ofAccount, ofNetwork]);
}

function mostWrong(byNetwork: Readonly<Record<string, Wrong>>, nowMs: number): Readonly<Record<string, Wrong>> {
  const left = Object.entries(byNetwork).filter(([, wrong]) => recent(wrong, nowMs));
  left.sort(([, a], [, b]) => b.count - a.count || b.atMs - a.atMs);
  return Object.fromEntries(left.slice(0, routerLimits.guessingNetworksMax));
}

/** Notes a right password. Usually there is nothing to write. */
async function welcome(dependencies: Dependencies, { tenant, local }: Attempt, standing: Standing): Promise<void> {
  const { store, clock, shares } = dependencies;
  const nowMs = clock.now();
  const { name } = standing;
  const notedMs = standing.familiar[name];
  if (notedMs === undefined || Math.abs(nowMs - notedMs) > routerLimits.familiarRenewMs)
    shares.familiar.note(withoutDeadline(dependencies), { domain: tenant.domain, local }, name, nowMs);
  if (!standing.account.byNetwork[name]) return;
  const forgive = (before: AccountGuesses | undefined) => before && { ...before, byNetwork: without(before.byNetwork, name) };
  await update(Rows.ofAccount(store, tenant.domain, local), guesses, '', forgive, nowMs + routerLimits.guessesKeepMs);
}

function without<Value>(record: Readonly<Record<string, Value>>, name: string): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(record).filter(([other]) => other !== name));
}

/** Writes the result. If that fails, the sign-in goes on, and wrong passwords are counted in memory. */
async function recorded(
  dependencies: Dependencies,
  { tenant, local }: Attempt,
  write: () => Promise<void>,
  right: boolean,
): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof Unavailable || error instanceof Conflict)) throw error;
    if (!right) dependencies.shares.unrecordedGuesses.bucket(`${local}@${tenant.domain}`).spend(1);
    dependencies.log.debug({ err: error }, 'cannot record the result of a sign-in attempt');
  }
}

/**
 * Logs a line for each failure, up to a rate per network. Filters of fail2ban know the form of the line from other servers. The
 * account's name is prepared, so it contains neither white space nor anything that could end the line.
 */
function logFailure(
  { log, shares }: Dependencies,
  { tenant, local, address }: Attempt,
  network: string,
  condition: string,
): void {
  if (!shares.failureLines.take(network)) return;
  const account = `${local}@${tenant.domain}`;
  // The network of an IPv4 address is the address without ::ffff:.
  const ip = networkOf(address).includes(':') || !address.includes('.') ? address : networkOf(address);
  log.warn({ account, address: ip }, `Failed authentication attempt (${condition}) for user ${account} from IP: ${ip}`);
}
