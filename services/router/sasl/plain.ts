/** PLAIN (RFC 4616), for clients without SCRAM. It is offered only with TLS. */
import { networkOf } from '../../../lib/runtime/networks.ts';
import { isSameSecret } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { AccountRow } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { findCredentials, readName, type SignedIn, signedIn } from './credentials.ts';
import { checkGuess } from './guesses.ts';
import { looksLikeJwt } from './jwt.ts';
import { deriveKeysWith, InvalidPassword, preparePassword } from './passwords.ts';

/** @returns what the message says if its password is a token (jwt.ts); undefined for any other */
export function readPlainToken(message: string): { name: string; authzid: string | undefined; token: string } | undefined {
  const [authzid, name, token, ...more] = message.split('\0');
  return name && token && more.length === 0 && looksLikeJwt(token) ? { name, authzid, token } : undefined;
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
  let found: AccountRow | undefined;
  await checkGuess(dependencies, { tenant, local, address }, async () => {
    const { keys, hash, account } = await findCredentials(dependencies, tenant, local, 'SHA-256', 'SHA-512', 'SHA-1');
    found = account;
    const prepared = prepare(password);
    if (prepared === undefined) return false;
    const path = [tenant.domain, networkOf(address), local];
    const derived = await dependencies.shares.passwords.run(path, () =>
      deriveKeysWith(prepared, Buffer.from(keys.salt, 'base64'), keys.iterations, hash),
    );
    return isSameSecret(Buffer.from(derived.storedKey, 'base64'), Buffer.from(keys.storedKey, 'base64')) && account !== undefined;
  });
  return signedIn(local, found);
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
