/**
 * The SQLite file of the embedded store: `skylark.db` in the data folder.
 *
 * There are three tables, one for each table of the port. They keep their rowid, because rows of up to 380 kB in a `WITHOUT
 * ROWID` B-tree would make every step of a search read overflow pages. `value` has no declared type: UTF-8 as a blob for
 * rows, an integer for counters, and text in rows that a program of schema 1 has written. The index of words stands beside them
 * (`sqlite-words.ts`).
 */
import { DatabaseSync } from 'node:sqlite';
import { type Table, Unavailable } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';
import { indexSchema } from './sqlite-words.ts';

/** The name of the file in a data folder, and in a copy of one. */
export const databaseName = 'skylark.db';

/** Raised with each change that an older program could not read; 0 is a new file. */
const schemaNumber = 2;

/** Measured with 5,000 partitions written in turn: twice the rows per second of 4 KiB pages. It applies only to new files. */
const pageBytes = 8192;

export const tables: readonly Table[] = ['core', 'archive', 'live'];

/** The file was written by a newer program. It was not touched. */
export class NewerSchema extends Error {
  override name = 'NewerSchema';
  constructor(path: string, found: number) {
    super(`${path} has schema ${found}, this program knows ${schemaNumber}: start the version that wrote it, or a newer one`);
  }
}

/** @returns the number of the file's schema, which this program can read. @throws {NewerSchema} */
export function checkSchema(db: DatabaseSync, path: string): number {
  const found = db.prepare('PRAGMA user_version').get()?.user_version as number;
  if (found > schemaNumber) throw new NewerSchema(path, found);
  return found;
}

/** Creates what is missing. @throws {NewerSchema} */
export function prepareDatabase(path: string): void {
  const db = new DatabaseSync(path, { timeout: adapterLimits.sqliteBusyMs });
  try {
    const found = checkSchema(db, path);
    db.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`);
    if (found === schemaNumber) {
      db.exec(`BEGIN IMMEDIATE; ${indexSchema}; COMMIT`);
      return;
    }
    // Nothing has to be converted: a program of schema 2 reads what one of schema 1 has written.
    const statements =
      found === 1
        ? []
        : tables.map(
            (table) => `
        CREATE TABLE ${table} (
          id INTEGER PRIMARY KEY, partition TEXT NOT NULL, sort TEXT NOT NULL, value NOT NULL, version TEXT NOT NULL, expires INTEGER
        );
        CREATE UNIQUE INDEX ${table}_key ON ${table} (partition, sort);
        CREATE INDEX ${table}_expires ON ${table} (expires) WHERE expires IS NOT NULL;`,
          );
    db.exec(`BEGIN; ${statements.join('')} ${indexSchema}; PRAGMA user_version = ${schemaNumber}; COMMIT`);
  } finally {
    db.close();
  }
}

/** The connection of the thread that serves stanzas: it only reads. */
export function openReader(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: adapterLimits.sqliteBusyMs });
  db.exec(`PRAGMA cache_size = -${adapterLimits.sqliteCacheKib}`);
  return db;
}

/** The connection of the writing thread. What it commits is on the disk. */
export function openWriter(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: adapterLimits.sqliteBusyMs });
  db.exec(`PRAGMA synchronous = FULL;
    PRAGMA cache_size = -${adapterLimits.sqliteCacheKib};
    PRAGMA wal_autocheckpoint = ${adapterLimits.sqliteLogPagesMax};
    PRAGMA journal_size_limit = ${2 * adapterLimits.sqliteLogPagesMax * pageBytes}`);
  return db;
}

/** Errors of SQLite (full disk, I/O error, closed handle) become Unavailable; other errors pass unchanged. */
export function sqliteUnavailable(error: unknown): unknown {
  const { code, errstr, message } = error as { code?: string; errstr?: string; message?: string };
  if (code === 'ERR_SQLITE_ERROR') return new Unavailable(`SQLite: ${message} (${errstr})`, { cause: error });
  if (code === 'ERR_INVALID_STATE') return new Unavailable(`SQLite: ${message}`, { cause: error });
  return error;
}
