/** The statements of the embedded store: how a write is carried out in a transaction, and how rows are read. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Table } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';
import { tables } from './sqlite-schema.ts';
import type { WordIndex } from './sqlite-words.ts';
import type { Answer, Write } from './sqlite-writes.ts';

interface WriteStatements {
  readonly put: StatementSync;
  readonly insert: StatementSync;
  readonly replace: StatementSync;
  readonly find: StatementSync;
  readonly remove: StatementSync;
  readonly removeById: StatementSync;
  readonly sweep: StatementSync;
}

function prepareTable(db: DatabaseSync, table: Table): WriteStatements {
  const upsert = `INSERT INTO ${table} (partition, sort, value, version, expires) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (partition, sort) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`;
  return {
    put: db.prepare(upsert),
    insert: db.prepare(`${upsert} WHERE expires <= ?`), // never true of a row without expiry
    replace: db.prepare(`UPDATE ${table} SET value = ?, version = ?, expires = ?
      WHERE partition = ? AND sort = ? AND version = ? AND (expires IS NULL OR expires > ?)`),
    find: db.prepare(`SELECT id, version, expires, CASE typeof(value) WHEN 'integer' THEN value END AS counter FROM ${table}
      WHERE partition = ? AND sort = ?`),
    remove: db.prepare(`DELETE FROM ${table} WHERE partition = ? AND sort = ?`),
    removeById: db.prepare(`DELETE FROM ${table} WHERE id = ?`),
    sweep: db.prepare(`DELETE FROM ${table} WHERE id IN
      (SELECT id FROM ${table} WHERE expires <= ? ORDER BY expires LIMIT ${adapterLimits.sqliteSweepRowsMax})`),
  };
}

interface Found {
  readonly id: number;
  readonly version: string;
  readonly expires: number | null;
  readonly counter: number | null;
}

/** @returns a function that carries out one write, and returns an answer if there is more to say than "done" */
export function prepareWrites(db: DatabaseSync, words: WordIndex): (write: Write, now: number) => Answer | undefined {
  const statements = new Map(tables.map((table) => [table, prepareTable(db, table)]));
  return (write, now) => {
    const { partition, sort, value, version, expires, expected } = write;
    const on = statements.get(write.table)!;
    switch (write.kind) {
      case 'put':
        on.put.run(partition, sort, value, version, expires);
        return undefined;
      case 'insert':
        return on.insert.run(partition, sort, value, version, expires, now).changes === 0 ? 'conflict' : undefined;
      case 'replace':
        return on.replace.run(value, version, expires, partition, sort, expected, now).changes === 0 ? 'conflict' : undefined;
      case 'remove':
        on.remove.run(partition, sort);
        return undefined;
      case 'delete':
        return remove(on, write, undefined, now);
      case 'deleteExact':
        return remove(on, write, expected, now);
      case 'add':
        return add(on, write, now);
      case 'sweep':
        return Number(on.sweep.run(now).changes);
      case 'index':
        words.note(write);
        return undefined;
    }
  };
}

function remove(on: WriteStatements, { partition, sort }: Write, expected: string | undefined, now: number): Answer {
  const row = on.find.get(partition, sort) as Found | undefined;
  if (row === undefined || isExpired(row, now)) return false;
  if (expected !== undefined && row.version !== expected) return 'conflict';
  on.removeById.run(row.id);
  return true;
}

function add(on: WriteStatements, { partition, sort, by, version }: Write, now: number): Answer {
  const row = on.find.get(partition, sort) as Found | undefined;
  const isThere = row !== undefined && !isExpired(row, now);
  if (isThere && row.counter === null) return 'not-a-counter';
  const sum = (isThere ? row.counter! : 0) + by;
  if (!Number.isSafeInteger(sum)) return 'overflow';
  on.put.run(partition, sort, BigInt(sum), version, null); // a number would be stored as a float
  return sum;
}

function isExpired(row: Found, now: number): boolean {
  return row.expires !== null && row.expires <= now;
}

/** Sort keys of rows that are asked for. */
export interface Interval {
  /** Inclusive. */
  readonly from: string;
  /** Exclusive; an empty blob sorts above all text. */
  readonly until: string | Uint8Array;
}

export interface ReadStatements {
  /** Parameters: partition, sort, now. */
  readonly get: StatementSync;
  /** Parameters: partition, from (inclusive), until (exclusive; an empty blob sorts above all text), now, limit. */
  readonly forward: StatementSync;
  readonly backward: StatementSync;
}

export function prepareReads(db: DatabaseSync): ReadonlyMap<Table, ReadStatements> {
  const prepare = (table: Table): ReadStatements => {
    // A value is UTF-8 as a blob, or as text in rows of older programs, or the integer of a counter: all of them read as text.
    const range = `SELECT sort, CAST(value AS TEXT) AS value, version FROM ${table}
      WHERE partition = ? AND sort >= ? AND sort < ? AND (expires IS NULL OR expires > ?) ORDER BY sort`;
    return {
      get: db.prepare(`SELECT sort, CAST(value AS TEXT) AS value, version, expires FROM ${table}
        WHERE partition = ? AND sort = ? AND (expires IS NULL OR expires > ?)`),
      forward: db.prepare(`${range} LIMIT ?`),
      backward: db.prepare(`${range} DESC LIMIT ?`),
    };
  };
  return new Map(tables.map((table) => [table, prepare(table)]));
}
