/** The messages between the main thread and the writing thread of the embedded store. */
import type { Table } from '../ports/store.ts';

/**
 * Writes are tuples, because cloning an object would spell out each property's name. `expected` is the version that must be
 * there.
 *
 *   put      any row, or none, may be there
 *   insert   there must be no row, or an expired one
 *   replace  the row must have exactly the version `expected`
 *   delete   the row may have any version, or must have `expected`
 *   add      `value` is added to the counter
 *   sweep    removes some of the expired rows of `table`
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

/** All writes of one tick. They are answered in order. */
export interface Batch {
  readonly writes: readonly Write[];
  /** Seconds since the epoch by the clock of the main thread: the writer has no clock. */
  readonly now: number;
  /** After this batch the writer closes its connection and ends. */
  readonly last?: boolean;
}

/** `true` and `false` answer a delete, a number an add or a sweep. */
export type Answer = boolean | number | 'conflict' | 'not-a-counter' | 'overflow';

/** The outcome of the oldest `count` unanswered writes. */
export interface Outcome {
  readonly count: number;
  /** The reason, when none of them took place. */
  readonly failed?: string;
  /** Answers other than "done", as pairs of index and answer. */
  readonly answers: readonly (readonly [index: number, answer: Answer])[];
}
