/** The Store port over {@link StoreRows}, one handle for each process; calls take time and fail as the weather says. */
import {
  type Condition,
  type Key,
  type Put,
  type Query,
  type ReadOptions,
  type Row,
  type Store,
  Unavailable,
} from '../../lib/ports/store.ts';
import type { PartitionMeter } from '../support/partition-meter.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import { checks, type Staleness, type StoreRows } from './store-rows.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

/** Carries a call to the rows and its answer back. `writes`: it may happen although no answer comes. */
export type StoreLink = <Answer>(apply: () => Answer, writes: boolean) => Promise<Answer>;

export interface StoreOptions {
  readonly isStale?: Staleness;
  /** How many of a batch are written although it fails; all by default. */
  readonly survivors?: (count: number) => number;
  /** What each partition gives: more is refused, as DynamoDB does. */
  readonly meter?: PartitionMeter;
  /** Told of each put when it is written. */
  readonly onPut?: (row: Put) => void;
}

export class SimStore implements Store {
  readonly #rows: StoreRows;
  readonly #link: StoreLink;
  readonly #options: StoreOptions;
  #isClosed = false;

  constructor(rows: StoreRows, link: StoreLink, options: StoreOptions = {}) {
    this.#rows = rows;
    this.#link = link;
    this.#options = options;
  }

  async get(key: Key, { consistent }: ReadOptions): Promise<Row | undefined> {
    checks.key(key);
    return this.#call(() => this.#get(key, consistent));
  }

  async batchGet(keys: readonly Key[], { consistent }: ReadOptions): Promise<(Row | undefined)[]> {
    checks.batch(keys);
    if (keys.length === 0) return [];
    return this.#call(() => keys.map((key) => this.#get(key, consistent)));
  }

  async query(query: Query): Promise<Row[]> {
    checks.query(query);
    return this.#call(() => {
      const rows = this.#rows.query(query, this.#staleness(query.consistent));
      this.#options.meter?.read(query, rows, query.consistent);
      return rows;
    });
  }

  async put(row: Put, condition?: Condition): Promise<string> {
    checks.put(row);
    return this.#call(() => this.#put(row, condition), true);
  }

  async batchPut(rows: readonly Put[]): Promise<void> {
    for (const row of rows) checks.put(row);
    if (rows.length === 0) return;
    const count = this.#options.survivors?.(rows.length) ?? rows.length;
    const isWhole = count >= rows.length;
    await this.#call(() => {
      for (const row of rows.slice(0, count)) this.#put(row, undefined);
      if (!isWhole) throw new Unavailable(`${rows.length - count} of ${rows.length} rows were not taken`);
    }, true);
  }

  async batchDelete(keys: readonly Key[]): Promise<void> {
    for (const key of keys) checks.key(key);
    if (keys.length === 0) return;
    const count = this.#options.survivors?.(keys.length) ?? keys.length;
    await this.#call(() => {
      for (const key of keys.slice(0, count)) {
        this.#options.meter?.write(key);
        this.#rows.delete(key);
      }
      if (count < keys.length) throw new Unavailable(`${keys.length - count} of ${keys.length} rows were not deleted`);
    }, true);
  }

  async delete(key: Key, condition?: { readonly version: string }): Promise<boolean> {
    checks.key(key);
    return this.#call(() => {
      this.#options.meter?.write(key);
      return this.#rows.delete(key, condition);
    }, true);
  }

  async add(key: Key, by: number): Promise<number> {
    checks.key(key);
    checks.step(by);
    return this.#call(() => {
      this.#options.meter?.write(key);
      return this.#rows.add(key, by);
    }, true);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #get(key: Key, isConsistent: boolean): Row | undefined {
    const row = this.#rows.get(key, this.#staleness(isConsistent));
    this.#options.meter?.read(key, [row], isConsistent);
    return row;
  }

  #put(row: Put, condition: Condition | undefined): string {
    this.#options.meter?.write(row, row.value);
    const version = this.#rows.put(row, condition);
    this.#options.onPut?.(row);
    return version;
  }

  #staleness(consistent: boolean): Staleness | undefined {
    return consistent ? undefined : this.#options.isStale;
  }

  #call<Answer>(apply: () => Answer, writes = false): Promise<Answer> {
    if (this.#isClosed) return Promise.reject(new Unavailable('the store was closed'));
    return this.#link(apply, writes);
  }
}

type Fate = 'well' | 'refused' | 'lost request' | 'lost answer' | 'late write';

/** Adapters give a call up after this long, as `adapterLimits.dynamoRequestTimeoutMs` says. */
const giveUpMs = 2_000;
const lateWriteMs = 1_500;

/** The way of one process to the store. A process that has died sends nothing and hears nothing. */
export function simulatedLink(world: World, process: SimProcess, weather: Weather, random: Random): StoreLink {
  const { store } = weather;
  const latency = (): number => {
    const most = random.chance(store.slow) ? store.slowMs : store.latencyMs;
    return random.between(0.1, most) / 2;
  };
  const fate = (writes: boolean): Fate => {
    const draw = random.next();
    if (store.isAway) return draw < 0.5 ? 'refused' : 'lost request';
    if (draw < store.throttle) return 'refused';
    if (draw < store.throttle + store.lostRequest) return 'lost request';
    if (draw < store.throttle + store.lostRequest + store.lostAnswer) return writes ? 'lost answer' : 'lost request';
    const isLate = draw < store.throttle + store.lostRequest + store.lostAnswer + store.lateWrite;
    return isLate && writes ? 'late write' : 'well';
  };
  return (apply, writes) =>
    new Promise((resolve, reject) => {
      if (process.isDead) return;
      const answer = (delayMs: number, run: () => void): void => void world.schedule(delayMs, process, 'io', run);
      const fail = (delayMs: number): void => answer(delayMs, () => reject(new Unavailable('the store did not answer')));
      const happens = fate(writes);
      const there = latency();
      if (happens === 'refused') return fail(there + latency());
      if (happens === 'lost request') return fail(random.between(100, giveUpMs));
      if (happens === 'late write') {
        const failedMs = random.between(100, giveUpMs);
        fail(failedMs);
        return void world.after(failedMs + random.between(0, lateWriteMs), () => attempt(apply));
      }
      world.after(there, () => {
        const outcome = attempt(apply);
        if (happens === 'lost answer') fail(random.between(100, giveUpMs));
        else answer(latency(), () => ('error' in outcome ? reject(outcome.error) : resolve(outcome.value)));
      });
    });
}

function attempt<Answer>(apply: () => Answer): { readonly value: Answer } | { readonly error: unknown } {
  try {
    return { value: apply() };
  } catch (error) {
    return { error };
  }
}
