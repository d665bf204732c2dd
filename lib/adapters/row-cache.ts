/**
 * Rows that the embedded store has read or written lately, and keys that it found empty, so that a message does not pay for
 * reading the same few rows of its sender and recipient again.
 *
 * The cache is exact, because one process owns the file and every write passes here. While a write of a key is pending, the cache
 * does not answer for the key; afterwards it answers with what was committed.
 */
import type { Key, Row } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';

export interface CachedRow {
  /** undefined: the row does not exist. */
  readonly row: Row | undefined;
  /** Seconds since the epoch; null: never. */
  readonly expires: number | null;
}

/**
 * The cache has two generations: an entry that is used again moves to the young one. When that is full, the old one is dropped.
 */
export class RowCache {
  #young = new Map<string, CachedRow>();
  #old = new Map<string, CachedRow>();
  #youngCharacters = 0;
  /** Number of pending writes for each key. */
  readonly #writing = new Map<string, number>();

  /** @returns undefined when the row must be read from the file */
  get(id: string, now: number): CachedRow | undefined {
    let found = this.#young.get(id);
    if (found === undefined) {
      found = this.#old.get(id);
      if (found === undefined) return undefined;
      this.#add(id, found);
    }
    return found.expires !== null && found.expires <= now ? gone : found;
  }

  /** Adds what a read of the file found. */
  add(id: string, found: CachedRow): void {
    if (!this.#writing.has(id)) this.#add(id, found);
  }

  /** A write of this key begins. */
  begin(id: string): void {
    this.#writing.set(id, (this.#writing.get(id) ?? 0) + 1);
    this.#young.delete(id);
    this.#old.delete(id);
  }

  /** The write has ended. @param written the row afterwards; undefined when that is not known */
  end(id: string, written: CachedRow | undefined): void {
    const left = this.#writing.get(id)! - 1;
    if (left > 0) {
      this.#writing.set(id, left);
      return;
    }
    this.#writing.delete(id);
    if (written !== undefined) this.#add(id, written);
  }

  #add(id: string, found: CachedRow): void {
    const characters = id.length + (found.row?.value.length ?? 0);
    if (characters > adapterLimits.rowCacheRowCharactersMax) return;
    if (this.#young.size >= adapterLimits.rowCacheMax / 2 || this.#youngCharacters > adapterLimits.rowCacheCharactersMax / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngCharacters = 0;
    }
    this.#young.set(id, found);
    this.#youngCharacters += characters;
  }
}

/** A text that is unique to the key. */
export function cacheId({ table, partition, sort }: Key): string {
  return `${table}${partition.length} ${partition}${sort}`;
}

const gone: CachedRow = { row: undefined, expires: null };
