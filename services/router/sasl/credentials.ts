/**
 * The keys that a sign-in is checked against. For a name without an account, keys are made up, the same ones every time. So its
 * exchange looks like any other and fails only at the end (RFC 5802 §9 leaves this to the server).
 */
import { hash as hashOnce } from 'node:crypto';
import { portLimits } from '../../../lib/ports/limits.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { type AccountRow, findAccount, type ScramKeys } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { digests, type ScramHash, saltBytes, scramIterations } from './passwords.ts';

export interface Credentials {
  readonly keys: ScramKeys;
  /** The account; absent when there is none, and the keys were made up. */
  readonly account: AccountRow | undefined;
}

/** Whose password was right. */
export interface SignedIn {
  readonly local: string;
  /** {@link AccountRow.incarnation}, from the row whose keys the password was compared with. */
  readonly incarnation: string | undefined;
}

/**
 * Prepares a name that a client has sent (RFC 7622 §3.3).
 * @returns undefined if no account can have it, also if it is too long for keys of rows
 */
export function prepareName(name: string, tenant: Tenant): string | undefined {
  try {
    const { local } = Jid.of(name, tenant.domain);
    const isFitting = Buffer.byteLength(tenant.domain + local) <= portLimits.storeKeyBytesMax - routerLimits.accountKeyBytes;
    return local !== '' && isFitting ? local : undefined;
  } catch (error) {
    if (error instanceof StanzaError) return undefined;
    throw error;
  }
}

/** RFC 6120 §6.3.8: is the authorization identity the account itself? Nobody may act for somebody else. */
export function isOwnAddress(authzid: string, local: string, tenant: Tenant): boolean {
  try {
    return Jid.parse(authzid).equals(Jid.of(local, tenant.domain));
  } catch (error) {
    if (error instanceof StanzaError) return false;
    throw error;
  }
}

/** @param local a prepared local part */
export async function findCredentials(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  hash: ScramHash,
): Promise<Credentials> {
  const account = await findAccount(dependencies.store, tenant.domain, local);
  const madeUp = makeUpKeys(tenant, local, hash); // also if the account exists, so that both cases take the same time
  return { keys: account?.scram[hash] ?? madeUp, account };
}

/** Makes up keys. Only the salt is ever shown, which is 16 of 64 bytes, so a hash over a secret is strong enough. */
function makeUpKeys(tenant: Tenant, local: string, hash: ScramHash): ScramKeys {
  const bytes = hashOnce('sha512', `${tenant.secret} scram ${hash}\0${local}`, 'buffer');
  const key = bytes.toString('base64', saltBytes, saltBytes + digests[hash].bytes);
  return { salt: bytes.toString('base64', 0, saltBytes), iterations: scramIterations, storedKey: key, serverKey: key };
}
