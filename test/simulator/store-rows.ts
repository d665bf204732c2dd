/** The rows of the simulated store: what the port promises, at once and without faults. */
import { compareSort, isWithin, sortRange } from '../../lib/adapters/sort-range.ts';
import {
  checkBatch,
  checkKey,
  checkPut,
  checkQuery,
  checkStep,
  counterOverflow,
  expirySeconds,
  notACounter,
  nowSeconds,
} from '../../lib/adapters/store-checks.ts';
import { type Condition, Conflict, type Key, type Put, type Query, type Row } from '../../lib/ports/store.ts';

interface Stored {
  readonly partition: string;
  readonly sort: string;
  readonly value: string | number;
  readonly version: string;
  readonly expires: number | undefined;
}

/** What stood there before the last change, for reads that may be a moment old. */
interface Slot {
  readonly sort: string;
  now: Stored | undefined;
  before: Stored | undefined;
  changedMs: number;
}

/** Picks what a read that need not be consistent sees of a row. */
export type Staleness = (changedMs: number) => boolean;

export class StoreRows {
  readonly #nowMs: () => number;
  readonly #partitions = new Map<string, Slot[]>();
  #versions = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get(key: Key, isStale?: Staleness): Row | undefined {
    const slots = this.#partitions.get(`${key.table} ${key.partition}`);
    const slot = slots?.[find(slots, key.sort)];
    return slot?.sort === key.sort ? this.#see(slot, isStale) : undefined;
  }

  query(query: Query, isStale?: Staleness): Row[] {
    const range = sortRange(query);
    const slots = this.#partitions.get(`${query.table} ${query.partition}`) ?? [];
    if (range === undefined) return [];
    const from = range.lower === undefined ? 0 : find(slots, range.lower.at);
    const found: Row[] = [];
    const isForward = query.direction !== 'backward';
    const until = range.upper === undefined ? slots.length : endOf(slots, range.upper.at);
    for (let step = 0; step < until - from && found.length < query.limit; step++) {
      const slot = slots[isForward ? from + step : until - 1 - step]!;
      const row = isWithin(range, slot.sort) ? this.#see(slot, isStale) : undefined;
      if (row !== undefined) found.push(row);
    }
    return found;
  }

  /** All rows of a table, for checks. */
  all(table: string): readonly Pick<Row, 'partition' | 'sort' | 'value'>[] {
    return [...this.#partitions]
      .filter(([name]) => name.startsWith(`${table} `))
      .flatMap(([, slots]) => slots.map((slot) => this.#see(slot, undefined)).filter((row) => row !== undefined));
  }

  /** @throws {Conflict} */
  put(row: Put, condition?: Condition): string {
    const slot = this.#slot(row);
    this.#check(slot, row, condition);
    const expires = row.expiresAtMs === undefined ? undefined : expirySeconds(row.expiresAtMs);
    return this.#write(slot, { partition: row.partition, sort: row.sort, value: row.value, expires });
  }

  /** @throws {Conflict} */
  delete(key: Key, condition?: { readonly version: string }): boolean {
    const slot = this.#slot(key);
    const there = this.#current(slot);
    if (there === undefined) return false;
    this.#check(slot, key, condition);
    this.#change(slot, undefined);
    return true;
  }

  add(key: Key, by: number): number {
    const slot = this.#slot(key);
    const there = this.#current(slot);
    if (there !== undefined && typeof there.value !== 'number') throw notACounter(key);
    const sum = ((there?.value as number | undefined) ?? 0) + by;
    if (!Number.isSafeInteger(sum)) throw counterOverflow(key);
    this.#write(slot, { partition: key.partition, sort: key.sort, value: sum, expires: undefined });
    return sum;
  }

  #check(slot: Slot, { table, partition, sort }: Key, condition: Condition | undefined): void {
    if (condition === undefined) return;
    const version = this.#current(slot)?.version;
    if (version === (condition === 'absent' ? undefined : condition.version)) return;
    throw new Conflict(`${table} ${partition} ${sort} is at ${version ?? 'nothing'}`);
  }

  #slot({ table, partition, sort }: Key): Slot {
    const name = `${table} ${partition}`;
    let slots = this.#partitions.get(name);
    if (slots === undefined) {
      slots = [];
      this.#partitions.set(name, slots);
    }
    const at = find(slots, sort);
    if (slots[at]?.sort !== sort) slots.splice(at, 0, { sort, now: undefined, before: undefined, changedMs: 0 });
    return slots[at]!;
  }

  #write(slot: Slot, row: Omit<Stored, 'version'>): string {
    const version = `v${++this.#versions}`;
    this.#change(slot, { ...row, version });
    return version;
  }

  #change(slot: Slot, row: Stored | undefined): void {
    slot.before = slot.now;
    slot.now = row;
    slot.changedMs = this.#nowMs();
  }

  #current(slot: Slot): Stored | undefined {
    return this.#alive(slot.now);
  }

  #alive(row: Stored | undefined): Stored | undefined {
    return row?.expires !== undefined && row.expires <= nowSeconds(this.#nowMs()) ? undefined : row;
  }

  #see(slot: Slot, isStale: Staleness | undefined): Row | undefined {
    const row = isStale?.(slot.changedMs) ? this.#alive(slot.before) : this.#current(slot);
    if (row === undefined) return undefined;
    const { partition, sort, value, version } = row;
    return { partition, sort, value: `${value}`, version };
  }
}

/** What is refused although the store is well: mistakes of the caller. */
export const checks = { key: checkKey, put: checkPut, query: checkQuery, batch: checkBatch, step: checkStep };

/** Where the sort key is or would be. */
function find(slots: readonly Slot[], sort: string): number {
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareSort(slots[middle]!.sort, sort) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Behind the sort key, if it is there. */
function endOf(slots: readonly Slot[], sort: string): number {
  const at = find(slots, sort);
  return slots[at]?.sort === sort ? at + 1 : at;
}
