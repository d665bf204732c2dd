/**
 * Rows that the embedded store has read or written of late, and keys that it has found empty, so that a message does not pay for
 * reading the same few rows of its sender and recipient again (DESIGN §5).
 *
 * Exact, because one process owns the file and every write passes here: while a write of a key is under way the key is not answered
 * from here, and afterwards by what was committed.
 */
import { limits } from '../limits.ts';
import type { Key, Row } from '../ports/store.ts';

export interface CachedRow {
  /** undefined: there is no such row. */
  readonly row: Row | undefined;
  /** Seconds since the epoch; null: never. */
  readonly expires: number | null;
}

/** Two generations: what is asked for again moves to the young one; when that is full, the old one is dropped whole. */
export class RowCache {
  #young = new Map<string, CachedRow>();
  #old = new Map<string, CachedRow>();
  #youngCharacters = 0;
  /** How many writes of a key have no outcome yet. */
  readonly #writing = new Map<string, number>();

  /** @returns undefined when it has to be read */
  get(id: string, now: number): CachedRow | undefined {
    let found = this.#young.get(id);
    if (found === undefined) {
      found = this.#old.get(id);
      if (found === undefined) return undefined;
      this.#add(id, found);
    }
    return found.expires !== null && found.expires <= now ? gone : found;
  }

  /** What a read of the file has found. */
  add(id: string, found: CachedRow): void {
    if (!this.#writing.has(id)) this.#add(id, found);
  }

  /** A write of this key was handed in. */
  begin(id: string): void {
    this.#writing.set(id, (this.#writing.get(id) ?? 0) + 1);
    this.#young.delete(id);
    this.#old.delete(id);
  }

  /** It has its outcome. @param written what is there now; undefined: that is not known */
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
    if (characters > limits.rowCacheRowCharactersMax) return;
    if (this.#young.size >= limits.rowCacheMax / 2 || this.#youngCharacters > limits.rowCacheCharactersMax / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngCharacters = 0;
    }
    this.#young.set(id, found);
    this.#youngCharacters += characters;
  }
}

/** Other for each key. */
export function cacheId({ table, partition, sort }: Key): string {
  return `${table}${partition.length} ${partition}${sort}`;
}

const gone: CachedRow = { row: undefined, expires: null };
