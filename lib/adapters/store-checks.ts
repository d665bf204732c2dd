/**
 * Checks that every adapter of the Store port makes of its arguments, so that a row which fits one fits the other.
 *
 * A violation is a defect of the caller (`TypeError`, `RangeError`), never `Unavailable`: trying again would not help.
 */
import { portLimits } from '../ports/limits.ts';
import type { IndexedRow, Key, Put, Query, RowText, Search } from '../ports/store.ts';

const tables: ReadonlySet<string> = new Set(['core', 'archive', 'live']);

/** A lone surrogate cannot be written in UTF-8: SQLite would store another key than the one that was asked for. */
function checkText(what: string, text: string, bytesMax: number): number {
  if (typeof text !== 'string') throw new TypeError(`${what} must be text, not ${typeof text}`);
  if (!text.isWellFormed()) throw new RangeError(`${what} has a lone surrogate: ${JSON.stringify(text.slice(0, 100))}`);
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) throw new RangeError(`${what} has ${bytes} bytes, more than ${bytesMax}`);
  return bytes;
}

function checkKeyPart(what: string, text: string): number {
  const bytes = checkText(what, text, portLimits.storeKeyBytesMax);
  if (bytes === 0) throw new RangeError(`${what} is empty`);
  return bytes;
}

/** @returns the bytes of both keys */
export function checkKey(key: Key): number {
  if (!tables.has(key.table)) throw new RangeError(`unknown table ${JSON.stringify(key.table)}`);
  return checkKeyPart('partition', key.partition) + checkKeyPart('sort', key.sort);
}

/** @returns the bytes of keys and value */
export function checkPut(row: Put): number {
  const { expiresAtMs } = row;
  if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs))
    throw new RangeError(`expiresAtMs must be a finite number, not ${expiresAtMs}`);
  const bytes = checkKey(row) + checkText('value', row.value, portLimits.storeValueBytesMax);
  return row.text === undefined ? bytes : bytes + checkRowText(row, row.text);
}

/** @returns the bytes of key and text */
export function checkIndexed(row: IndexedRow): number {
  return checkKey(row) + checkRowText(row, row.text);
}

function checkRowText({ table }: Key, { text, atMs }: RowText): number {
  if (table !== 'archive') throw new RangeError(`only rows of archive are found by a text, not those of ${table}`);
  if (!Number.isSafeInteger(atMs) || atMs < 0 || atMs > portLimits.storeTextMsMax)
    throw new RangeError(`atMs must be a whole number up to ${portLimits.storeTextMsMax}, not ${atMs}`);
  return checkText('text', text, portLimits.storeValueBytesMax);
}

export function checkSearch(search: Search): void {
  checkQuery({ ...search, table: 'archive', consistent: true });
  if (search.words.length === 0) throw new RangeError('a search needs a word');
}

export function checkBatch(keys: readonly Key[]): void {
  if (keys.length > portLimits.storeBatchKeysMax) {
    throw new RangeError(`batchGet takes at most ${portLimits.storeBatchKeysMax} keys, not ${keys.length}`);
  }
  for (const key of keys) checkKey(key);
}

export function checkQuery(query: Query): void {
  const { limit } = query;
  if (!tables.has(query.table)) throw new RangeError(`unknown table ${JSON.stringify(query.table)}`);
  checkKeyPart('partition', query.partition);
  for (const what of ['prefix', 'after', 'before'] as const) {
    if (query[what] !== undefined) checkText(what, query[what], portLimits.storeKeyBytesMax);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > portLimits.storeQueryRowsMax) {
    throw new RangeError(`limit must be 1 to ${portLimits.storeQueryRowsMax}, not ${limit}`);
  }
}

export function checkStep(by: number): void {
  if (!Number.isSafeInteger(by)) throw new RangeError(`a counter moves by an integer within ±2^53, not ${by}`);
}

/** Rows expire on whole seconds, as with DynamoDB's TTL: at most a second late, never early. */
export function expirySeconds(expiresAtMs: number): number {
  return Math.ceil(expiresAtMs / 1_000);
}

/** A row has expired when its expiry is at or below this. */
export function nowSeconds(nowMs: number): number {
  return Math.floor(nowMs / 1_000);
}

export function notACounter(key: Key): TypeError {
  return new TypeError(`cannot add to a row that is not a counter: ${key.table} ${key.partition} ${key.sort}`);
}

export function counterOverflow(key: Key): RangeError {
  return new RangeError(`a counter cannot leave ±2^53: ${key.table} ${key.partition} ${key.sort}`);
}
