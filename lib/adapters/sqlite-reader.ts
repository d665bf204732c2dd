/** Reads rows of the embedded store through a connection of its own, which sees every commit from the moment when it is made. */
import type { DatabaseSync } from 'node:sqlite';
import type { Key, Query, Row, Search } from '../ports/store.ts';
import type { CachedRow } from './row-cache.ts';
import { sortRange } from './sort-range.ts';
import { openReader, sqliteUnavailable } from './sqlite-schema.ts';
import { prepareSearch } from './sqlite-search.ts';
import { type Interval, prepareReads } from './sqlite-statements.ts';

/** Above all text: SQLite sorts blobs after text. */
const unbounded = new Uint8Array(0);

const absent: CachedRow = { row: undefined, expires: null };

interface Found {
  readonly sort: string;
  readonly value: string;
  readonly version: string;
  readonly expires?: number | null;
}

export class SqliteReader {
  readonly #db: DatabaseSync;
  readonly #reads: ReturnType<typeof prepareReads>;
  readonly #search: ReturnType<typeof prepareSearch>;

  constructor(path: string) {
    this.#db = openReader(path);
    this.#reads = prepareReads(this.#db);
    this.#search = prepareSearch(this.#db);
  }

  /** @param now seconds since the epoch. @throws {Unavailable} */
  get(key: Key, now: number): CachedRow {
    try {
      const found = this.#reads.get(key.table)!.get.get(key.partition, key.sort, now) as unknown as Found | undefined;
      return found === undefined ? absent : { row: toRow(key.partition, found), expires: found.expires ?? null };
    } catch (error) {
      throw sqliteUnavailable(error);
    }
  }

  /** @throws {Unavailable} */
  query(query: Query, now: number): Row[] {
    const interval = intervalOf(query);
    if (interval === undefined) return [];
    const statement = this.#reads.get(query.table)![query.direction ?? 'forward'];
    try {
      const found = statement.all(query.partition, interval.from, interval.until, now, query.limit);
      return found.map((row) => toRow(query.partition, row as unknown as Found));
    } catch (error) {
      throw sqliteUnavailable(error);
    }
  }

  /** @throws {Unavailable} */
  search(search: Search, now: number): Row[] {
    const interval = intervalOf(search);
    if (interval === undefined) return [];
    try {
      return this.#search(search, interval, now);
    } catch (error) {
      throw sqliteUnavailable(error);
    }
  }

  close(): void {
    this.#db.close();
  }
}

/** @returns undefined when no key can be in it */
function intervalOf(query: Pick<Query, 'prefix' | 'after' | 'before'>): Interval | undefined {
  const range = sortRange(query);
  if (range === undefined) return undefined;
  const { lower, upper } = range;
  return {
    from: lower === undefined ? '' : lower.inclusive ? lower.at : `${lower.at}\0`, // the next text in byte order
    until: upper === undefined ? unbounded : upper.inclusive ? `${upper.at}\0` : upper.at,
  };
}

function toRow(partition: string, { sort, value, version }: Found): Row {
  return { partition, sort, value, version };
}
