/**
 * The keys that a sign-in is checked against. For a name without an account, keys are made up, the same ones every time. So its
 * exchange looks like any other and fails only at the end (RFC 5802 §9 leaves this to the server).
 */
import { hash as hashOnce } from 'node:crypto';
import { portLimits } from '../../../lib/ports/limits.ts';
import { isGuestName } from '../../../lib/runtime/guest-names.ts';
import type { SignInWay } from '../../../lib/runtime/policy/sign-in.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure, StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { type AccountRow, findAccount, type ScramHash, type ScramKeys } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { WrongPassword } from './guesses.ts';
import { digests, saltBytes, scramIterations } from './passwords.ts';

export interface Credentials {
  readonly keys: ScramKeys;
  readonly hash: ScramHash;
  /** The account; absent when there is none, and the keys were made up. */
  readonly account: AccountRow | undefined;
}

/** Whose password, token or proof was right. {@link signedIn} makes it. */
export interface SignedIn {
  readonly local: string;
  /** {@link AccountRow.incarnation}, from the row whose keys the password was compared with. */
  readonly incarnation: string | undefined;
  /** Which way of the tenant's policy it was; absent: by password. */
  readonly way?: SignInWay | undefined;
  /** Until when the tenant's own system vouches for them, ms: no token is valid for longer. Absent: for ever. */
  readonly untilMs?: number | undefined;
}

/**
 * Prepares a name that a client has sent (RFC 7622 §3.3).
 * @returns undefined if no account can have it that lasts: it is too long for keys of rows, or the name of a guest
 */
export function prepareName(name: string, tenant: Tenant): string | undefined {
  try {
    const { local } = Jid.of(name, tenant.domain);
    const isFitting = Buffer.byteLength(tenant.domain + local) <= portLimits.storeKeyBytesMax - routerLimits.accountKeyBytes;
    return local !== '' && isFitting && !isGuestName(tenant, local) ? local : undefined;
  } catch (error) {
    if (error instanceof StanzaError) return undefined;
    throw error;
  }
}

/** RFC 6120 §6.3.8: is the authorization identity the account itself? Nobody may act for somebody else. */
function isOwnAddress(authzid: string, local: string, tenant: Tenant): boolean {
  try {
    return Jid.parse(authzid).equals(Jid.of(local, tenant.domain));
  } catch (error) {
    if (error instanceof StanzaError) return false;
    throw error;
  }
}

/** Who wants to sign in, as the client says. */
export interface Claimed {
  readonly name: string;
  readonly authzid: string | undefined;
  /** The local part of the stream's `from`, where that must be the same (XEP-0388 §2.3). */
  readonly from: string | undefined;
}

/** @returns the prepared local part. @throws {SaslFailure} */
export function readName({ name, authzid, from }: Claimed, tenant: Tenant): string {
  const local = prepareName(name, tenant);
  if (local === undefined) throw new WrongPassword();
  if (authzid && !isOwnAddress(authzid, local, tenant)) throw new SaslFailure('invalid-authzid');
  if (from !== undefined && from !== local) throw new SaslFailure('not-authorized', 'the stream is for another account');
  return local;
}

/**
 * Lets the account in, whichever way its owner has proved it: nobody else learns that it is disabled.
 * @throws {SaslFailure} account-disabled (RFC 6120 §6.5.2)
 */
export function signedIn(local: string, account: Pick<AccountRow, 'incarnation' | 'isDisabled'> | undefined): SignedIn {
  if (account?.isDisabled) throw new SaslFailure('account-disabled');
  return { local, incarnation: account?.incarnation };
}

/**
 * @param local a prepared local part
 * @param hashes the first of them that the account has keys for counts
 */
export async function findCredentials(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  ...hashes: readonly [ScramHash, ...ScramHash[]]
): Promise<Credentials> {
  const account = await findAccount(dependencies.store, tenant.domain, local);
  const hash = hashes.find((one) => account?.scram[one] !== undefined) ?? hashes[0];
  const madeUp = makeUpKeys(tenant, local, hash); // also if the account exists, so that both cases take the same time
  return { keys: account?.scram[hash] ?? madeUp, hash, account };
}

/** Makes up keys. Only the salt is ever shown, so a hash over a secret is strong enough. */
function makeUpKeys(tenant: Tenant, local: string, hash: ScramHash): ScramKeys {
  const make = (what: string) => hashOnce('sha512', `${tenant.secret} ${what} ${hash}\0${local}`, 'buffer');
  const key = make('key').toString('base64', 0, digests[hash].bytes);
  return { salt: make('scram').toString('base64', 0, saltBytes), iterations: scramIterations, storedKey: key, serverKey: key };
}
