/** What the parts of the Store port's contract share. */
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Key, Query, Row, Store, Table } from '../../lib/ports/store.ts';

/** Stands still until it is moved; its timers run in real time. */
export interface SetClock extends Clock {
  advance(ms: number): void;
}

export function setClock(): SetClock {
  let now = Math.floor(systemClock.now() / 1_000) * 1_000;
  return {
    ...systemClock,
    now: () => now,
    advance(ms) {
      now += ms;
    },
  };
}

export interface OpenStore {
  readonly store: Store;
  /** The clock that the store was opened with. */
  readonly clock: SetClock;
  /** Closes the store and its engine. */
  close(): Promise<void>;
}

export interface Quirks {
  /** It keeps an index of words. */
  readonly keepsWords?: boolean;
  /** The engine refuses intervals from U+E000…U+FFFF to U+10000…, because it compares their ends as UTF-16. */
  readonly noAstralBounds?: boolean;
}

/** The store is there once tests run, not when they are declared. */
export interface Subject {
  readonly store: Store;
  readonly clock: SetClock;
  readonly quirks: Quirks;
  /** A new partition, so that no test meets the rows of another. */
  freshPartition(): string;
  freshKey(table?: Table): Key;
  value(key: Key): Promise<string | undefined>;
  /** Queries `core`, up to 1,000 rows, consistently, unless told otherwise. */
  query(partition: string, rest?: Partial<Query>): Promise<Row[]>;
  sorts(partition: string, rest?: Partial<Query>): Promise<string[]>;
  /** A new partition of `core` with these sort keys. */
  fill(sorts: readonly string[]): Promise<string>;
}

export const consistent = { consistent: true } as const;
export const tables: readonly Table[] = ['core', 'archive', 'live'];

/** Characters that UTF-16 and UTF-8 order differently, separators, and a letter with its decomposed form. */
export const awkward = [
  '\u0000',
  '\u0001',
  ' ',
  '/',
  '0',
  'A',
  'a',
  'a\u0000',
  'a\u0000b',
  'aa',
  'ab',
  'e\u0301',
  '\u00e9',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '\u{10000}',
  '\u{1f600}',
  '\u{10ffff}',
];

export function subject(opened: () => OpenStore, quirks: Quirks): Subject {
  let partitions = 0;
  const freshPartition = () => `example.org/p${partitions++}`;
  const query = (partition: string, rest: Partial<Query> = {}) =>
    opened().store.query({ table: 'core', partition, limit: 1_000, consistent: true, ...rest });
  return {
    get store() {
      return opened().store;
    },
    get clock() {
      return opened().clock;
    },
    quirks,
    freshPartition,
    freshKey: (table = 'core') => ({ table, partition: freshPartition(), sort: 'row' }),
    value: async (key) => (await opened().store.get(key, consistent))?.value,
    query,
    sorts: async (partition, rest) => (await query(partition, rest)).map(({ sort }) => sort),
    async fill(sorts) {
      const partition = freshPartition();
      await opened().store.batchPut(sorts.map((sort) => ({ table: 'core', partition, sort, value: `v${sort}` })));
      return partition;
    },
  };
}
