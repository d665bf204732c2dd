/**
 * Passwords are prepared (RFC 4013, RFC 8265 §4) and made into SCRAM keys (RFC 5802 §3) on the thread pool. The password itself
 * is never kept.
 */
import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import saslprep from '@mongodb-js/saslprep';
import type { Clock } from '../../../lib/ports/clock.ts';
import { opaqueString } from '../../../lib/xmpp/precis.ts';
import type { AccountRow, ScramHash, ScramKeys } from '../core/accounts.ts';
import { routerLimits } from '../limits.ts';

/** The strongest comes first. A new account has keys for all of them. */
export const scramHashes: readonly ScramHash[] = ['SHA-512', 'SHA-256', 'SHA-1'];

/** The hashes for which an account has keys, the strongest first. */
export function accountHashes({ scram }: AccountRow): readonly ScramHash[] {
  return scramHashes.filter((hash) => scram[hash] !== undefined);
}

/** RFC 7677 §4 asks for at least 4,096. It is the same for every account, so that it reveals nothing. */
export const scramIterations = 10_000;
export const saltBytes = 16;

/** The names of the hash functions in Node, and the length of their output. */
export const digests = {
  'SHA-1': { name: 'sha1', bytes: 20 },
  'SHA-256': { name: 'sha256', bytes: 32 },
  'SHA-512': { name: 'sha512', bytes: 64 },
} as const satisfies Record<ScramHash, { name: string; bytes: number }>;

/** Thrown for a text that cannot be a password. The message says why and does not quote the text. */
export class InvalidPassword extends Error {
  override name = 'InvalidPassword';
}

/** Runs the work when it is its turn. @throws {Overloaded} */
export type Queued = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * Prepares a password with SASLprep as a query (RFC 4013 §2.5), which allows characters that are newer than its Unicode 3.2,
 * because clients do the same. If SASLprep refuses the text, for example by its rule on the direction of writing, OpaqueString
 * may still accept it.
 * @throws {InvalidPassword}
 */
export function preparePassword(text: string): string {
  if (text === '') throw new InvalidPassword('a password cannot be empty');
  // This is checked before the mapping, which is expensive. Composition rarely shortens a text to less than a quarter.
  if (text.length > 4 * routerLimits.passwordBytesMax) throw tooLong();
  const prepared = runSaslprep(text) ?? opaqueString(text);
  if (prepared === undefined || prepared === '')
    throw new InvalidPassword('a password cannot contain control characters or other forbidden characters');
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
    return undefined; // saslprep throws when it refuses a text
  }
}

const pbkdf2Async = promisify(pbkdf2);

/** Derives StoredKey and ServerKey (RFC 5802 §3). This takes about 4 ms of a thread, so callers wait in a queue. */
export async function deriveKeysWith(prepared: string, salt: Buffer, iterations: number, hash: ScramHash): Promise<ScramKeys> {
  const { name, bytes } = digests[hash];
  return keysOf(await pbkdf2Async(prepared, salt, iterations, bytes, name), salt, iterations, hash);
}

/** @param salted SaltedPassword of RFC 5802 §3 */
export function keysOf(salted: Buffer, salt: Buffer, iterations: number, hash: ScramHash): ScramKeys {
  const { name } = digests[hash];
  const clientKey = createHmac(name, salted).update('Client Key').digest();
  return {
    salt: salt.toString('base64'),
    iterations,
    storedKey: createHash(name).update(clientKey).digest('base64'),
    serverKey: createHmac(name, salted).update('Server Key').digest('base64'),
  };
}

/** Derives the keys of a new password, with new salts. @throws {InvalidPassword} @throws {Overloaded} */
export async function deriveKeys(
  password: string,
  clock: Clock,
  queued: Queued = (work) => work(),
): Promise<Readonly<Record<ScramHash, ScramKeys>>> {
  const prepared = preparePassword(password);
  const derive = (hash: ScramHash) => deriveKeysWith(prepared, clock.randomBytes(saltBytes), scramIterations, hash);
  return queued(async () => ({
    'SHA-1': await derive('SHA-1'),
    'SHA-256': await derive('SHA-256'),
    'SHA-512': await derive('SHA-512'),
  }));
}
