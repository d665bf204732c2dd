/**
 * The Blobs port: bytes of files by key (DESIGN §1). Every adapter passes `test/contracts/blobs.contract.ts`.
 */
import { limits } from '../limits.ts';

export interface BlobInfo {
  /** A media type such as `image/png`. */
  readonly type: string;
  readonly sizeBytes: number;
}

/** What a blob's type may be: printable ASCII, so that it is a header's value and nothing more. */
export function isMediaType(type: string): boolean {
  return type.length <= limits.blobTypeCharactersMax && /^[!-.0-~]+\/[ -.0-~]*[!-.0-~]$/.test(type);
}

/** Of a blob's bytes, both ends included and counted from 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What may be put where, as the token of a put URL says. */
export interface Slot {
  readonly key: string;
  readonly info: BlobInfo;
  readonly expiresAtMs: number;
  /** Whose slot it is, in letters that tell nobody: those of one account share what is uploaded at once. */
  readonly share?: string;
}

export interface Blobs {
  /**
   * Where a client may put exactly `info.sizeBytes` bytes of `info.type` with one HTTP PUT that begins before `expiresAtMs` (or
   * sooner: S3 grants seven days at most); and where anyone who knows the URL may get them.
   * @param share see {@link Slot}: up to 32 letters of base64url
   */
  slot(
    key: string,
    info: BlobInfo,
    expiresAtMs: number,
    share?: string,
  ): Promise<{ putUrl: string; getUrl: string; headers: Readonly<Record<string, string>> }>;
  /** Whole or not at all. @throws {Unavailable} when the medium is full or away */
  put(key: string, info: BlobInfo, body: AsyncIterable<Uint8Array>): Promise<void>;
  /** `body` is read when it is asked for, and only the `range` that must lie within the blob. */
  get(key: string, range?: ByteRange): Promise<{ info: BlobInfo; body: AsyncIterable<Uint8Array> } | undefined>;
  /** @returns whether it was there */
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
  /** For PUT: what the URL's token allows, if it is ours and still good. `url` may be a path with its query. */
  verifySlot(url: string): Slot | undefined;
  /** For GET and HEAD. */
  keyOf(url: string): string | undefined;
}
