/**
 * A store for the work of one request, which ends with the requester's patience: from then on somebody else may have carried the request
 * out, and what followed it. Whoever stood still meanwhile (SIGSTOP, a pause of the collector, no processor time) finds that out with its
 * next call. A write that depends on what was read before can then not come late, however long the store itself takes: read, look at the
 * clock, write if nobody else has.
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

export class TimelyStore implements Store {
  readonly keepsOrder: boolean;
  /** Without the end: for what goes on when the request was answered. */
  readonly lasting: Store;
  readonly #clock: Clock;
  readonly #untilMs: number;

  /** @param untilMs by the requester's clock on the wall, which is taken to agree with ours up to `limits.clocksDifferMs` */
  constructor(store: Store, clock: Clock, untilMs: number) {
    this.lasting = store instanceof TimelyStore ? store.lasting : store;
    this.#clock = clock;
    this.#untilMs = untilMs;
    this.keepsOrder = store.keepsOrder === true;
  }

  get isShort(): boolean {
    return this.lasting.isShort === true;
  }

  async get(key: Key, options: ReadOptions): Promise<Row | undefined> {
    return this.#inTime().get(key, options);
  }

  async batchGet(keys: readonly Key[], options: ReadOptions): Promise<(Row | undefined)[]> {
    return this.#inTime().batchGet(keys, options);
  }

  async query(query: Query): Promise<Row[]> {
    return this.#inTime().query(query);
  }

  async put(row: Put, condition?: Condition): Promise<string> {
    return this.#inTime().put(row, condition);
  }

  async batchPut(rows: readonly Put[]): Promise<void> {
    return this.#inTime().batchPut(rows);
  }

  async delete(key: Key, condition?: { readonly version: string }): Promise<boolean> {
    return this.#inTime().delete(key, condition);
  }

  async add(key: Key, by: number): Promise<number> {
    return this.#inTime().add(key, by);
  }

  async close(): Promise<void> {
    throw new Error('the store of one request is not closed: others use it');
  }

  /** @throws {Unavailable} */
  #inTime(): Store {
    const lateMs = this.#clock.now() - this.#untilMs;
    if (lateMs <= 0) return this.lasting;
    throw new Unavailable(`nobody waits any more since ${lateMs} ms, by a clock that should agree with ours`);
  }
}
