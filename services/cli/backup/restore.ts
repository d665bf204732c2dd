/**
 * `skylark restore FOLDER`: makes a data folder of a backup. Nothing is touched before the backup was read and found whole, and rows come
 * last: a folder that was restored in part holds no service, and can be restored again.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkDatabase } from '../../../lib/adapters/sqlite-backup.ts';
import { lockFolder } from '../../../lib/adapters/sqlite-lock.ts';
import { databaseName } from '../../../lib/adapters/sqlite-schema.ts';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { keysFolderOf } from '../compose/certificate-keys.ts';
import { ensureDataFolder, giveAllToOwner } from '../compose/data-folder.ts';
import { filesFolderIn } from '../compose/files-part.ts';
import { quote, Refusal, reasonOf, say } from '../core/report.ts';
import type { RestoreValues } from './backup-options.ts';
import { copySynced, copyTree } from './copy-tree.ts';
import { readManifest, sha256Of } from './manifest.ts';

const restored = ['files', 'tls'];
/** It is there while a folder is being restored. */
const unfinished = 'restore.unfinished';
/** What SQLite keeps of a database beside it. */
const ofDatabase = [databaseName, `${databaseName}-wal`, `${databaseName}-shm`];

export async function restore({ data, keys, replace }: RestoreValues, [from = '']: readonly string[]): Promise<number> {
  const { begun, hasKeys } = await checkBackup(from);
  if (keys !== undefined && !existsSync(keys)) throw new Refusal(`--keys: there is no folder '${keys}'`);
  const folder = ensureDataFolder(data);
  const lock = lockFolder(folder);
  try {
    const aside = await clear(folder, replace, keys !== undefined);
    await put(from, folder, keys);
    giveAllToOwner(folder);
    say(`restored ${quote(folder)} as it was at ${begun}`);
    if (aside !== undefined) say(`what was there before is in ${quote(aside)}`);
    if (hasKeys && !existsSync(keysFolderOf(folder)))
      say('it has no keys: secrets that were sealed with them, such as keys of certificates, cannot be read until keys/ is back');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new Refusal(`'${folder}' could not be restored: ${reasonOf(error)}`);
  } finally {
    lock.release();
  }
  return 0;
}

/** @throws {Refusal | DamagedDatabase | NewerSchema} */
async function checkBackup(from: string) {
  const manifest = await readManifest(from);
  const database = join(from, databaseName);
  checkDatabase(database);
  if ((await sha256Of(database)) !== manifest.sha256)
    throw new Refusal(`'${database}' is not what was backed up: it has been changed`);
  const files = await countFiles(filesFolderIn(from));
  if (files < manifest.files.count)
    throw new Refusal(`'${from}' has ${files} of the ${manifest.files.count} files that were backed up`);
  return manifest;
}

async function countFiles(folder: string): Promise<number> {
  if (!existsSync(folder)) return 0;
  return (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;
}

/** @returns where it is now, what was there. @throws {Refusal} when there is something that is not to be replaced */
async function clear(folder: string, isReplaced: boolean, hasKeys: boolean): Promise<string | undefined> {
  const found = [...ofDatabase, ...restored, ...(hasKeys ? ['keys'] : [])].filter((name) => existsSync(join(folder, name)));
  const holdsRows = existsSync(join(folder, databaseName));
  if (existsSync(join(folder, unfinished)) && !holdsRows) {
    for (const name of found) await rm(join(folder, name), { recursive: true });
    return undefined;
  }
  if (found.length === 0) return undefined;
  if (!isReplaced) {
    const what = holdsRows ? 'the data of a service' : found.join(' and ');
    throw new Refusal(`'${folder}' holds ${what} already: --replace moves it aside`);
  }
  const aside = join(folder, `replaced-${new Date(clock.now()).toISOString().replaceAll(':', '')}`);
  await mkdir(aside, { mode: 0o700 });
  for (const name of found) await rename(join(folder, name), join(aside, name));
  return aside;
}

async function put(from: string, folder: string, keys: string | undefined): Promise<void> {
  const mark = join(folder, unfinished);
  await writeFile(mark, '', { flush: true });
  for (const name of restored) await copyTree(join(from, name), join(folder, name));
  if (keys !== undefined) await copyTree(keys, keysFolderOf(folder));
  const draft = join(folder, `${databaseName}-restored`);
  await rm(draft, { force: true });
  await copySynced(join(from, databaseName), draft);
  await rename(draft, join(folder, databaseName));
  await rm(mark);
}
