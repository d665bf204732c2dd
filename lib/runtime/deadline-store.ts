/**
 * A store for the work of one request, which refuses every call after the request's deadline. By then the requester has stopped waiting,
 * and somebody else may have carried the request out, and what followed it. A process that stood still meanwhile (SIGSTOP, a pause of the
 * collector, no processor time) finds that out with its next call. So a write that depends on an earlier read cannot come late, however
 * long the store itself takes: read, look at the clock, write if nobody else has.
 */
import type { Clock } from '../ports/clock.ts';
import {
  type Condition,
  type IndexedRow,
  type Key,
  type Put,
  type Query,
  type ReadOptions,
  type Row,
  type Search,
  type Store,
  Unavailable,
} from '../ports/store.ts';

export class DeadlineStore implements Store {
  readonly keepsOrder: boolean;
  /** The same store without the deadline, for work that goes on after the request was answered. */
  readonly withoutDeadline: Store;
  /** Only where the store itself has them. */
  readonly search?: (search: Search) => Promise<Row[]>;
  readonly index?: (rows: readonly IndexedRow[]) => Promise<void>;
  readonly #clock: Clock;
  readonly #deadlineMs: number;

  /** @param deadlineMs by the requester's wall clock, which is taken to agree with ours up to `runtimeLimits.clocksDifferMs` */
  constructor(store: Store, clock: Clock, deadlineMs: number) {
    this.withoutDeadline = store instanceof DeadlineStore ? store.withoutDeadline : store;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.keepsOrder = store.keepsOrder === true;
    const { withoutDeadline } = this;
    if (withoutDeadline.search === undefined) return;
    this.search = (search) => this.#late() ?? withoutDeadline.search!(search);
    this.index = (rows) => this.#late() ?? withoutDeadline.index!(rows);
  }

  get isShort(): boolean {
    return this.withoutDeadline.isShort === true;
  }

  get(key: Key, options: ReadOptions): Promise<Row | undefined> {
    return this.#late() ?? this.withoutDeadline.get(key, options);
  }

  batchGet(keys: readonly Key[], options: ReadOptions): Promise<(Row | undefined)[]> {
    return this.#late() ?? this.withoutDeadline.batchGet(keys, options);
  }

  query(query: Query): Promise<Row[]> {
    return this.#late() ?? this.withoutDeadline.query(query);
  }

  put(row: Put, condition?: Condition): Promise<string> {
    return this.#late() ?? this.withoutDeadline.put(row, condition);
  }

  batchPut(rows: readonly Put[]): Promise<void> {
    return this.#late() ?? this.withoutDeadline.batchPut(rows);
  }

  batchDelete(keys: readonly Key[]): Promise<void> {
    return this.#late() ?? this.withoutDeadline.batchDelete(keys);
  }

  delete(key: Key, condition?: { readonly version: string }): Promise<boolean> {
    return this.#late() ?? this.withoutDeadline.delete(key, condition);
  }

  add(key: Key, by: number): Promise<number> {
    return this.#late() ?? this.withoutDeadline.add(key, by);
  }

  async close(): Promise<void> {
    throw new Error('the store of one request is not closed: others use it');
  }

  /** @returns a promise that is rejected with {@link Unavailable} when the deadline has passed */
  #late(): Promise<never> | undefined {
    const lateMs = this.#clock.now() - this.#deadlineMs;
    if (lateMs <= 0) return undefined;
    return Promise.reject(new Unavailable(`deadline passed ${lateMs} ms ago (check that clocks agree)`));
  }
}
