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
  type Key,
  type Put,
  type Query,
  type ReadOptions,
  type Row,
  type Store,
  Unavailable,
} from '../ports/store.ts';
import { DiskSpace, type Space } from './disk-space.ts';
import { adapterLimits } from './limits.ts';
import { type CachedRow, cacheId, RowCache } from './row-cache.ts';
import { sortRange } from './sort-range.ts';
import { lockFolder, lockPart } from './sqlite-lock.ts';
import { openWriterQueue, type WriterQueue } from './sqlite-queue.ts';
import { openReader, prepareDatabase, sqliteUnavailable, tables } from './sqlite-schema.ts';
import { prepareReads } from './sqlite-statements.ts';
import type { Answer, Write } from './sqlite-writes.ts';
import {
  checkBatch,
  checkKey,
  checkPut,
  checkQuery,
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
    const path = join(folder, 'skylark.db');
    prepareDatabase(path);
    const queue = await openWriterQueue(path, () => nowSeconds(clock.now()));
    const disk = new DiskSpace(folder, clock, space);
    return new SqliteStore(path, clock, queue, isShared ? undefined : new RowCache(), disk, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Above all text: SQLite sorts blobs after text. */
const unbounded = new Uint8Array(0);

class SqliteStore implements Store {
  readonly #clock: Clock;
  readonly #queue: WriterQueue;
  readonly #reader: ReturnType<typeof openReader>;
  readonly #reads: ReturnType<typeof prepareReads>;
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
    this.#reader = openReader(path);
    this.#reads = prepareReads(this.#reader);
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

  async batchGet(keys: readonly Key[], _options: ReadOptions): Promise<(Row | undefined)[]> {
    checkBatch(keys);
    const now = nowSeconds(this.#clock.now());
    return keys.map((key) => this.#read(key, now));
  }

  async query(query: Query): Promise<Row[]> {
    checkQuery(query);
    const range = sortRange(query);
    if (range === undefined) return [];
    const { lower, upper } = range;
    const from = lower === undefined ? '' : lower.inclusive ? lower.at : `${lower.at}\0`; // the next text in byte order
    const until = upper === undefined ? unbounded : upper.inclusive ? `${upper.at}\0` : upper.at;
    const statement = this.#reads.get(query.table)![query.direction ?? 'forward'];
    try {
      const found = statement.all(query.partition, from, until, nowSeconds(this.#clock.now()), query.limit);
      return found.map((row) => toRow(query.partition, row as unknown as Found));
    } catch (error) {
      throw sqliteUnavailable(error);
    }
  }

  async put(row: Put, condition?: Condition): Promise<string> {
    const bytes = checkPut(row);
    this.#checkRoom([row]);
    if (condition === undefined) return this.#put('put', row, null, bytes);
    if (condition === 'absent') return this.#put('insert', row, null, bytes);
    return this.#put('replace', row, condition.version, bytes);
  }

  async batchPut(rows: readonly Put[]): Promise<void> {
    const sizes = rows.map(checkPut); // all are checked before the first is written
    this.#checkRoom(rows);
    for (let from = 0; from < rows.length; from += adapterLimits.sqliteGroupWritesMax) {
      const slice = rows.slice(from, from + adapterLimits.sqliteGroupWritesMax);
      const bytes = sizes.slice(from, from + slice.length).reduce((sum, size) => sum + size, 0);
      await this.#write(
        slice.map((row) => toWrite('put', row, this.#mintVersion(), null)),
        bytes,
      );
    }
  }

  /** @throws {Unavailable} */
  #checkRoom(rows: readonly Put[]): void {
    const isSpared = ({ table, value }: Put) =>
      table === 'live' || (table === 'core' && value.length <= adapterLimits.diskShortRowBytesMax);
    if (!this.#disk.isShort || rows.every(isSpared)) return;
    throw new Unavailable('the disk is nearly full: the remaining space is reserved for sign-ins and deletions');
  }

  async delete(key: Key, condition?: { readonly version: string }): Promise<boolean> {
    const bytes = checkKey(key);
    const write: Write = ['delete', key.table, key.partition, key.sort, '', '', null, condition?.version ?? null];
    const answer = await this.#write([write], bytes);
    if (answer === 'conflict') throw conflict(key);
    return answer as boolean;
  }

  async add(key: Key, by: number): Promise<number> {
    const bytes = checkKey(key);
    checkStep(by);
    const write: Write = ['add', key.table, key.partition, key.sort, by, this.#mintVersion(), null, null];
    const answer = await this.#write([write], bytes);
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
    if (this.#cache === undefined || !isCached(key.table)) return this.#readFile(key, now).row;
    const id = cacheId(key);
    const known = this.#cache.get(id, now);
    if (known !== undefined) return known.row;
    const found = this.#readFile(key, now);
    this.#cache.add(id, found);
    return found.row;
  }

  #readFile(key: Key, now: number): CachedRow {
    try {
      const found = this.#reads.get(key.table)!.get.get(key.partition, key.sort, now) as unknown as Found | undefined;
      return found === undefined ? absent : { row: toRow(key.partition, found), expires: found.expires ?? null };
    } catch (error) {
      throw sqliteUnavailable(error);
    }
  }

  async #write(writes: readonly Write[], bytes: number): Promise<Answer | undefined> {
    const cache = this.#cache;
    if (cache === undefined) return this.#queue.write(writes, bytes);
    const cached = writes.filter(([, table]) => isCached(table)).map((write) => ({ write, id: idOf(write) }));
    for (const { id } of cached) cache.begin(id);
    let answer: Answer | undefined;
    let isWritten = false;
    try {
      answer = await this.#queue.write(writes, bytes);
      isWritten = answer === undefined;
      return answer;
    } finally {
      for (const { write, id } of cached) cache.end(id, isWritten ? written(write) : undefined);
    }
  }

  async #put(kind: 'put' | 'insert' | 'replace', row: Put, expected: string | null, bytes: number): Promise<string> {
    const version = this.#mintVersion();
    const answer = await this.#write([toWrite(kind, row, version, expected)], bytes);
    if (answer === 'conflict') throw conflict(row);
    return version;
  }

  /**
   * Removes some expired rows of each table, and soon continues where a table had more. Failures are ignored: the next round
   * tries again. Never rejects.
   */
  async #sweepExpired(): Promise<void> {
    const sweeps = tables.map((table) => this.#queue.write([['sweep', table, '', '', '', '', null, null]], 0));
    const removed = (await Promise.allSettled(sweeps)).map((sweep) => (sweep.status === 'fulfilled' ? sweep.value : 0));
    if (this.#closed !== undefined) return;
    const isMoreLeft = removed.some((count: Answer | undefined) => count === adapterLimits.sqliteSweepRowsMax);
    const delayMs = isMoreLeft ? adapterLimits.sqliteSweepBusyMs : adapterLimits.sqliteSweepMs;
    this.#sweep = this.#clock.after(delayMs, () => void this.#sweepExpired());
  }
}

/** Single rows of the archive are hardly ever read again, and the archive has the most rows. */
function isCached(table: Key['table']): boolean {
  return table !== 'archive';
}

const absent: CachedRow = { row: undefined, expires: null };

function idOf([, table, partition, sort]: Write): string {
  return cacheId({ table, partition, sort });
}

/** The row after a put that was answered with just "done". */
function written([, , partition, sort, value, version, expires]: Write): CachedRow {
  return { row: { partition, sort, value: `${value}`, version }, expires };
}

interface Found {
  readonly sort: string;
  readonly value: string | number;
  readonly version: string;
  readonly expires?: number | null;
}

function toRow(partition: string, { sort, value, version }: Found): Row {
  return { partition, sort, value: typeof value === 'number' ? `${value}` : value, version };
}

function toWrite(kind: 'put' | 'insert' | 'replace', row: Put, version: string, expected: string | null): Write {
  const expires = row.expiresAtMs === undefined ? null : expirySeconds(row.expiresAtMs);
  return [kind, row.table, row.partition, row.sort, row.value, version, expires, expected];
}

function conflict({ table, partition, sort }: Key): Conflict {
  return new Conflict(`another write came first: ${table} ${partition} ${sort}`);
}
