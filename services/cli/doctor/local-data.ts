/** Checks of the data folder: whose its files are, whether the store is whole, and when it was last copied. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkDatabase } from '../../../lib/adapters/sqlite-backup.ts';
import { databaseName } from '../../../lib/adapters/sqlite-schema.ts';
import { readLastBackup } from '../compose/last-backup.ts';
import { quote } from '../core/report.ts';
import { programLimits } from '../limits.ts';
import { type Findings, shown } from './findings.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** What root has made in the folder of another user is what the service cannot open. Uploaded files are not gone through. */
export function checkOwners(folder: string, findings: Findings): void {
  const { uid, gid, mode } = statSync(folder);
  const entries = [folder, join(folder, 'keys'), join(folder, 'tls')]
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).map((name) => join(path, name)));
  const foreign = entries.find((path) => statSync(path, { throwIfNoEntry: false })?.uid !== uid && existsSync(path));
  if (foreign !== undefined)
    findings.fail(
      'data folder',
      `'${foreign}' belongs to another user than the folder`,
      `chown -R ${uid}:${gid} ${quote(folder)}`,
    );
  if ((mode & 0o077) !== 0) findings.warn('data folder', `others can look into '${folder}'`, `chmod 700 ${quote(folder)}`);
  if (foreign === undefined && (mode & 0o077) === 0) findings.ok('data folder', `'${folder}' is closed to others`);
}

/** Reads all of it, in one transaction that no writer waits for. */
export function checkStore(folder: string, findings: Findings): void {
  const path = join(folder, databaseName);
  if (!existsSync(path)) {
    findings.warn('store', `there is none in '${folder}' yet`, 'start the service: skylark start');
    return;
  }
  try {
    const { core, archive, live } = checkDatabase(path);
    findings.ok('store', `${core + archive + live} rows, read and whole`);
  } catch (error) {
    if (!(error instanceof Error) || !['DamagedDatabase', 'NewerSchema'].includes(error.name)) throw error;
    const advice =
      error.name === 'NewerSchema'
        ? 'run the newer program, or restore a backup of before it: skylark restore'
        : 'stop the service, keep a copy of the folder, and put the last backup back: skylark restore --replace; look at the disk, too';
    findings.fail('store', shown(error.message), advice);
  }
}

export function checkBackup(folder: string, now: number, findings: Findings): void {
  const last = readLastBackup(folder);
  const how = 'let a timer or cron run it each day: skylark backup FOLDER';
  if (last === undefined) {
    findings.warn(
      'backup',
      'skylark backup has never copied this folder',
      `${how}; if the disk is copied otherwise, that is enough`,
    );
    return;
  }
  const days = Math.floor((now - Date.parse(last.begun)) / dayMs);
  const text = `the last one was made ${days === 0 ? 'within a day' : `${days} days ago`}, into '${shown(last.target)}'`;
  if (days > programLimits.doctorBackupDaysMax) findings.warn('backup', text, how);
  else if (!existsSync(last.target))
    findings.warn('backup', `${text}, which is not there any more`, 'if it was not moved to a safe place, make another');
  else findings.ok('backup', text);
}
