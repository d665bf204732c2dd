/**
 * The Store port: rows by partition and sort key.
 *
 * It offers what SQLite and DynamoDB have in common: no transactions, no secondary indexes, and a read is only as fresh as it
 * asks to be. Keys and values are text. Every adapter passes `test/contracts/store.contract.ts`.
 */

/** `core` is kept for ever, `archive` expires by the tenant's retention, `live` is never backed up. */
export type Table = 'core' | 'archive' | 'live';

export interface Key {
  readonly table: Table;
  /** At most 1,024 bytes of UTF-8, not empty. */
  readonly partition: string;
  /** At most 1,024 bytes of UTF-8, not empty. The rows of a partition are ordered by these bytes. */
  readonly sort: string;
}

export interface Row {
  readonly partition: string;
  readonly sort: string;
  /** At most 380,000 bytes of UTF-8; a counter reads as its decimal text. */
  readonly value: string;
  /**
   * Opaque; changes with every write. Pass it as the condition of `put` or `delete` to write only if nobody else has written
   * since.
   */
  readonly version: string;
}

export interface ReadOptions {
  /** true: sees every write that was confirmed before the call. false: may be a moment old. */
  readonly consistent: boolean;
}

export interface Query extends ReadOptions {
  readonly table: Table;
  readonly partition: string;
  /** Only sort keys that start with this. */
  readonly prefix?: string;
  /** Only sort keys greater than this one. */
  readonly after?: string;
  /** Only sort keys less than this one. */
  readonly before?: string;
  readonly direction?: 'forward' | 'backward';
  /** 1 to 1,000 rows. */
  readonly limit: number;
}

/** What a row is found by in {@link Store.search}. */
export interface RowText {
  readonly text: string;
  /** Milliseconds since the epoch. Along the sort keys of the partition's rows that have a text, it never becomes less. */
  readonly atMs: number;
}

export interface Put extends Key {
  readonly value: string;
  /** Only for rows of `archive`. A store without {@link Store.search} ignores it; a row that is written without it is not found. */
  readonly text?: RowText | undefined;
  /** Milliseconds since the epoch; from then on reads act as if the row were gone (precision: one second). */
  readonly expiresAtMs?: number;
}

/** Rows of `archive` that have all of these words in their text. */
export interface Search extends Omit<Query, 'table' | 'consistent'> {
  /** As `lib/xmpp/words.ts` cuts them; at least one. */
  readonly words: readonly string[];
  /** The interval of {@link RowText.atMs}, both inclusive, which must have room for all rows that are asked for. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A row that is to be found by its text from now on, if it still has this version. An empty text: it is not to be found. */
export interface IndexedRow extends Key {
  readonly version: string;
  readonly text: RowText;
}

/**
 * What must be true of the existing row, or the write fails with {@link Conflict}: there is none, or it has exactly this version.
 */
export type Condition = 'absent' | { readonly version: string };

export interface Store {
  /**
   * true: writes take effect in the order of the calls, even if the process dies. So when the second of two writes is there, the
   * first is too, and the caller need not wait for the first before it calls the second. (A refused write does not affect those
   * after it.)
   */
  readonly keepsOrder?: boolean;
  /**
   * true: little space is left, and it is reserved for sign-ins and deletions. Rows of `archive` and large rows of `core` are
   * refused with {@link Unavailable}; a caller that asks first can refuse early.
   */
  readonly isShort?: boolean;
  get(key: Key, options: ReadOptions): Promise<Row | undefined>;
  /** The result has the order and length of `keys`: at most 1,000, and the same key may stand twice. */
  batchGet(keys: readonly Key[], options: ReadOptions): Promise<(Row | undefined)[]>;
  query(query: Query): Promise<Row[]>;
  /**
   * Durable when it resolves. An expired row counts as absent.
   * @returns the new version
   * @throws {Conflict} when `condition` does not hold: nothing was written
   * @throws {Unavailable} also when the answer was lost, so that nobody knows whether the row was written
   */
  put(row: Put, condition?: Condition): Promise<string>;
  /**
   * Any number of unconditional puts. All are durable when it resolves, but they are not atomic together: after a throw any
   * subset may be there. Overlapping calls for one key keep their order only among unconditional puts and `batchDelete`: await
   * one before you call `delete` for the same key.
   */
  batchPut(rows: readonly Put[]): Promise<void>;
  /**
   * Any number of unconditional deletions, of rows that may be gone already. All are gone for good when it resolves; after a throw
   * any subset may be. It may share requests with `batchPut`.
   */
  batchDelete(keys: readonly Key[]): Promise<void>;
  /**
   * @returns whether a row was there; false if none was, whatever the condition.
   * @throws {Conflict} when it has another version
   */
  delete(key: Key, condition?: { readonly version: string }): Promise<boolean>;
  /**
   * Adds to a counter row (absent = 0) and returns the sum. A retry may count twice. Counters do not expire.
   * @throws {TypeError} when the row is not a counter. @throws {RangeError} beyond ±2^53
   */
  add(key: Key, by: number): Promise<number>;
  /**
   * Finds rows by their words. Absent: this store keeps no index of words. A row may be found only a moment after it was written; it is not
   * found from the moment when it is deleted or overwritten.
   */
  search?(search: Search): Promise<Row[]>;
  /** Adds rows that were written without a text to the index, or takes rows out of it. Present where `search` is. */
  index?(rows: readonly IndexedRow[]): Promise<void>;
  close(): Promise<void>;
}

/** The condition of a write did not hold because somebody else wrote first. Nothing was written. */
export class Conflict extends Error {
  override name = 'Conflict';
}

/** A dependency (store, bus, blobs) did not answer, is full, or throttles. Trying again later may work. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}
