/**
 * The Blobs port in a folder of this machine.
 *
 * A blob is one file, `<hh>/<hash of the key>`: four bytes with the length of a head, the head (JSON: key, type, size), and the
 * bytes. It is written as `temporary/<random>`, synced, and renamed, so that a reader sees all of it or none. Names are hashes,
 * so a key cannot leave the folder, collide on a file system that ignores case, or be too long. Errors name the file and not the
 * key: whoever reads a key in a log could get the blob.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BlobInfo, ByteRange, ServedBlobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import { portLimits } from '../ports/limits.ts';
import { Unavailable } from '../ports/store.ts';
import { BlobSlots, checkBlob, checkExpiry, checkRange, exactly } from './blob-slots.ts';
import { DiskSpace, type Space } from './disk-space.ts';
import { adapterLimits } from './limits.ts';

interface FolderBlobsOptions {
  readonly folder: string;
  /**
   * URL under which the upload handler serves the blobs, such as `https://files.example/upload`. It is a function because the
   * port may not be known yet.
   */
  readonly baseUrl: () => string;
  /** Signs put URLs. At least 32 bytes, the same in all processes that share the folder. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  /** Free space on the disk, for tests. Default: what the system says. */
  readonly space?: () => Space;
}

export interface FolderBlobs extends ServedBlobs {
  /**
   * Deletes blobs older than `keepMs` returns for their key; undefined keeps a blob for ever.
   * @returns how many were deleted
   */
  expire(keepMs: (key: string) => Promise<number | undefined>): Promise<number>;
}

/** Makes the folder, and removes half-written files of processes that died. */
export async function folderBlobs({ folder, baseUrl, secret, clock, space }: FolderBlobsOptions): Promise<FolderBlobs> {
  const slots = new BlobSlots(baseUrl, secret);
  const disk = new DiskSpace(folder, clock, space);
  const temporary = join(folder, 'temporary');
  await onMedium(mkdir(temporary, { recursive: true, mode: 0o700 }));
  await onMedium(removeOld(temporary, clock.now() - adapterLimits.blobTemporaryMs));
  const fileOf = (key: string): string => {
    const hash = createHash('sha256').update(key).digest('hex');
    return join(folder, hash.slice(0, 2), hash.slice(2));
  };

  return {
    knowsPurposes: true,
    verifySlot: (url) => slots.verify(url, clock.now()),
    keyOf: (url) => slots.keyOf(url),

    async slot(key, info, expiresAtMs, share) {
      checkBlob(key, info);
      checkExpiry(expiresAtMs);
      return { putUrl: slots.putUrl({ key, info, expiresAtMs, share }), getUrl: slots.getUrl(key), headers: {} };
    },

    /** @throws {RangeError} when the body does not have exactly `info.sizeBytes`. Errors of the body pass unchanged. */
    async put(key, info, body) {
      checkBlob(key, info);
      if (disk.isShort) throw new Unavailable('the disk is nearly full');
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

    async get(key, range) {
      const file = fileOf(key);
      const handle = await openToRead(file);
      if (handle === undefined) return undefined;
      try {
        const { info } = await onMedium(readHeadOf(handle, file, key));
        checkRange(info, range);
        return { info, body: { [Symbol.asyncIterator]: () => readBody(file, key, info, range) } };
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

    async deleteAll(first, onPage = async () => {}) {
      let count = 0;
      let looked = 0;
      for await (const file of filesIn(folder)) {
        if (looked++ % portLimits.blobsPageMax === 0) await onPage();
        const written = await readAge(file);
        if (written === undefined || !written.key.startsWith(`${first}/`)) continue;
        if (await onMedium(unlinkIfThere(file))) count++;
      }
      return count;
    },

    async expire(keepMs) {
      let count = 0;
      for await (const file of filesIn(folder)) {
        const written = await readAge(file);
        const keep = written && (await keepMs(written.key));
        if (keep === undefined || written === undefined || written.atMs + keep > clock.now()) continue;
        if (await onMedium(unlinkIfThere(file))) count++;
      }
      return count;
    },
  };
}

async function* filesIn(folder: string): AsyncGenerator<string, void, undefined> {
  for (const part of await onMedium(readdir(folder))) {
    if (!/^[0-9a-f]{2}$/.test(part)) continue;
    for (const name of await onMedium(readdir(join(folder, part)))) yield join(folder, part, name);
  }
}

/** @returns undefined when the blob is gone, or is damaged, which an operator has to look at */
async function readAge(file: string): Promise<{ key: string; atMs: number } | undefined> {
  const handle = await openToRead(file);
  if (handle === undefined) return undefined;
  try {
    const [{ key }, { mtimeMs }] = [await readHead(handle, file), await onMedium(handle.stat())];
    return { key, atMs: mtimeMs };
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  } finally {
    await handle.close();
  }
}

async function writeWhole(draft: string, key: string, info: BlobInfo, body: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await onMedium(open(draft, 'wx', 0o600));
  try {
    const head = Buffer.from(JSON.stringify({ key, type: info.type, sizeBytes: info.sizeBytes }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.length);
    await onMedium(handle.writeFile(Buffer.concat([length, head])));
    for await (const chunk of exactly(body, info.sizeBytes)) await onMedium(handle.writeFile(chunk));
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

interface Head {
  readonly key: string;
  readonly info: BlobInfo;
  readonly bodyStart: number;
}

async function readHeadOf(handle: FileHandle, file: string, key: string): Promise<Head> {
  const head = await readHead(handle, file);
  if (head.key !== key) throw new Unavailable(`cannot read ${file}: it is damaged`);
  return head;
}

/** @throws {Unavailable} when the file is not what `put` wrote */
async function readHead(handle: FileHandle, file: string): Promise<Head> {
  const first = await handle.read(Buffer.alloc(4), 0, 4, 0);
  const length = first.bytesRead === 4 ? first.buffer.readUInt32BE() : 0;
  if (length === 0 || length > 16 * portLimits.blobKeyBytesMax) throw new Unavailable(`cannot read ${file}: its head is damaged`);
  const head = await handle.read(Buffer.alloc(length), 0, length, 4);
  const { size } = await handle.stat();
  let info: BlobInfo & { key: string };
  try {
    info = JSON.parse(head.buffer.toString());
  } catch (cause) {
    throw new Unavailable(`cannot read ${file}: its head is damaged`, { cause });
  }
  const bodyStart = 4 + length;
  if (size !== bodyStart + info.sizeBytes) throw new Unavailable(`cannot read ${file}: it is damaged`);
  return { key: info.key, info: { type: info.type, sizeBytes: info.sizeBytes }, bodyStart };
}

/** Opens the file anew, so that an unread body does not hold it open. */
async function* readBody(
  file: string,
  key: string,
  expected: BlobInfo,
  range: ByteRange = { first: 0, last: expected.sizeBytes - 1 },
): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await openToRead(file);
  if (handle === undefined) throw new Unavailable(`cannot read ${file}: it has been deleted`);
  try {
    const { info, bodyStart } = await onMedium(readHeadOf(handle, file, key));
    if (info.sizeBytes !== expected.sizeBytes || info.type !== expected.type) {
      throw new Unavailable(`cannot read ${file}: it has been replaced`);
    }
    for (let at = range.first; at <= range.last; ) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(adapterLimits.blobChunkBytes, range.last + 1 - at));
      const { bytesRead } = await onMedium(handle.read(chunk, 0, chunk.length, bodyStart + at));
      if (bytesRead === 0) throw new Unavailable(`cannot read ${file}: it is too short`);
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

/** A rename survives a power cut only once its folder is synced. */
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
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY })); // another process has removed it
    if (mtimeMs < beforeMs) await rm(file, { force: true });
  }
}

/** Errors of the medium (full, away, no permission) may pass and are not the caller's fault, so they become Unavailable. */
async function onMedium<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw away(error);
  }
}

function away(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return error;
  return new Unavailable(`cannot use the folder of files: ${error.message}`, { cause: error });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
