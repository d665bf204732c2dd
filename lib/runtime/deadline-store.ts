/**
 * A store for the work of one request, which refuses every call after the request's deadline. By then the requester has stopped waiting,
 * and somebody else may have carried the request out, and what followed it. A process that stood still meanwhile (SIGSTOP, a pause of the
 * collector, no processor time) finds that out with its next call. So a write that depends on an earlier read cannot come late, however
 * long the store itself takes: read, look at the clock, write if nobody else has.
 */
import type { Clock } from '../ports/clock.ts';
import {
  type Condition,
  type Key,
  type Put,
  type Query,
  type ReadOptions,
  type Row,
  type Store,
  Unavailable,
} from '../ports/store.ts';

export class DeadlineStore implements Store {
  readonly keepsOrder: boolean;
  /** The same store without the deadline, for work that goes on after the request was answered. */
  readonly withoutDeadline: Store;
  readonly #clock: Clock;
  readonly #deadlineMs: number;

  /** @param deadlineMs by the requester's wall clock, which is taken to agree with ours up to `runtimeLimits.clocksDifferMs` */
  constructor(store: Store, clock: Clock, deadlineMs: number) {
    this.withoutDeadline = store instanceof DeadlineStore ? store.withoutDeadline : store;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.keepsOrder = store.keepsOrder === true;
  }

  get isShort(): boolean {
    return this.withoutDeadline.isShort === true;
  }

  async get(key: Key, options: ReadOptions): Promise<Row | undefined> {
    return this.#beforeDeadline().get(key, options);
  }

  async batchGet(keys: readonly Key[], options: ReadOptions): Promise<(Row | undefined)[]> {
    return this.#beforeDeadline().batchGet(keys, options);
  }

  async query(query: Query): Promise<Row[]> {
    return this.#beforeDeadline().query(query);
  }

  async put(row: Put, condition?: Condition): Promise<string> {
    return this.#beforeDeadline().put(row, condition);
  }

  async batchPut(rows: readonly Put[]): Promise<void> {
    return this.#beforeDeadline().batchPut(rows);
  }

  async delete(key: Key, condition?: { readonly version: string }): Promise<boolean> {
    return this.#beforeDeadline().delete(key, condition);
  }

  async add(key: Key, by: number): Promise<number> {
    return this.#beforeDeadline().add(key, by);
  }

  async close(): Promise<void> {
    throw new Error('the store of one request is not closed: others use it');
  }

  /** @throws {Unavailable} */
  #beforeDeadline(): Store {
    const lateMs = this.#clock.now() - this.#deadlineMs;
    if (lateMs <= 0) return this.withoutDeadline;
    throw new Unavailable(`deadline passed ${lateMs} ms ago (check that clocks agree)`);
  }
}
