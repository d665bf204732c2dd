/** `backup.json` says what a backup holds. It is written last, so a backup without one was not finished. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { Refusal, reasonOf } from '../core/report.ts';

const name = 'backup.json';
const count = z.int().nonnegative();

const manifestSchema = z.object({
  /** The version of the program that made it. */
  version: z.string(),
  /** All that was acknowledged before this moment is in it (ISO 8601). */
  begun: z.string(),
  finished: z.string(),
  /** SHA-256 of the database, hexadecimal. */
  sha256: z.string(),
  rows: z.object({ core: count, archive: count, live: count }),
  /** Uploaded files, and their bytes. */
  files: z.object({ count, bytes: count }),
  /** The data folder had keys. They are not in the backup. */
  hasKeys: z.boolean(),
});

export type Manifest = z.infer<typeof manifestSchema>;

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFile(join(folder, name), `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
}

/** @throws {Refusal} unless the folder is a finished backup */
export async function readManifest(folder: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(join(folder, name), 'utf8');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = isMissing ? 'it has no backup.json, which is written last' : reasonOf(error);
    throw new Refusal(`'${folder}' is not a finished backup: ${reason}`);
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    throw new Refusal(`'${folder}' is not a finished backup: its backup.json cannot be read`);
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
