/**
 * The Blobs port: bytes of files by key (DESIGN §1). Every adapter passes `test/contracts/blobs.contract.ts`.
 */

export interface BlobInfo {
  /** A media type such as `image/png`. */
  readonly type: string;
  readonly sizeBytes: number;
}

export interface Blobs {
  /**
   * Where a client may put exactly `info.sizeBytes` bytes of `info.type` with one HTTP PUT, until `expiresAtMs`; and where anyone
   * who knows the URL may get them.
   */
  slot(
    key: string,
    info: BlobInfo,
    expiresAtMs: number,
  ): Promise<{ putUrl: string; getUrl: string; headers: Readonly<Record<string, string>> }>;
  /** Whole or not at all. @throws {Unavailable} when the medium is full or away */
  put(key: string, info: BlobInfo, body: AsyncIterable<Uint8Array>): Promise<void>;
  get(key: string): Promise<{ info: BlobInfo; body: AsyncIterable<Uint8Array> } | undefined>;
  /** @returns whether it was there */
  delete(key: string): Promise<boolean>;
}
