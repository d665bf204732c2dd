/** What the main thread and the writing thread of the embedded store say to each other. */
import type { Table } from '../ports/store.ts';

/**
 * Tuples, because the clone of an object spells out each property's name. `expected` is the version that must be there.
 *
 *   put      any row, or none, may be there
 *   insert   no row, or an expired one
 *   replace  exactly the version `expected`
 *   delete   any version, or `expected`
 *   add      `value` is the step of the counter
 *   sweep    removes a slice of the expired rows of `table`
 */
export type Write = readonly [
  kind: 'put' | 'insert' | 'replace' | 'delete' | 'add' | 'sweep',
  table: Table,
  partition: string,
  sort: string,
  value: string | number,
  version: string,
  expires: number | null,
  expected: string | null,
];

/** All that was handed in during one tick. Answered in order. */
export interface Batch {
  readonly writes: readonly Write[];
  /** Seconds since the epoch, by the clock of the main thread: the writer has none. */
  readonly now: number;
  /** After this batch the writer closes its connection and ends. */
  readonly last?: boolean;
}

/** `true` and `false` answer a delete, a number an add or a sweep. */
export type Answer = boolean | number | 'conflict' | 'not-a-counter' | 'overflow';

/** The outcome of the oldest `count` writes that have none yet. */
export interface Outcome {
  readonly count: number;
  /** Why none of them took place. */
  readonly failed?: string;
  /** What is to be said beyond "done": pairs of index and answer. */
  readonly answers: readonly (readonly [index: number, answer: Answer])[];
}
