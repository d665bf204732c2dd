/** PLAIN (RFC 4616), for clients without SCRAM; over TLS only. */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Parts } from '../core/dependencies.ts';
import { findCredentials, isOwnAddress, isSame, prepareName } from './credentials.ts';
import { deriveKeysWith, InvalidPassword, preparePassword } from './passwords.ts';

/** @param message `[authzid] NUL authcid NUL passwd`. @returns who it is. @throws {SaslFailure} @throws {Overloaded} */
export async function checkPlain(parts: Parts, tenant: Tenant, message: string): Promise<string> {
  const [authzid, authcid, password, ...more] = message.split('\0');
  if (!authcid || !password || more.length > 0) {
    throw new SaslFailure('malformed-request', 'the message is not authzid NUL authcid NUL passwd');
  }
  const local = prepareName(authcid, tenant);
  if (local === undefined) throw new SaslFailure('not-authorized');
  if (authzid && !isOwnAddress(authzid, local, tenant)) throw new SaslFailure('invalid-authzid');
  const prepared = prepare(password);
  const { keys, isKnown } = await findCredentials(parts, tenant, local, 'SHA-256');
  const derived = await deriveKeysWith(prepared, Buffer.from(keys.salt, 'base64'), keys.iterations, 'SHA-256');
  const isRight = isSame(Buffer.from(derived.storedKey, 'base64'), Buffer.from(keys.storedKey, 'base64'));
  if (!isRight || !isKnown) throw new SaslFailure('not-authorized');
  return local;
}

/** What can be nobody's password is a wrong one. */
function prepare(password: string): string {
  try {
    return preparePassword(password);
  } catch (error) {
    if (error instanceof InvalidPassword) throw new SaslFailure('not-authorized');
    throw error;
  }
}
