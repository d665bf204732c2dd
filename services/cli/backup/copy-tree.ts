/** Copies a folder with all that is in it. Each file is on the disk when it is done. */
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface Copied {
  readonly count: number;
  readonly bytes: number;
}

/** @param leavesOut a name in the folder itself. A folder that is not there has nothing, and files that go meanwhile are left out. */
export async function copyTree(from: string, to: string, leavesOut?: string): Promise<Copied> {
  const entries = await readdir(from, { withFileTypes: true }).catch(missing);
  if (entries === undefined) return { count: 0, bytes: 0 };
  await mkdir(to, { recursive: true, mode: 0o700 });
  let copied: Copied = { count: 0, bytes: 0 };
  for (const entry of entries) {
    if (entry.name === leavesOut) continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copied = sum(copied, await copyTree(source, target));
    else if (entry.isFile()) copied = sum(copied, (await copySynced(source, target).catch(missing)) ?? { count: 0, bytes: 0 });
  }
  return copied;
}

/** @param to must not exist */
export async function copySynced(from: string, to: string): Promise<Copied> {
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const file = await open(to, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  return { count: 1, bytes: (await stat(to)).size };
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function sum(one: Copied, other: Copied): Copied {
  return { count: one.count + other.count, bytes: one.bytes + other.bytes };
}
