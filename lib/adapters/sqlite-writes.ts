/** The messages between the main thread and the writing thread of the embedded store. */
import type { Table } from '../ports/store.ts';

/**
 *   put          any row, or none, may be there
 *   insert       there must be no row, or an expired one
 *   replace      the row must have exactly the version `expected`
 *   delete       the row may have any version
 *   remove       the same, and nobody asks whether there was one
 *   deleteExact  the row must have exactly the version `expected`
 *   add          `by` is added to the counter
 *   sweep        removes some of the expired rows of `table`
 *   index        the row of the version `expected` is found by the words of `value`, at the time `by`; without a value, not any more
 */
export type WriteKind = 'put' | 'insert' | 'replace' | 'delete' | 'remove' | 'deleteExact' | 'add' | 'sweep' | 'index';

/** A write as the writing thread unpacks it (sqlite-packing.ts). */
export interface Write {
  readonly kind: WriteKind;
  readonly table: Table;
  readonly partition: string;
  readonly sort: string;
  /** UTF-8. It shares memory with the batch. */
  readonly value: Uint8Array;
  readonly by: number;
  readonly version: string;
  /** Seconds since the epoch; null: never. */
  readonly expires: number | null;
  readonly expected: string;
}

/** All writes of one tick, or as many as fit. They are answered in order. */
export interface Batch {
  /** The packed writes. The memory is transferred, so the main thread has it no more. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** Seconds since the epoch by the clock of the main thread: the writer has no clock. */
  readonly now: number;
  /** After this batch the writer closes its connection and ends. */
  readonly last?: boolean;
}

/** `true` and `false` answer a delete, a number an add or a sweep. */
export type Answer = boolean | number | 'conflict' | 'not-a-counter' | 'overflow';

/** The outcome of the oldest `count` unanswered writes. */
export interface Outcome extends Carried {
  /** The memory of their batches, which is transferred back. */
  readonly memory: readonly ArrayBuffer[];
}

export interface Carried {
  readonly count: number;
  /** The reason, when none of them took place. */
  readonly failed?: string;
  /** Answers other than "done", as pairs of index and answer. */
  readonly answers: readonly (readonly [index: number, answer: Answer])[];
}
