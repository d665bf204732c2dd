/**
 * The Store port: rows by partition and sort key (DESIGN §1, §3).
 *
 * The common part of SQLite and DynamoDB, so: no transactions, no secondary indexes, and a read is only as fresh as it asks
 * to be. Keys and values are text. Every adapter passes `test/contracts/store.contract.ts`.
 */

/** `core` is kept for ever, `archive` expires by the tenant's retention, `live` is never backed up. */
export type Table = 'core' | 'archive' | 'live';

export interface Key {
  readonly table: Table;
  /** At most 1,024 bytes of UTF-8, not empty. */
  readonly partition: string;
  /** At most 1,024 bytes of UTF-8, not empty; rows of a partition are ordered by its bytes. */
  readonly sort: string;
}

export interface Row {
  readonly partition: string;
  readonly sort: string;
  /** At most 380,000 bytes of UTF-8; a counter reads as its decimal text. */
  readonly value: string;
  /** Opaque; changes with every write. Compare it through `put`'s or `delete`'s `if`. */
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

export interface Put extends Key {
  readonly value: string;
  /** Milliseconds since the epoch; from then on reads act as if the row were gone (precision: one second). */
  readonly expiresAtMs?: number;
}

/** What must hold of the row that is there, else {@link Conflict}: no row at all, or exactly this version. */
export type Condition = 'absent' | { readonly version: string };

export interface Store {
  /**
   * true: writes take effect in the order in which they were called for, also when the process dies, so that the second of two need not
   * wait for the first to be sure that it is not there alone. (One that was refused leaves those behind it as they are.)
   */
  readonly keepsOrder?: boolean;
  /**
   * true: there is room for little more, and it is kept for sign-ins and deletions. Rows of `archive`, and large ones of `core`, are refused
   * as {@link Unavailable}; whoever asks first can say so at once.
   */
  readonly isShort?: boolean;
  get(key: Key, options: ReadOptions): Promise<Row | undefined>;
  /** Same order and length as `keys`; at most 1,000 keys; the same key may stand twice. */
  batchGet(keys: readonly Key[], options: ReadOptions): Promise<(Row | undefined)[]>;
  query(query: Query): Promise<Row[]>;
  /**
   * Durable when it resolves. An expired row counts as absent.
   * @returns the new version
   * @throws {Conflict} when `condition` does not hold: nothing was written
   * @throws {Unavailable} also when the answer was lost and it cannot be told whether it was written
   */
  put(row: Put, condition?: Condition): Promise<string>;
  /**
   * Unconditional puts, any number, each durable when it resolves; not atomic together: after a throw any subset may be there. Calls
   * for one key that overlap are kept in order only among unconditional puts: await one before a delete of the same key.
   */
  batchPut(rows: readonly Put[]): Promise<void>;
  /** @returns whether a row was there (false whatever the condition, when none is). @throws {Conflict} when it has another version. */
  delete(key: Key, condition?: { readonly version: string }): Promise<boolean>;
  /**
   * Adds to a counter row (absent = 0) and returns the sum. A retry may count twice. Counters do not expire.
   * @throws {TypeError} on a row that is no counter. @throws {RangeError} beyond ±2^53
   */
  add(key: Key, by: number): Promise<number>;
  close(): Promise<void>;
}

/** The condition of a write did not hold: somebody else was first. Nothing was written. */
export class Conflict extends Error {
  override name = 'Conflict';
}

/** A part that we depend on (store, bus, blobs) did not answer, is full, or throttles; trying again later may work. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}
