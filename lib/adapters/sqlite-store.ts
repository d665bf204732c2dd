/**
 * The Store port on SQLite: one file in a data folder, for one process or several on one machine.
 *
 * A worker thread owns writing (`sqlite-writer.ts`). This thread reads through its own read-only connection, so a read sees
 * every earlier commit and `consistent` makes no difference. Overlapping writes take effect in the order of the calls. Rows of
 * `core` and `live` that were read or written lately are kept in memory (`row-cache.ts`): the lock on the folder guarantees that
 * nobody else writes.
 *
 * When processes share the folder (`isShared`), nothing is kept in memory. SQLite allows one commit at a time, and each reads
 * what all have committed.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../ports/clock.ts';
import {
  type Condition,
  Conflict,
  type IndexedRow,
  type Key,
  type Put,
  type Query,
  type ReadOptions,
  type Row,
  type Search,
  type Store,
  Unavailable,
} from '../ports/store.ts';
import { DiskSpace, type Space } from './disk-space.ts';
import { adapterLimits } from './limits.ts';
import { type CachedRow, RowCache } from './row-cache.ts';
import { lockFolder, lockPart } from './sqlite-lock.ts';
import type { PackedWrites } from './sqlite-packing.ts';
import { openWriterQueue, type WriterQueue } from './sqlite-queue.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { databaseName, prepareDatabase, tables } from './sqlite-schema.ts';
import type { Answer } from './sqlite-writes.ts';
import {
  checkBatch,
  checkIndexed,
  checkKey,
  checkPut,
  checkQuery,
  checkSearch,
  checkStep,
  counterOverflow,
  expirySeconds,
  notACounter,
  nowSeconds,
} from './store-checks.ts';

export { FolderInUse } from './sqlite-lock.ts';
export { NewerSchema } from './sqlite-schema.ts';

interface SqliteOptions {
  readonly clock: Clock;
  /** Several processes have the folder open, under the lock of the one that started them (docs/decisions/0006-processes.md). */
  readonly isShared?: boolean;
  /** Free space on the disk, for tests. Default: what the system says. */
  readonly space?: () => Space;
}

/** Creates the folder if it is missing. @throws {FolderInUse} @throws {NewerSchema} */
export async function openSqliteStore(folder: string, { clock, isShared = false, space }: SqliteOptions): Promise<Store> {
  mkdirSync(folder, { recursive: true });
  const lock = isShared ? lockPart(folder) : lockFolder(folder);
  try {
    const path = join(folder, databaseName);
    prepareDatabase(path);
    const queue = await openWriterQueue(path, () => nowSeconds(clock.now()));
    const disk = new DiskSpace(folder, clock, space);
    return new SqliteStore(path, clock, queue, isShared ? undefined : new RowCache(), disk, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

class SqliteStore implements Store {
  readonly #clock: Clock;
  readonly #queue: WriterQueue;
  readonly #reader: SqliteReader;
  readonly #disk: DiskSpace;
  readonly #release: () => void;
  /** Identifies this opening of the store; with the counter it makes versions that no other opening makes. */
  readonly #epoch: string;
  #counter = 0;
  /** undefined when other processes write as well. */
  readonly #cache: RowCache | undefined;
  #sweep: Timer;
  #closed: Promise<void> | undefined;

  constructor(path: string, clock: Clock, queue: WriterQueue, cache: RowCache | undefined, disk: DiskSpace, release: () => void) {
    this.#clock = clock;
    this.#queue = queue;
    this.#cache = cache;
    this.#disk = disk;
    this.#release = release;
    this.#reader = new SqliteReader(path);
    this.#epoch = clock.randomBytes(9).toString('base64url');
    this.#sweep = clock.after(adapterLimits.sqliteSweepMs, () => void this.#sweepExpired());
  }

  /** The one queue; its writer commits in order. */
  get keepsOrder(): boolean {
    return true;
  }

  get isShort(): boolean {
    return this.#disk.isShort;
  }

  async get(key: Key, _options: ReadOptions): Promise<Row | undefined> {
    checkKey(key);
    return this.#read(key, nowSeconds(this.#clock.now()));
  }

  /** Not async: the messages of all sessions pass here. */
  batchGet(keys: readonly Key[], _options: ReadOptions): Promise<(Row | undefined)[]> {
    try {
      checkBatch(keys);
      const now = nowSeconds(this.#clock.now());
      const rows: (Row | undefined)[] = new Array(keys.length);
      for (let at = 0; at < keys.length; at++) rows[at] = this.#read(keys[at]!, now);
      return Promise.resolve(rows);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async query(query: Query): Promise<Row[]> {
    checkQuery(query);
    return this.#reader.query(query, nowSeconds(this.#clock.now()));
  }

  async search(search: Search): Promise<Row[]> {
    checkSearch(search);
    return this.#reader.search(search, nowSeconds(this.#clock.now()));
  }

  async index(rows: readonly IndexedRow[]): Promise<void> {
    const bytes = rows.reduce((sum, row) => sum + checkIndexed(row), 0);
    if (rows.length === 0) return;
    await this.#queue.write(rows.length, bytes, (packed) => {
      for (const row of rows) packed.index(row, row.text, row.version);
    });
  }

  async put(row: Put, condition?: Condition): Promise<string> {
    const bytes = checkPut(row);
    this.#checkRoom([row]);
    if (condition === undefined) return this.#put('put', row, undefined, bytes);
    if (condition === 'absent') return this.#put('insert', row, undefined, bytes);
    return this.#put('replace', row, condition.version, bytes);
  }

  /** Not async: the messages of all sessions pass here. */
  batchPut(rows: readonly Put[]): Promise<void> {
    try {
      let bytes = 0;
      for (const row of rows) bytes += checkPut(row); // all are checked before the first is written
      this.#checkRoom(rows);
      if (countOf(rows) <= adapterLimits.sqliteGroupWritesMax) return this.#putTogether(rows, bytes);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#putInGroups(rows);
  }

  async batchDelete(keys: readonly Key[]): Promise<void> {
    const sizes = keys.map(checkKey); // all are checked before the first is deleted
    const groupMax = adapterLimits.sqliteGroupWritesMax;
    for (let from = 0; from < keys.length; from += groupMax) {
      const group = keys.slice(from, from + groupMax);
      const bytes = sizes.slice(from, from + groupMax).reduce((sum, size) => sum + size, 0);
      await this.#deleteTogether(group, bytes);
    }
  }

  async #deleteTogether(keys: readonly Key[], bytes: number): Promise<void> {
    const cache = this.#cache;
    const cached = cache === undefined ? [] : keys.filter(({ table }) => isCached(table));
    for (const key of cached) cache?.begin(key);
    try {
      await this.#queue.write(keys.length, bytes, (packed) => {
        for (const key of keys) packed.remove(key);
      });
    } finally {
      for (const key of cached) cache?.end(key, undefined);
    }
  }

  async #putInGroups(rows: readonly Put[]): Promise<void> {
    const groupMax = adapterLimits.sqliteGroupWritesMax / 2; // a row with a text is two writes
    for (let from = 0; from < rows.length; from += groupMax) {
      const group = rows.slice(from, from + groupMax);
      await this.#putTogether(
        group,
        group.reduce((sum, row) => sum + checkPut(row), 0),
      );
    }
  }

  #putTogether(rows: readonly Put[], bytes: number): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    const cached: WrittenRow[] = [];
    const writing = this.#queue.write(countOf(rows), bytes, (packed) => {
      for (const row of rows) {
        const version = this.#mintVersion();
        const expires = expiryOf(row);
        packed.put('put', row, row.value, version, expires);
        if (row.text !== undefined) packed.index(row, row.text, version);
        if (this.#cache !== undefined && isCached(row.table)) cached.push(this.#begin(this.#cache, row, version, expires));
      }
    });
    return cached.length === 0 ? (writing as Promise<undefined>) : this.#cacheWritten(writing, cached);
  }

  #begin(cache: RowCache, { table, partition, sort, value }: Put, version: string, expires: number | null): WrittenRow {
    const key = { table, partition, sort };
    cache.begin(key);
    return { key, written: { row: { partition, sort, value, version }, expires } };
  }

  async #cacheWritten(writing: Promise<unknown>, rows: readonly WrittenRow[]): Promise<void> {
    let isWritten = false;
    try {
      await writing;
      isWritten = true;
    } finally {
      for (const { key, written } of rows) this.#cache!.end(key, isWritten ? written : undefined);
    }
  }

  /** @throws {Unavailable} */
  #checkRoom(rows: readonly Put[]): void {
    if (!this.#disk.isShort || rows.every(isSpared)) return;
    throw new Unavailable('the disk is nearly full: the remaining space is reserved for sign-ins and deletions');
  }

  async delete(key: Key, condition?: { readonly version: string }): Promise<boolean> {
    const bytes = checkKey(key);
    const answer = await this.#write(key, bytes, undefined, (packed) => packed.delete(key, condition?.version));
    if (answer === 'conflict') throw conflict(key);
    return answer as boolean;
  }

  async add(key: Key, by: number): Promise<number> {
    const bytes = checkKey(key);
    checkStep(by);
    const version = this.#mintVersion();
    const answer = await this.#write(key, bytes, undefined, (packed) => packed.add(key, by, version));
    if (answer === 'not-a-counter') throw notACounter(key);
    if (answer === 'overflow') throw counterOverflow(key);
    return answer as number;
  }

  /** Waits for pending writes. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#sweep.cancel();
    this.#reader.close(); // first, so that the writer closes last and merges the log into the file
    await this.#queue.close();
    this.#release();
  }

  #mintVersion(): string {
    return `${this.#epoch}.${(this.#counter++).toString(36)}`;
  }

  #read(key: Key, now: number): Row | undefined {
    if (this.#cache === undefined || !isCached(key.table)) return this.#reader.get(key, now).row;
    const known = this.#cache.get(key, now);
    if (known !== undefined) return known.row;
    const found = this.#reader.get(key, now);
    this.#cache.add(key, found);
    return found.row;
  }

  /** @param written the row afterwards, if the write is answered with just "done" */
  async #write(
    key: Key,
    bytes: number,
    written: CachedRow | undefined,
    pack: (packed: PackedWrites) => void,
    count = 1,
  ): Promise<Answer | undefined> {
    const cache = isCached(key.table) ? this.#cache : undefined;
    if (cache === undefined) return this.#queue.write(count, bytes, pack);
    cache.begin(key);
    let answer: Answer | undefined;
    let isWritten = false;
    try {
      answer = await this.#queue.write(1, bytes, pack);
      isWritten = answer === undefined;
      return answer;
    } finally {
      cache.end(key, isWritten ? written : undefined);
    }
  }

  async #put(kind: 'put' | 'insert' | 'replace', row: Put, expected: string | undefined, bytes: number): Promise<string> {
    const version = this.#mintVersion();
    const expires = expiryOf(row);
    const { partition, sort, value } = row;
    const written = { row: { partition, sort, value, version }, expires };
    const pack = (packed: PackedWrites): void => {
      packed.put(kind, row, value, version, expires, expected);
      if (row.text !== undefined) packed.index(row, row.text, version);
    };
    const answer = await this.#write(row, bytes, written, pack, countOf([row]));
    if (answer === 'conflict') throw conflict(row);
    return version;
  }

  /**
   * Removes some expired rows of each table, and soon continues where a table had more. Failures are ignored: the next round
   * tries again. Never rejects.
   */
  async #sweepExpired(): Promise<void> {
    const sweeps = tables.map((table) => this.#queue.write(1, 0, (packed) => packed.sweep(table)));
    const removed = (await Promise.allSettled(sweeps)).map((sweep) => (sweep.status === 'fulfilled' ? sweep.value : 0));
    if (this.#closed !== undefined) return;
    const isMoreLeft = removed.some((count: Answer | undefined) => count === adapterLimits.sqliteSweepRowsMax);
    const delayMs = isMoreLeft ? adapterLimits.sqliteSweepBusyMs : adapterLimits.sqliteSweepMs;
    this.#sweep = this.#clock.after(delayMs, () => void this.#sweepExpired());
  }
}

/** A row with a text is two writes. */
function countOf(rows: readonly Put[]): number {
  let count = rows.length;
  for (const { text } of rows) if (text !== undefined) count++;
  return count;
}

/** Single rows of the archive are hardly ever read again, and the archive has the most rows. */
function isCached(table: Key['table']): boolean {
  return table !== 'archive';
}

/** Rows that may be written while the disk is short. */
function isSpared({ table, value }: Put): boolean {
  return table === 'live' || (table === 'core' && value.length <= adapterLimits.diskShortRowBytesMax);
}

interface WrittenRow {
  readonly key: Key;
  readonly written: CachedRow;
}

function expiryOf({ expiresAtMs }: Put): number | null {
  return expiresAtMs === undefined ? null : expirySeconds(expiresAtMs);
}

function conflict({ table, partition, sort }: Key): Conflict {
  return new Conflict(`another write came first: ${table} ${partition} ${sort}`);
}
