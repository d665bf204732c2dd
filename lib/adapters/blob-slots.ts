/**
 * URLs of the folder's blobs: `<base>/<key>` to get, and with `?slot=<token>` to put (XEP-0363 gives clients both).
 *
 * A token is `<expiry>.<size>.<type>.<mac>`: milliseconds and bytes in base 36, the media type and an HMAC-SHA-256 over key,
 * type, size and expiry in base64url. The key is not repeated in it but read from the path, so a token is good for one path.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { limits } from '../limits.ts';
import type { BlobInfo } from '../ports/blobs.ts';

export interface Slot {
  readonly key: string;
  readonly info: BlobInfo;
  readonly expiresAtMs: number;
}

export class BlobSlots {
  readonly #base: URL;
  readonly #secret: Uint8Array;

  /** @throws {RangeError} when the secret is too short to be one */
  constructor(baseUrl: string, secret: Uint8Array) {
    if (secret.length < 32) throw new RangeError(`cannot sign upload slots with ${secret.length} bytes of secret: at least 32`);
    this.#base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
    this.#secret = secret;
  }

  getUrl(key: string): string {
    return new URL(key.split('/').map(encodeURIComponent).join('/'), this.#base).href;
  }

  putUrl({ key, info, expiresAtMs }: Slot): string {
    const type = Buffer.from(info.type).toString('base64url');
    const mac = this.#mac({ key, info, expiresAtMs }).toString('base64url');
    return `${this.getUrl(key)}?slot=${expiresAtMs.toString(36)}.${info.sizeBytes.toString(36)}.${type}.${mac}`;
  }

  /** The key that a URL's path names, or undefined. `url` may be a path alone; its host is not compared. */
  keyOf(url: string): string | undefined {
    const path = this.#parse(url)?.pathname;
    if (path === undefined || !path.startsWith(this.#base.pathname)) return undefined;
    try {
      const parts = path.slice(this.#base.pathname.length).split('/').map(decodeURIComponent);
      const key = parts.join('/');
      return parts.some((part) => part.includes('/')) || !isBlobKey(key) ? undefined : key;
    } catch {
      return undefined; // a malformed percent sign
    }
  }

  /** What may be put where, when the token is ours, of this path, and not expired. */
  verify(url: string, nowMs: number): Slot | undefined {
    const key = this.keyOf(url);
    const token = /^([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([\w-]{1,400})\.([\w-]{43})$/.exec(
      this.#parse(url)?.searchParams.get('slot') ?? '',
    );
    if (key === undefined || token === null) return undefined;
    const [, expiry, size, type, mac] = token as unknown as [string, string, string, string, string];
    const info = { type: Buffer.from(type, 'base64url').toString(), sizeBytes: Number.parseInt(size, 36) };
    const slot: Slot = { key, info, expiresAtMs: Number.parseInt(expiry, 36) };
    if (!timingSafeEqual(this.#mac(slot), Buffer.from(mac, 'base64url'))) return undefined;
    return slot.expiresAtMs > nowMs ? slot : undefined;
  }

  #parse(url: string): URL | undefined {
    return URL.parse(url, this.#base.href) ?? undefined;
  }

  #mac({ key, info, expiresAtMs }: Slot): Buffer {
    const text = JSON.stringify(['skylark put slot 1', key, info.type, info.sizeBytes, expiresAtMs]);
    return createHmac('sha256', this.#secret).update(text).digest();
  }
}

/** A key must survive as the path of a URL, which no `.` or `..` does, however it is written. */
function isBlobKey(key: string): boolean {
  return (
    Buffer.byteLength(key) <= limits.blobKeyBytesMax &&
    key.isWellFormed() &&
    !/\p{Cc}/u.test(key) &&
    key.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** @throws {TypeError | RangeError} when the key or info is not one that every medium can keep */
export function checkBlob(key: string, { type, sizeBytes }: BlobInfo): void {
  if (!isBlobKey(key)) throw new TypeError(`cannot use ${JSON.stringify(key.slice(0, 100))} as a blob's key`);
  if (type.length > limits.blobTypeCharactersMax || !/^[!-.0-~]+\/[ -.0-~]+$/.test(type)) {
    throw new TypeError(`cannot use ${JSON.stringify(type.slice(0, 100))} as a blob's media type`);
  }
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new RangeError(`cannot keep a blob of ${sizeBytes} bytes`);
}
