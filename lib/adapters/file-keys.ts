/** The Keys port on a key of 32 bytes in a file: whoever can read that file can open what was sealed. */
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../ports/clock.ts';
import { type Keys, NotOpened } from '../ports/keys.ts';
import { type DataKey, decrypt, encrypt, envelopeKeys } from './envelope.ts';

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

export interface FileKeysOptions {
  readonly path: string;
  readonly clock: Clock;
}

/**
 * Reads the key file, or makes it.
 * @throws {TypeError} when it is not a key or others may read it; and errors of the file system
 */
export function openFileKeys({ path, clock }: FileKeysOptions): Keys {
  const master = readOrMake(path, clock);
  return envelopeKeys(
    {
      async mint(context): Promise<DataKey> {
        const plain = clock.randomBytes(keyBytes);
        const { nonce, ciphertext, tag } = encrypt(master, plain, context, clock);
        return { plain, wrapped: Buffer.concat([nonce, tag, ciphertext]) };
      },
      async unwrap(wrapped, context) {
        if (wrapped.length !== nonceBytes + tagBytes + keyBytes) throw new NotOpened('the text is not a sealed secret');
        const [nonce, tag] = [wrapped.subarray(0, nonceBytes), wrapped.subarray(nonceBytes, nonceBytes + tagBytes)];
        return decrypt(master, { nonce, tag, ciphertext: wrapped.subarray(nonceBytes + tagBytes) }, context);
      },
    },
    clock,
  );
}

/** When several processes start at once, all use the key of the first. */
function readOrMake(path: string, clock: Clock): Buffer {
  const found = read(path);
  if (found !== undefined) return found;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${clock.randomBytes(6).toString('hex')}`;
  writeFileSync(draft, clock.randomBytes(keyBytes), { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  const made = read(path);
  if (made === undefined) throw new TypeError(`'${path}' is a dangling link`);
  return made;
}

function read(path: string): Buffer | undefined {
  let key: Buffer;
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw new TypeError(`'${path}' can be read by others; protect it with: chmod 600`);
    }
    key = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (key.length !== keyBytes) throw new TypeError(`'${path}' is not a key: it has ${key.length} bytes, not ${keyBytes}`);
  return key;
}
