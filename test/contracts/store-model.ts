/** Random sequences of calls against a store and against a model that is too simple to be wrong. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Conflict, type Key, type Query, type Store, type Table } from '../../lib/ports/store.ts';
import type { SetClock, Subject } from './store-subject.ts';

interface ModelRow {
  readonly value: string;
  readonly isCounter: boolean;
  readonly expiresAtMs?: number;
  /** The store's own version; undefined when nobody was told. */
  version?: string;
}

type Model = Map<string, ModelRow>;

interface Real {
  readonly store: Store;
  readonly clock: SetClock;
  /** Versions that were once current, for use as conditions. */
  readonly versions: string[];
}

type Step = (model: Model, real: Real) => Promise<void>;

const sorts = ['a', 'a\u0000', 'ab', '\u00e9', '\uffff', '\u{10000}'];

/** A row that has expired is not there. */
function find(model: Model, { table, sort }: Pick<Key, 'table' | 'sort'>, now: number): ModelRow | undefined {
  const row = model.get(`${table} ${sort}`);
  return row?.expiresAtMs !== undefined && row.expiresAtMs <= now ? undefined : row;
}

/** The outcome of a call, so that a conflict can be compared like a value. */
async function outcome<T>(call: Promise<T>): Promise<T | string> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Conflict || error instanceof TypeError) return error.constructor.name;
    throw error;
  }
}

function put(key: Key, value: string, ttlSeconds: number | undefined, condition: 'none' | 'absent' | number): Step {
  return async (model, { store, clock, versions }) => {
    const now = clock.now();
    const there = find(model, key, now);
    const version =
      typeof condition === 'number' ? (versions.at(-1 - (condition % (versions.length || 1))) ?? 'never') : undefined;
    const holds = condition === 'none' || (condition === 'absent' ? there === undefined : there?.version === version);
    const expiry = ttlSeconds === undefined ? {} : { expiresAtMs: now + ttlSeconds * 1_000 };
    const asked = version !== undefined ? { version } : condition === 'absent' ? 'absent' : undefined;
    const answer = await outcome(store.put({ ...key, value, ...expiry }, asked));
    if (!holds) return assert.equal(answer, 'Conflict');
    assert.ok(!versions.includes(answer), 'a version came twice');
    versions.push(answer);
    model.set(`${key.table} ${key.sort}`, { value, isCounter: false, version: answer, ...expiry });
  };
}

function remove(key: Key, condition: number | undefined): Step {
  return async (model, { store, clock, versions }) => {
    const there = find(model, key, clock.now());
    const version = condition === undefined ? undefined : (versions.at(-1 - (condition % (versions.length || 1))) ?? 'never');
    const answer = await outcome(store.delete(key, version === undefined ? undefined : { version }));
    if (there !== undefined && version !== undefined && there.version !== version) return assert.equal(answer, 'Conflict');
    assert.equal(answer, there !== undefined);
    model.delete(`${key.table} ${key.sort}`);
  };
}

function add(key: Key, by: number): Step {
  return async (model, { store, clock }) => {
    const there = find(model, key, clock.now());
    const answer = await outcome(store.add(key, by));
    if (there?.isCounter === false) return assert.equal(answer, 'TypeError');
    const sum = Number(there?.value ?? 0) + by;
    assert.equal(answer, sum);
    const version = (await store.get(key, { consistent: true }))!.version;
    model.set(`${key.table} ${key.sort}`, { value: `${sum}`, isCounter: true, version });
  };
}

function batchPut(keys: readonly Key[], value: string): Step {
  return async (model, { store }) => {
    await store.batchPut(keys.map((key, i) => ({ ...key, value: `${value}${i}` })));
    for (const [i, { table, sort }] of keys.entries()) model.set(`${table} ${sort}`, { value: `${value}${i}`, isCounter: false });
    const rows = await store.batchGet(keys, { consistent: true });
    for (const [i, { table, sort }] of keys.entries()) model.get(`${table} ${sort}`)!.version = rows[i]?.version;
  };
}

function batchDelete(keys: readonly Key[]): Step {
  return async (model, { store }) => {
    await store.batchDelete(keys);
    for (const { table, sort } of keys) model.delete(`${table} ${sort}`);
  };
}

function batchGet(keys: readonly Key[]): Step {
  return async (model, { store, clock }) => {
    const rows = await store.batchGet(keys, { consistent: true });
    const expected = keys.map((key) => find(model, key, clock.now()));
    assert.deepEqual(
      rows.map((row) => row && [row.value, row.version]),
      expected.map((row) => row && [row.value, row.version]),
    );
  };
}

function query(asked: Query): Step {
  return async (model, { store, clock }) => {
    const bytes = (text: string) => Buffer.from(text);
    const { prefix = '', after, before, direction, limit } = asked;
    const expected = sorts
      .toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)))
      .filter((sort) => sort.startsWith(prefix) && find(model, { table: asked.table, sort }, clock.now()) !== undefined)
      .filter((sort) => after === undefined || Buffer.compare(bytes(sort), bytes(after)) > 0)
      .filter((sort) => before === undefined || Buffer.compare(bytes(sort), bytes(before)) < 0);
    if (direction === 'backward') expected.reverse();
    const rows = await store.query(asked);
    assert.deepEqual(
      rows.map(({ sort }) => sort),
      expected.slice(0, limit),
    );
    for (const { sort, value } of rows) assert.equal(value, model.get(`${asked.table} ${sort}`)!.value);
  };
}

function pass(seconds: number): Step {
  return async (_, { clock }) => clock.advance(seconds * 1_000);
}

/** One step. It can print itself as part of a counterexample. */
function step(partition: string, astral: readonly string[]): fc.Arbitrary<{ readonly run: Step }> {
  const key = fc.record({
    table: fc.constantFrom<Table>('core', 'live'),
    partition: fc.constant(partition),
    sort: fc.constantFrom(...sorts),
  });
  const keys = fc.array(key, { minLength: 1, maxLength: 5 });
  const bound = fc.option(fc.constantFrom('a', 'b', '\u00e9', '\uffff', ...astral), { nil: undefined });
  const text = fc.string({ maxLength: 4 });
  const say = <A extends unknown[]>(name: string, make: (...args: A) => Step, ...args: { [I in keyof A]: fc.Arbitrary<A[I]> }) =>
    fc.tuple(...args).map((values) => ({
      [fc.toStringMethod]: () => `${name} ${JSON.stringify(values)}`,
      run: make(...(values as A)),
    }));
  const condition = fc.oneof(fc.constantFrom('none' as const, 'absent' as const), fc.nat(3));
  const asked = fc.record({
    table: fc.constantFrom<Table>('core', 'live'),
    partition: fc.constant(partition),
    prefix: fc.option(fc.constantFrom('a', '\u00e9', ...astral), { nil: undefined }),
    after: bound,
    before: bound,
    direction: fc.constantFrom('forward' as const, 'backward' as const),
    limit: fc.integer({ min: 1, max: 8 }),
    consistent: fc.constant(true),
  });
  return fc.oneof(
    {
      arbitrary: say('put', put, key, text, fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }), condition),
      weight: 4,
    },
    say('delete', remove, key, fc.option(fc.nat(3), { nil: undefined })),
    say('add', add, key, fc.integer({ min: -9, max: 9 })),
    say('batchPut', batchPut, keys, text),
    say('batchDelete', batchDelete, keys),
    say('batchGet', batchGet, keys),
    { arbitrary: say('query', query, asked), weight: 2 },
    say('pass', pass, fc.integer({ min: 1, max: 3 })),
  );
}

export async function checkAgainstModel({ store, clock, freshPartition, quirks }: Subject): Promise<void> {
  const astral = quirks.noAstralBounds ? [] : ['\u{10000}'];
  clock.advance(1_000 - (clock.now() % 1_000)); // so that the model needs no rounding of expiries
  // The partition of a run is drawn with it, so that a shrunk run never meets the rows of an earlier one.
  const runs = fc.array(step('in the model', astral), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(runs, async (steps) => {
      const real: Real = { store: inPartition(store, freshPartition()), clock, versions: [] };
      const model: Model = new Map();
      for (const { run } of steps) await run(model, real);
    }),
    { numRuns: 60 },
  );
}

/** The same store, with every call in one partition. */
function inPartition(store: Store, partition: string): Store {
  const place = <K extends { readonly partition: string }>(key: K): K => ({ ...key, partition });
  return {
    get: (key, options) => store.get(place(key), options),
    batchGet: (keys, options) => store.batchGet(keys.map(place), options),
    query: (asked) => store.query(place(asked)),
    put: (row, condition) => store.put(place(row), condition),
    batchPut: (rows) => store.batchPut(rows.map(place)),
    batchDelete: (keys) => store.batchDelete(keys.map(place)),
    delete: (key, condition) => store.delete(place(key), condition),
    add: (key, by) => store.add(place(key), by),
    close: () => store.close(),
  };
}
