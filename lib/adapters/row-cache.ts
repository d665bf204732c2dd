/**
 * Rows that the embedded store has read or written lately, and keys that it found empty, so that a message does not pay for
 * reading the same few rows of its sender and recipient again.
 *
 * The cache is exact, because one process owns the file and every write passes here. While a write of a key is pending, the cache
 * does not answer for the key; afterwards it answers with what was committed, if it knew the key before. What is written and never read
 * by its key, such as what waits for other servers, is not kept.
 */
import type { Key, Row, Table } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';

export interface CachedRow {
  /** undefined: the row does not exist. */
  readonly row: Row | undefined;
  /** Seconds since the epoch; null: never. */
  readonly expires: number | null;
}

/** Rows by table, partition and sort key. A text of all three would be made anew with each read. */
type Generation = Readonly<Record<Table, Map<string, Map<string, CachedRow>>>>;

function emptyGeneration(): Generation {
  return { core: new Map(), archive: new Map(), live: new Map() };
}

/**
 * The cache has two generations: an entry that is used again moves to the young one. When that is full, the old one is dropped.
 */
export class RowCache {
  #young = emptyGeneration();
  #old = emptyGeneration();
  #youngCount = 0;
  #youngCharacters = 0;
  /** Twice the number of pending writes for each key, by {@link idOf}, and one more where the cache knew the key. */
  readonly #writing = new Map<string, number>();

  /** @returns undefined when the row must be read from the file */
  get(key: Key, now: number): CachedRow | undefined {
    const { table, partition, sort } = key;
    let found = this.#young[table].get(partition)?.get(sort);
    if (found === undefined) {
      found = this.#old[table].get(partition)?.get(sort);
      if (found === undefined) return undefined;
      this.#add(key, found);
    }
    return found.expires !== null && found.expires <= now ? gone : found;
  }

  /** Adds what a read of the file found. */
  add(key: Key, found: CachedRow): void {
    if (!this.#writing.has(idOf(key))) this.#add(key, found);
  }

  /** A write of this key begins. */
  begin(key: Key): void {
    const id = idOf(key);
    const isYoung = remove(this.#young, key);
    if (isYoung) this.#youngCount--;
    const isKnown = remove(this.#old, key) || isYoung;
    this.#writing.set(id, (this.#writing.get(id) ?? (isKnown ? 1 : 0)) + 2);
  }

  /** The write has ended. @param written the row afterwards; undefined when that is not known */
  end(key: Key, written: CachedRow | undefined): void {
    const id = idOf(key);
    const left = this.#writing.get(id)! - 2;
    if (left > 1) {
      this.#writing.set(id, left);
      return;
    }
    this.#writing.delete(id);
    if (written !== undefined && left === 1) this.#add(key, written);
  }

  #add({ table, partition, sort }: Key, found: CachedRow): void {
    const characters = partition.length + sort.length + (found.row?.value.length ?? 0);
    if (characters > adapterLimits.rowCacheRowCharactersMax) return;
    if (this.#youngCount >= adapterLimits.rowCacheMax / 2 || this.#youngCharacters > adapterLimits.rowCacheCharactersMax / 2) {
      this.#old = this.#young;
      this.#young = emptyGeneration();
      this.#youngCount = 0;
      this.#youngCharacters = 0;
    }
    const partitions = this.#young[table];
    let rows = partitions.get(partition);
    if (rows === undefined) {
      rows = new Map();
      partitions.set(partition, rows);
    }
    if (!rows.has(sort)) this.#youngCount++;
    rows.set(sort, found);
    this.#youngCharacters += characters;
  }
}

/** Partitions without a row are not counted, so none is kept. @returns whether the row was there */
function remove(generation: Generation, { table, partition, sort }: Key): boolean {
  const rows = generation[table].get(partition);
  if (rows === undefined || !rows.delete(sort)) return false;
  if (rows.size === 0) generation[table].delete(partition);
  return true;
}

/** A text that is unique to the key. */
function idOf({ table, partition, sort }: Key): string {
  return `${table}${partition.length} ${partition}${sort}`;
}

const gone: CachedRow = { row: undefined, expires: null };
