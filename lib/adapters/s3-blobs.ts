/**
 * The Blobs port on S3, or on a service with the same protocol.
 *
 * Slots are presigned PUTs whose length and type are signed headers, so that S3 itself refuses any other length or type. Clients cannot be
 * asked for `If-None-Match: *`, with which S3 takes a key once: it is not one of the three headers of XEP-0363 §4. So where there is a CDN for
 * uploads, the slot leads there, and the CDN adds the header. It is signed, too, so without it S3 refuses: whoever goes to the bucket itself
 * must send the same. Without such a CDN a slot can be used again while it lasts, for the same length and type (decision 27).
 *
 * GETs go elsewhere: to a domain of their own (CloudFront) that reads the bucket and adds headers that make strangers' files harmless.
 * Checksums, which the SDK would add by itself, are turned off: clients cannot be asked to send those headers.
 */

import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { BlobInfo, Blobs, ByteRange } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import { portLimits } from '../ports/limits.ts';
import { Unavailable } from '../ports/store.ts';
import { checkBlob, checkExpiry, checkRange, exactly, folderUrl, isBlobKey, keyUrl } from './blob-slots.ts';
import { adapterLimits } from './limits.ts';

export interface S3Options {
  /** The URL of a service other than AWS. Requests go to `<endpoint>/<bucket>/<key>`. */
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** The URL below which files are read, such as `https://files.example.org/`. */
  readonly filesUrl: string;
  /** The URL of a CDN that passes PUTs on to the bucket, with `If-None-Match: *`. Only its origin counts. */
  readonly uploadsUrl?: string | undefined;
  /** Default: the SDK's own chain (environment, task role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
  /** The clock that the expiry times of slots refer to. */
  readonly clock: Clock;
  /** The time of day: S3 checks signatures by its own clock. Default: `clock`. */
  readonly wall?: Clock;
}

export interface S3Blobs extends Blobs {
  /** The origin of put URLs, for web pages that must allow it: `https://bucket.s3.eu-central-1.amazonaws.com`. */
  readonly putOrigin: string;
  close(): void;
}

/** Does not connect. */
export function s3Blobs(options: S3Options): S3Blobs {
  return new BucketBlobs(options);
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

class BucketBlobs implements S3Blobs {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #filesUrl: URL;
  readonly #clock: Clock;
  readonly #wall: Clock;
  readonly #isOnce: boolean;
  readonly putOrigin: string;

  constructor({ endpoint, region, bucket, filesUrl, uploadsUrl, credentials, clock, wall = clock }: S3Options) {
    this.#isOnce = uploadsUrl !== undefined;
    this.#bucket = bucket;
    this.#filesUrl = folderUrl(filesUrl);
    this.#clock = clock;
    this.#wall = wall;
    const agent = { keepAlive: true, maxSockets: adapterLimits.s3SocketsMax };
    this.#client = new S3Client({
      region,
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      ...(credentials !== undefined && { credentials }),
      maxAttempts: adapterLimits.s3TriesMax,
      logger: silent, // errors are thrown; the SDK would also write them to the console
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: adapterLimits.s3ConnectTimeoutMs,
        socketTimeout: adapterLimits.s3SilenceTimeoutMs,
        httpAgent: agent,
        httpsAgent: agent,
      },
    });
    const url = endpoint ?? this.#client.config.endpointProvider({ Bucket: bucket, Region: region }).url;
    this.putOrigin = new URL(uploadsUrl ?? url).origin;
  }

  async slot(key: string, info: BlobInfo, expiresAtMs: number) {
    checkBlob(key, info);
    checkExpiry(expiresAtMs);
    const leftMs = expiresAtMs - this.#clock.now();
    const seconds = Math.min(Math.floor(leftMs / 1000), adapterLimits.s3SlotSecondsMax);
    const once = this.#isOnce ? { IfNoneMatch: '*' } : {};
    const signed = await this.#sign(
      { ...this.#putInput(key, info), ...once },
      {
        // a slot that has already expired is signed as valid for the second before
        signingDate: new Date(this.#wall.now() + (seconds > 0 ? 0 : leftMs - 1000)),
        expiresIn: Math.max(seconds, 1),
      },
    );
    // What is signed is the host of the bucket, to which the CDN sends it on.
    const putUrl = this.#isOnce ? `${this.putOrigin}${signed.slice(new URL(signed).origin.length)}` : signed;
    return { putUrl, getUrl: keyUrl(this.#filesUrl, key), headers: {} };
  }

  /** Errors of the body pass unchanged, as does a RangeError when its size is wrong. */
  async put(key: string, info: BlobInfo, body: AsyncIterable<Uint8Array>): Promise<void> {
    checkBlob(key, info);
    const source = new Source(exactly(body, info.sizeBytes));
    const input = this.#putInput(key, info);
    // S3 does not check the body of an empty object, so this does
    const stream = info.sizeBytes === 0 ? await source.drain() : source.stream;
    try {
      await onBucket(this.#client.send(new PutObjectCommand({ ...input, Body: stream }), { abortSignal: source.broken }));
    } catch (error) {
      throw source.fault ?? error;
    } finally {
      source.stream.destroy();
    }
  }

  async get(key: string, range?: ByteRange) {
    const found = await this.#find(key);
    if (found === undefined) return undefined;
    const { info, etag } = found;
    checkRange(info, range);
    return { info, body: { [Symbol.asyncIterator]: () => this.#read(key, info, etag, range) } };
  }

  async delete(key: string): Promise<boolean> {
    if (!isBlobKey(key) || !(await this.#list(key, 1)).keys.includes(key)) return false;
    await onBucket(this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key })));
    return true;
  }

  async deleteAll(first: string, onPage: () => Promise<void> = async () => {}): Promise<number> {
    let count = 0;
    for (let token: string | undefined; ; ) {
      const { keys, next } = await this.#list(`${first}/`, portLimits.blobsPageMax, token);
      await onPage();
      // One by one: S3 requires a checksum when many are deleted at once, and not every service with its protocol knows it.
      const Bucket = this.#bucket;
      await Promise.all(keys.map((Key) => onBucket(this.#client.send(new DeleteObjectCommand({ Bucket, Key })))));
      count += keys.length;
      token = next;
      if (token === undefined) return count;
    }
  }

  close(): void {
    this.#client.destroy();
  }

  /** Lists keys in the order of their bytes, so that a key that equals the prefix comes first. */
  async #list(prefix: string, most: number, token?: string): Promise<{ keys: string[]; next: string | undefined }> {
    const list = new ListObjectsV2Command({
      ...{ Bucket: this.#bucket, Prefix: prefix, MaxKeys: most, ContinuationToken: token },
      EncodingType: 'url', // a key may hold what XML cannot
    });
    const page = await onBucket(this.#client.send(list));
    const keys = (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : decodeKey(Key)));
    return { keys, next: page.NextContinuationToken };
  }

  #putInput(key: string, { type, sizeBytes }: BlobInfo): PutObjectCommandInput {
    return { Bucket: this.#bucket, Key: key, ContentType: type, ContentLength: sizeBytes };
  }

  /** @throws {Unavailable} when no credentials are found */
  #sign(input: PutObjectCommandInput, time: { signingDate: Date; expiresIn: number }): Promise<string> {
    const signableHeaders = new Set(['host', 'content-length', 'content-type', 'if-none-match']);
    return onBucket(getSignedUrl(this.#client, new PutObjectCommand(input), { ...time, signableHeaders }));
  }

  async #find(key: string): Promise<{ info: BlobInfo; etag: string | undefined } | undefined> {
    if (!isBlobKey(key)) return undefined;
    try {
      const head = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
      return { info: { type: head.ContentType ?? '', sizeBytes: head.ContentLength ?? 0 }, etag: head.ETag };
    } catch (error) {
      if ((error as Failure).$metadata?.httpStatusCode === 404) return undefined;
      throw away(error);
    }
  }

  /** Sends the request when the first byte is wanted, so that an unread body holds no socket. */
  async *#read(
    key: string,
    info: BlobInfo,
    etag: string | undefined,
    range: ByteRange | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const part = range && `bytes=${range.first}-${range.last}`;
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key, IfMatch: etag, Range: part });
    const { Body } = await onBucket(this.#client.send(command));
    const expected = range === undefined ? info.sizeBytes : range.last + 1 - range.first;
    let bytes = 0;
    try {
      for await (const chunk of Body as Readable) {
        bytes += (chunk as Uint8Array).length;
        yield chunk as Uint8Array;
      }
    } catch (error) {
      throw away(error);
    }
    if (bytes !== expected) throw new Unavailable(`cannot read a file from the bucket: ${bytes} of ${expected} bytes came`);
  }
}

/** As S3 writes keys in lists: percent-encoded, with `+` for a space. */
function decodeKey(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/** A body on its way to S3. If it breaks off, so does the request, and S3 keeps nothing that is shorter than announced. */
class Source {
  readonly stream: Readable;
  readonly #breaking = new AbortController();
  fault: unknown;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.stream = Readable.from(body, { objectMode: false });
    this.stream.on('error', (error) => {
      this.fault ??= error;
      this.#breaking.abort();
    });
  }

  get broken(): AbortSignal {
    return this.#breaking.signal;
  }

  /** Reads a body that must be empty. */
  async drain(): Promise<Buffer> {
    for await (const _ of this.stream) {
      // `exactly` throws at the first byte
    }
    return Buffer.alloc(0);
  }
}

interface Failure extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
}

async function onBucket<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw away(error);
  }
}

/**
 * These errors (bucket full, away, throttled, access denied, missing) may pass or need the operator, and are not the caller's
 * fault. S3's own message is left out, because it may name the key, and whoever reads a key in a log could get the file.
 */
function away(error: unknown): Error {
  const { name, $metadata } = error as Failure;
  const { code } = error as NodeJS.ErrnoException;
  return new Unavailable(`cannot use the bucket for files: ${[name, code, $metadata?.httpStatusCode].filter(Boolean).join(' ')}`);
}
