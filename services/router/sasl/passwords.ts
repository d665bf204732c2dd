/**
 * Passwords: prepared (RFC 4013, RFC 8265 §4) and made SCRAM keys (RFC 5802 §3) on the thread pool. Nothing of a password is kept.
 */
import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import saslprep from '@mongodb-js/saslprep';
import type { Clock } from '../../../lib/ports/clock.ts';
import { opaqueString } from '../../../lib/xmpp/precis.ts';
import type { AccountRow, ScramKeys } from '../core/accounts.ts';
import { routerLimits } from '../limits.ts';

export type ScramHash = keyof AccountRow['scram'];

/** RFC 7677 §4 asks for at least 4,096. The same for every account, so that it tells nothing. */
export const scramIterations = 10_000;
export const saltBytes = 16;

/** Node's names, and the length of their output. */
export const digests = {
  'SHA-1': { name: 'sha1', bytes: 20 },
  'SHA-256': { name: 'sha256', bytes: 32 },
} as const satisfies Record<ScramHash, { name: string; bytes: number }>;

/** A text that cannot be a password; the message says why and does not quote it. */
export class InvalidPassword extends Error {
  override name = 'InvalidPassword';
}

/** Has the work wait for its turn. @throws {Overloaded} */
export type Queued = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * SASLprep as for a query (RFC 4013 §2.5), because clients use characters newer than its Unicode 3.2 and prepare them so. What it
 * refuses for its bidirectional rule, OpaqueString may take.
 * @throws {InvalidPassword}
 */
export function preparePassword(text: string): string {
  if (text === '') throw new InvalidPassword('a password cannot be empty');
  // Before the mapping, for its cost: composing hardly ever shortens a text to less than a quarter.
  if (text.length > 4 * routerLimits.passwordBytesMax) throw tooLong();
  const prepared = runSaslprep(text) ?? opaqueString(text);
  if (prepared === undefined || prepared === '')
    throw new InvalidPassword('a password cannot hold control characters and the like');
  if (Buffer.byteLength(prepared) > routerLimits.passwordBytesMax) throw tooLong();
  return prepared;
}

function tooLong(): InvalidPassword {
  return new InvalidPassword(`a password has at most ${routerLimits.passwordBytesMax} bytes`);
}

function runSaslprep(text: string): string | undefined {
  try {
    return saslprep(text, { allowUnassigned: true });
  } catch {
    return undefined; // its only way to say that a text is refused
  }
}

const pbkdf2Async = promisify(pbkdf2);

/** RFC 5802 §3: StoredKey and ServerKey. It takes a thread for some 4 ms, so callers queue for it. */
export async function deriveKeysWith(prepared: string, salt: Buffer, iterations: number, hash: ScramHash): Promise<ScramKeys> {
  const { name, bytes } = digests[hash];
  const salted = await pbkdf2Async(prepared, salt, iterations, bytes, name);
  const clientKey = createHmac(name, salted).update('Client Key').digest();
  return {
    salt: salt.toString('base64'),
    iterations,
    storedKey: createHash(name).update(clientKey).digest('base64'),
    serverKey: createHmac(name, salted).update('Server Key').digest('base64'),
  };
}

/** The keys of a new password, with salts of their own. @throws {InvalidPassword} @throws {Overloaded} */
export async function deriveKeys(
  password: string,
  clock: Clock,
  queued: Queued = (work) => work(),
): Promise<AccountRow['scram']> {
  const prepared = preparePassword(password);
  const derive = (hash: ScramHash) => deriveKeysWith(prepared, clock.randomBytes(saltBytes), scramIterations, hash);
  return queued(async () => ({ 'SHA-1': await derive('SHA-1'), 'SHA-256': await derive('SHA-256') }));
}
