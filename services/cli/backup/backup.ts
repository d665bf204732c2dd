/**
 * `skylark backup FOLDER`: a copy of a data folder, while its service runs or not. All that was acknowledged before it began is in it: first
 * the rows are copied, as they are at one moment, then uploaded files, to which rows point.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkDatabase, copyDatabase } from '../../../lib/adapters/sqlite-backup.ts';
import { databaseName } from '../../../lib/adapters/sqlite-schema.ts';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { keysFolderOf } from '../compose/certificate-keys.ts';
import { checkHoldsStore, findDataFolder } from '../compose/data-folder.ts';
import { filesFolderIn } from '../compose/files-part.ts';
import { noteBackup } from '../compose/last-backup.ts';
import { quote, Refusal, reasonOf, say } from '../core/report.ts';
import { version } from '../core/version.ts';
import type { BackupValues } from './backup-options.ts';
import { copyTree } from './copy-tree.ts';
import { type Manifest, sha256Of, writeManifest } from './manifest.ts';

export async function backup({ data, keys }: BackupValues, [target = '']: readonly string[]): Promise<number> {
  const folder = findDataFolder(data);
  checkHoldsStore(folder);
  await claim(target);
  if (keys !== undefined) {
    if (!existsSync(keysFolderOf(folder))) throw new Refusal(`there are no keys in '${folder}': leave --keys out`);
    await claim(keys);
  }
  let manifest: Manifest;
  try {
    manifest = await copy(folder, target);
    if (keys !== undefined) await copyTree(keysFolderOf(folder), keys);
  } catch (error) {
    await rm(target, { recursive: true, force: true }); // else a part of a copy would fill the disk
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new Refusal(`'${folder}' could not be copied into '${target}': ${reasonOf(error)}`);
  }
  noteBackup(folder, { begun: manifest.begun, target: resolve(target) });
  const { rows, files, hasKeys } = manifest;
  const all = rows.core + rows.archive + rows.live;
  say(`backed up ${quote(folder)} into ${quote(target)}: ${all} rows and ${files.count} files, read back and checked`);
  if (keys === undefined && hasKeys)
    say('the keys are not in it: keep a copy of keys/ in another place, or name one with --keys');
  return 0;
}

async function copy(folder: string, target: string): Promise<Manifest> {
  const begun = new Date(clock.now()).toISOString();
  const database = join(target, databaseName);
  copyDatabase(folder, database);
  const files = await copyTree(filesFolderIn(folder), filesFolderIn(target), 'temporary');
  await copyTree(join(folder, 'tls'), join(target, 'tls'));
  const rows = checkDatabase(database);
  const sha256 = await sha256Of(database);
  const hasKeys = existsSync(keysFolderOf(folder));
  const finished = new Date(clock.now()).toISOString();
  const manifest = { version, begun, finished, sha256, rows, files, hasKeys };
  await writeManifest(target, manifest);
  return manifest;
}

/** @throws {Refusal} when there is something already: two backups in one folder would be none */
async function claim(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length > 0) throw new Refusal(`'${folder}' is not empty: name a new folder for each backup`);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`'${folder}' cannot be used for a backup: ${reasonOf(error)}`);
  }
}
