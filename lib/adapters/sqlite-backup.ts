/** Copies of the embedded store, taken while its service runs: one read transaction of SQLite, which no writer waits for. */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Table } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';
import { checkSchema, databaseName, sqliteUnavailable, tables } from './sqlite-schema.ts';

/** The file is not what a service has written. */
class DamagedDatabase extends Error {
  override name = 'DamagedDatabase';
}

/**
 * Writes all that is committed at this moment into another file, and syncs it. What is written meanwhile is not in it.
 * @param folder the data folder @param path must not exist
 * @throws {Unavailable} when the disk is full, or SQLite fails otherwise
 */
export function copyDatabase(folder: string, path: string): void {
  try {
    const db = new DatabaseSync(join(folder, databaseName), { readOnly: true, timeout: adapterLimits.sqliteBusyMs });
    try {
      db.prepare('VACUUM INTO ?').run(path);
    } finally {
      db.close();
    }
  } catch (error) {
    throw sqliteUnavailable(error);
  }
  chmodSync(path, 0o600);
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
}

/**
 * Reads all of a copy and compares its indexes with its rows.
 * @returns the number of rows in each table
 * @throws {DamagedDatabase} @throws {NewerSchema}
 */
export function checkDatabase(path: string): Readonly<Record<Table, number>> {
  if (!existsSync(path)) throw new DamagedDatabase(`${path} is not there`);
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      const [first] = db.prepare('PRAGMA integrity_check(1)').all() as { integrity_check: string }[];
      if (first?.integrity_check !== 'ok') throw new DamagedDatabase(`${path} is damaged: ${first?.integrity_check}`);
      checkSchema(db, path);
      return Object.fromEntries(tables.map((table) => [table, count(db, table)])) as Record<Table, number>;
    } finally {
      db.close();
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SQLITE_ERROR') throw error;
    throw new DamagedDatabase(`${path} is damaged: ${(error as Error).message}`);
  }
}

function count(db: DatabaseSync, table: Table): number {
  return db.prepare(`SELECT count(*) AS rows FROM ${table}`).get()!.rows as number;
}
