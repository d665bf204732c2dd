/**
 * URLs of the blobs in a folder: `<base>/<key>` to get one, and the same with `?slot=<token>` to put it (XEP-0363 gives clients
 * both).
 *
 * A token is `<expiry>.<size>.<type>.<share>.<mac>`: milliseconds and bytes in base 36, the media type, the owner's share (may be
 * empty), and an HMAC-SHA-256 over key, type, size, expiry and share in base64url. The key is not repeated in the token but read
 * from the path, so a token is valid for one path only.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type BlobInfo, type ByteRange, isMediaType, type Slot } from '../ports/blobs.ts';
import { portLimits } from '../ports/limits.ts';

export class BlobSlots {
  readonly #baseUrl: () => string;
  readonly #secret: Uint8Array;

  /** @throws {RangeError} when the secret is too short to be safe */
  constructor(baseUrl: () => string, secret: Uint8Array) {
    if (secret.length < 32) throw new RangeError(`the secret for upload slots has ${secret.length} bytes, but needs at least 32`);
    this.#baseUrl = baseUrl;
    this.#secret = secret;
  }

  get #base(): URL {
    return folderUrl(this.#baseUrl());
  }

  getUrl(key: string): string {
    return keyUrl(this.#base, key);
  }

  putUrl({ key, info, expiresAtMs, share = '' }: Slot): string {
    const type = Buffer.from(info.type).toString('base64url');
    const mac = this.#mac({ key, info, expiresAtMs, share }).toString('base64url');
    return `${this.getUrl(key)}?slot=${expiresAtMs.toString(36)}.${info.sizeBytes.toString(36)}.${type}.${share}.${mac}`;
  }

  /** The key that a URL's path names, or undefined. `url` may be just a path; its host is not compared. */
  keyOf(url: string): string | undefined {
    const base = this.#base;
    const path = URL.parse(url, base.href)?.pathname;
    if (path === undefined || !path.startsWith(base.pathname)) return undefined;
    try {
      const parts = path.slice(base.pathname.length).split('/').map(decodeURIComponent);
      const key = parts.join('/');
      return parts.some((part) => part.includes('/')) || !isBlobKey(key) ? undefined : key;
    } catch {
      return undefined; // a malformed percent escape
    }
  }

  /** What the token allows, if it is ours, made for this path, and has not expired. */
  verify(url: string, nowMs: number): Slot | undefined {
    const key = this.keyOf(url);
    const token = /^([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([\w-]{1,400})\.([\w-]{0,32})\.([\w-]{43})$/.exec(
      URL.parse(url, this.#base.href)?.searchParams.get('slot') ?? '',
    );
    if (key === undefined || token === null) return undefined;
    const [, expiry, size, type, share, mac] = token as unknown as [string, string, string, string, string, string];
    const info = { type: Buffer.from(type, 'base64url').toString(), sizeBytes: Number.parseInt(size, 36) };
    const slot: Slot = { key, info, expiresAtMs: Number.parseInt(expiry, 36), ...(share !== '' && { share }) };
    if (!timingSafeEqual(this.#mac(slot), Buffer.from(mac, 'base64url'))) return undefined;
    return slot.expiresAtMs > nowMs ? slot : undefined;
  }

  #mac({ key, info, expiresAtMs, share = '' }: Slot): Buffer {
    const text = JSON.stringify(['skylark put slot 2', key, info.type, info.sizeBytes, expiresAtMs, share]);
    return createHmac('sha256', this.#secret).update(text).digest();
  }
}

/** Adds a trailing slash, so that relative paths are resolved inside the folder. */
export function folderUrl(url: string): URL {
  return new URL(url.endsWith('/') ? url : `${url}/`);
}

export function keyUrl(base: URL, key: string): string {
  return new URL(key.split('/').map(encodeURIComponent).join('/'), base).href;
}

/** A key must survive as the path of a URL; `.` and `..` do not, however they are written. */
export function isBlobKey(key: string): boolean {
  return (
    Buffer.byteLength(key) <= portLimits.blobKeyBytesMax &&
    key.isWellFormed() &&
    !/\p{Cc}/u.test(key) &&
    key.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** @throws {TypeError | RangeError} when some medium could not store a blob with this key or info */
export function checkBlob(key: string, { type, sizeBytes }: BlobInfo): void {
  if (!isBlobKey(key)) throw new TypeError(`cannot use ${JSON.stringify(key.slice(0, 100))} as a blob's key`);
  if (!isMediaType(type)) {
    throw new TypeError(`cannot use ${JSON.stringify(type.slice(0, 100))} as a blob's media type`);
  }
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new RangeError(`cannot keep a blob of ${sizeBytes} bytes`);
}

/** @throws {RangeError} */
export function checkExpiry(expiresAtMs: number): void {
  if (!Number.isSafeInteger(expiresAtMs) || expiresAtMs < 0) throw new RangeError(`cannot expire a slot at ${expiresAtMs}`);
}

/** @throws {RangeError} when the range is not within the blob */
export function checkRange({ sizeBytes }: BlobInfo, range: ByteRange | undefined): void {
  if (range === undefined) return;
  const { first, last } = range;
  const isWithin = Number.isSafeInteger(first) && Number.isSafeInteger(last) && first >= 0 && first <= last && last < sizeBytes;
  if (!isWithin) throw new RangeError(`cannot read bytes ${first} to ${last} of ${sizeBytes}`);
}

/**
 * Passes the body on, and throws at the first byte too many, or at the end if bytes are missing. The last chunk is held back
 * until the body has ended, because a medium that has received all announced bytes keeps them.
 * @throws {RangeError}
 */
export async function* exactly(body: AsyncIterable<Uint8Array>, sizeBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  let last: Uint8Array | undefined;
  for await (const chunk of body) {
    if (chunk.length === 0) continue;
    bytes += chunk.length;
    if (bytes > sizeBytes) throw new RangeError(`cannot put more than the ${sizeBytes} bytes announced`);
    if (last !== undefined) yield last;
    last = chunk;
  }
  if (bytes !== sizeBytes) throw new RangeError(`cannot put ${bytes} bytes where ${sizeBytes} were announced`);
  if (last !== undefined) yield last;
}
