/**
 * The Blobs port: the bytes of files, by key. Every adapter passes `test/contracts/blobs.contract.ts`.
 */
import { portLimits } from './limits.ts';

export interface BlobInfo {
  /** A media type such as `image/png`. */
  readonly type: string;
  readonly sizeBytes: number;
}

/** Whether a text may be a blob's media type: printable ASCII only, so that it is a safe header value. */
export function isMediaType(type: string): boolean {
  return type.length <= portLimits.blobTypeCharactersMax && /^[!-.0-~]+\/[ -.0-~]*[!-.0-~]$/.test(type);
}

/** A range of a blob's bytes. Both ends are included; the first byte is 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What the token of a put URL allows: this key, this type and size, until this time. */
export interface Slot {
  readonly key: string;
  readonly info: BlobInfo;
  readonly expiresAtMs: number;
  /** An opaque id of the account that owns the slot: the slots of one account share a bound on what is uploaded at once. */
  readonly share?: string;
}

export interface Blobs {
  /** Files are kept and ended as their keys say (lib/runtime/file-keys.ts). Where it is absent, all of them end at the same age. */
  readonly knowsPurposes?: true;
  /**
   * Makes the URL at which a client may put exactly `info.sizeBytes` bytes of `info.type` with one HTTP PUT, which must begin
   * before `expiresAtMs` (or sooner: S3 grants seven days at most), and the URL at which anyone who knows it may get them.
   * @param share see {@link Slot}: up to 32 letters of base64url
   */
  slot(
    key: string,
    info: BlobInfo,
    expiresAtMs: number,
    share?: string,
  ): Promise<{ putUrl: string; getUrl: string; headers: Readonly<Record<string, string>> }>;
  /** Stores the whole blob or nothing. @throws {Unavailable} when the medium is full or away */
  put(key: string, info: BlobInfo, body: AsyncIterable<Uint8Array>): Promise<void>;
  /** Reads `body` only when it is asked for, and only the given `range`, which must lie within the blob. */
  get(key: string, range?: ByteRange): Promise<{ info: BlobInfo; body: AsyncIterable<Uint8Array> } | undefined>;
  /** @returns whether the blob was there */
  delete(key: string): Promise<boolean>;
  /**
   * Deletes all that have this as the first part of their key, before the first slash, and were there when it was called. May take long.
   * @param onPage runs from time to time, and may throw to stop
   * @returns how many
   */
  deleteAll(first: string, onPage?: () => Promise<void>): Promise<number>;
}

/** Blobs whose URLs this program itself serves (services/web/files.ts). */
export interface ServedBlobs extends Blobs {
  /** For PUT: what the URL's token allows, or undefined if the token is forged or expired. `url` may be a path with its query. */
  verifySlot(url: string): Slot | undefined;
  /** For GET and HEAD: the key that the URL names. */
  keyOf(url: string): string | undefined;
}
