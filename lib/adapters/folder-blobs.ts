/**
 * The Blobs port in a folder of this machine.
 *
 * A blob is one file, `<hh>/<hash of the key>`: four bytes with the length of a head, the head (JSON: key, type, size), and the
 * bytes. It is written as `temporary/<random>`, synced, and renamed, so that a reader sees all of it or none. Names are hashes,
 * so no key can leave the folder, collide on a file system that ignores case, or be too long.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { limits } from '../limits.ts';
import type { BlobInfo, Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import { Unavailable } from '../ports/store.ts';
import { BlobSlots, checkBlob, type Slot } from './blob-slots.ts';

interface FolderBlobsOptions {
  readonly folder: string;
  /** Where the upload handler serves them, such as `https://files.example/upload`. */
  readonly baseUrl: string;
  /** Signs put URLs; at least 32 bytes, the same in all processes that share the folder. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
}

export interface FolderBlobs extends Blobs {
  /** For the handler of PUT: what the URL's token allows, if it is ours and still good. `url` may be a path with its query. */
  verifySlot(url: string): Slot | undefined;
  /** For the handler of GET and HEAD. */
  keyOf(url: string): string | undefined;
}

/** Makes the folder, and removes what a process that died left half-written. */
export async function folderBlobs({ folder, baseUrl, secret, clock }: FolderBlobsOptions): Promise<FolderBlobs> {
  const slots = new BlobSlots(baseUrl, secret);
  const temporary = join(folder, 'temporary');
  await onMedium(mkdir(temporary, { recursive: true, mode: 0o700 }));
  await onMedium(removeOld(temporary, clock.now() - limits.blobTemporaryMs));
  const fileOf = (key: string): string => {
    const hash = createHash('sha256').update(key).digest('hex');
    return join(folder, hash.slice(0, 2), hash.slice(2));
  };

  return {
    verifySlot: (url) => slots.verify(url, clock.now()),
    keyOf: (url) => slots.keyOf(url),

    async slot(key, info, expiresAtMs) {
      checkBlob(key, info);
      if (!Number.isSafeInteger(expiresAtMs) || expiresAtMs < 0) throw new RangeError(`cannot expire a slot at ${expiresAtMs}`);
      return { putUrl: slots.putUrl({ key, info, expiresAtMs }), getUrl: slots.getUrl(key), headers: {} };
    },

    /** @throws {RangeError} when the body is not of exactly `info.sizeBytes`; what the body throws goes through */
    async put(key, info, body) {
      checkBlob(key, info);
      const file = fileOf(key);
      const draft = join(temporary, clock.randomBytes(16).toString('hex'));
      try {
        await writeWhole(draft, key, info, body);
        const made = await onMedium(mkdir(dirname(file), { recursive: true, mode: 0o700 }));
        await onMedium(rename(draft, file));
        await onMedium(syncFolder(dirname(file)));
        if (made !== undefined) await onMedium(syncFolder(folder));
      } catch (error) {
        await rm(draft, { force: true }).catch(() => {}); // a later start removes it
        throw error;
      }
    },

    async get(key) {
      const file = fileOf(key);
      const handle = await openToRead(file);
      if (handle === undefined) return undefined;
      try {
        const { info } = await onMedium(readHead(handle, key));
        return { info, body: { [Symbol.asyncIterator]: () => readBody(file, key, info) } };
      } finally {
        await handle.close();
      }
    },

    async delete(key) {
      const file = fileOf(key);
      const isGone = await onMedium(unlinkIfThere(file));
      if (isGone) await onMedium(syncFolder(dirname(file)));
      return isGone;
    },
  };
}

const chunkBytes = 64 * 1024;

async function writeWhole(draft: string, key: string, info: BlobInfo, body: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await onMedium(open(draft, 'wx', 0o600));
  try {
    const head = Buffer.from(JSON.stringify({ key, type: info.type, sizeBytes: info.sizeBytes }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.length);
    await onMedium(handle.writeFile(Buffer.concat([length, head])));
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > info.sizeBytes) throw new RangeError(`cannot put more than the ${info.sizeBytes} bytes announced`);
      await onMedium(handle.writeFile(chunk));
    }
    if (bytes !== info.sizeBytes) throw new RangeError(`cannot put ${bytes} bytes where ${info.sizeBytes} were announced`);
    await onMedium(handle.sync());
  } finally {
    await handle.close();
  }
}

async function openToRead(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw away(error);
  }
}

/** @throws {Unavailable} when the file is not what `put` wrote */
async function readHead(handle: FileHandle, key: string): Promise<{ info: BlobInfo; bodyStart: number }> {
  const first = await handle.read(Buffer.alloc(4), 0, 4, 0);
  const length = first.bytesRead === 4 ? first.buffer.readUInt32BE() : 0;
  if (length === 0 || length > 16 * limits.blobKeyBytesMax) throw new Unavailable(`cannot read blob ${key}: its head is damaged`);
  const head = await handle.read(Buffer.alloc(length), 0, length, 4);
  const { size } = await handle.stat();
  let info: BlobInfo & { key: string };
  try {
    info = JSON.parse(head.buffer.toString());
  } catch (cause) {
    throw new Unavailable(`cannot read blob ${key}: its head is damaged`, { cause });
  }
  const bodyStart = 4 + length;
  if (info.key !== key || size !== bodyStart + info.sizeBytes) throw new Unavailable(`cannot read blob ${key}: it is damaged`);
  return { info: { type: info.type, sizeBytes: info.sizeBytes }, bodyStart };
}

/** Opens the file anew, so that a body that nobody reads holds nothing open. */
async function* readBody(file: string, key: string, expected: BlobInfo): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await openToRead(file);
  if (handle === undefined) throw new Unavailable(`cannot read blob ${key}: it was deleted meanwhile`);
  try {
    const { info, bodyStart } = await onMedium(readHead(handle, key));
    if (info.sizeBytes !== expected.sizeBytes || info.type !== expected.type) {
      throw new Unavailable(`cannot read blob ${key}: it was replaced meanwhile`);
    }
    for (let at = 0; at < info.sizeBytes; ) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, info.sizeBytes - at));
      const { bytesRead } = await onMedium(handle.read(chunk, 0, chunk.length, bodyStart + at));
      if (bytesRead === 0) throw new Unavailable(`cannot read blob ${key}: it ends early`);
      at += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function unlinkIfThere(file: string): Promise<boolean> {
  try {
    await unlink(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** A rename survives a power cut only when its folder was synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeOld(folder: string, beforeMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY })); // gone: another start removed it
    if (mtimeMs < beforeMs) await rm(file, { force: true });
  }
}

/** What the medium answers (full, away, no permission) is for trying again later, and not a defect of the caller. */
async function onMedium<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw away(error);
  }
}

function away(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return error;
  return new Unavailable(`cannot use the blobs' folder: ${error.message}`, { cause: error });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
