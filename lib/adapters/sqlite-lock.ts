/**
 * One process owns a data folder, alone or with the processes that it has started (docs/decisions/0006-processes.md).
 *
 * The lock is an exclusive transaction on a database of its own that stays open: the kernel releases it however the process dies,
 * which a pid file cannot promise. The pid is written beside it only for the error message. (Never open `skylark.lock` by other
 * means in this process: closing any handle of a file drops its POSIX locks.)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { adapterLimits } from './limits.ts';

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

/** @throws {FolderInUse} at once, also while a process that shared the folder with a dead owner still writes */
export function lockFolder(folder: string): { release(): void } {
  const lock = lockAlone(folder);
  const parts = new DatabaseSync(join(folder, partsLock), { timeout: 0 });
  try {
    parts.exec('BEGIN EXCLUSIVE; ROLLBACK');
    return lock;
  } catch (error) {
    lock.release();
    if ((error as { errcode?: number }).errcode === sqliteBusy) throw new FolderInUse(folder, undefined);
    throw error;
  } finally {
    parts.close();
  }
}

/**
 * Locks the folder for a process that shares it under the lock of its owner: if the owner dies first, nobody else can take the
 * folder until this process is done.
 * @throws {FolderInUse} when somebody is about to take the folder
 */
export function lockPart(folder: string): { release(): void } {
  const lock = new DatabaseSync(join(folder, partsLock), { timeout: adapterLimits.sqliteBusyMs });
  try {
    lock.exec('BEGIN; SELECT count(*) FROM sqlite_schema'); // an open read transaction is a shared lock
    return { release: () => lock.close() };
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) throw new FolderInUse(folder, undefined);
    throw error;
  }
}

const partsLock = 'parts.lock';

function lockAlone(folder: string): { release(): void } {
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
    return undefined; // the owner has the lock but has not written the file yet
  }
}
