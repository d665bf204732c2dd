/**
 * Envelope encryption: each secret is encrypted here (AES-256-GCM) with its own data key. The data key is stored with it, wrapped
 * with a key that never leaves its place (a file, KMS). The context is authenticated with both.
 *
 *     1.<wrapped data key>.<12 bytes of nonce>.<ciphertext>.<16 bytes of tag>      each Base64
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import { type Keys, NotOpened } from '../ports/keys.ts';
import { portLimits } from '../ports/limits.ts';

export interface DataKey {
  /** 32 bytes. */
  readonly plain: Uint8Array;
  readonly wrapped: Uint8Array;
}

/** Wraps and unwraps data keys with the key that it holds. */
export interface Wrapper {
  mint(context: string): Promise<DataKey>;
  /** @throws {NotOpened} */
  unwrap(wrapped: Buffer, context: string): Promise<Uint8Array>;
}

const form = '1';
const nonceBytes = 12;
const tagBytes = 16;

export function envelopeKeys(wrapper: Wrapper, clock: Clock): Keys {
  return {
    async seal(secret, context) {
      checkContext(context);
      if (secret.length > portLimits.sealedBytesMax)
        throw new RangeError(`a secret has at most ${portLimits.sealedBytesMax} bytes`);
      const { plain, wrapped } = await wrapper.mint(context);
      const { nonce, ciphertext, tag } = encrypt(plain, secret, context, clock);
      return [form, ...[wrapped, nonce, ciphertext, tag].map((part) => Buffer.from(part).toString('base64'))].join('.');
    },
    async open(sealed, context) {
      checkContext(context);
      const [version, ...parts] = sealed.length > 4 * portLimits.sealedBytesMax ? [] : sealed.split('.');
      if (version !== form || parts.length !== 4) throw new NotOpened('the text is not a sealed secret');
      const [wrapped, nonce, ciphertext, tag] = parts.map(readBase64) as [Buffer, Buffer, Buffer, Buffer];
      return decrypt(await wrapper.unwrap(wrapped, context), { nonce, ciphertext, tag }, context);
    },
  };
}

interface Box {
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

export function encrypt(key: Uint8Array, secret: Uint8Array, context: string, clock: Clock): Box {
  const nonce = clock.randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  return { nonce, ciphertext, tag: cipher.getAuthTag() };
}

/** @throws {NotOpened} */
export function decrypt(key: Uint8Array, { nonce, ciphertext, tag }: Box, context: string): Buffer {
  // Node would accept a short tag, which an attacker could guess.
  if (nonce.length !== nonceBytes || tag.length !== tagBytes) throw new NotOpened('the text is not a sealed secret');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    throw new NotOpened(`the secret was changed, sealed with another key, or sealed for something other than '${context}'`);
  }
}

/** Node ignores characters that are not Base64. */
function readBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new NotOpened('the text is not a sealed secret');
  return bytes;
}

function checkContext(context: string): void {
  if (context === '' || Buffer.byteLength(context) > portLimits.sealContextBytesMax)
    throw new TypeError('the context of a secret is empty or too long');
}
