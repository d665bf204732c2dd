/**
 * One process per data folder.
 *
 * The lock is an exclusive transaction on a database of its own, held open: the kernel releases it whatever way the process
 * dies, which a pid file cannot promise. The pid stands beside it only for the message. (Never open `skylark.lock` by other means in
 * this process: closing any handle of a file drops its POSIX locks.)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export class FolderInUse extends Error {
  override name = 'FolderInUse';
  readonly folder: string;
  readonly pid: number | undefined;
  constructor(folder: string, pid: number | undefined) {
    super(
      `${folder} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}: stop it first, or use another folder`,
    );
    this.folder = folder;
    this.pid = pid;
  }
}

const sqliteBusy = 5;

/** @throws {FolderInUse} at once. */
export function lockFolder(folder: string): { release(): void } {
  const lock = new DatabaseSync(join(folder, 'skylark.lock'), { timeout: 0 });
  const pidPath = join(folder, 'skylark.pid');
  try {
    lock.exec('BEGIN EXCLUSIVE');
    writeFileSync(pidPath, `${process.pid}\n`);
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) throw new FolderInUse(folder, readPid(pidPath));
    throw error;
  }
  return { release: () => lock.close() };
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isSafeInteger(pid) ? pid : undefined;
  } catch {
    return undefined; // it has the lock and has not written the file yet
  }
}
