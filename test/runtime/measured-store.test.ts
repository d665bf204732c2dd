/** Calls to the store by operation and result, and how long they take; the store is otherwise what it was. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conflict, type Store, Unavailable } from '../../lib/ports/store.ts';
import { measuredStore, storeCalls } from '../../lib/runtime/measured-store.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const key = { table: 'core', partition: 'p', sort: 's' } as const;

/** How often, and how long in all, by operation and result. */
function read(): Map<string, readonly [number, number]> {
  const lines = [...storeCalls.lines].map(({ values, durations: { totals } }) => {
    return [values.join(' '), [totals.count, totals.sumMs]] as const;
  });
  return new Map(lines);
}

async function grown(work: () => unknown): Promise<Record<string, readonly [number, number]>> {
  const before = read();
  await work();
  const grew = [...read()].map(([line, [count, sum]]) => {
    const [counted, summed] = before.get(line) ?? [0, 0];
    return [line, [count - counted, sum - summed]] as const;
  });
  return Object.fromEntries(grew.filter(([, [count]]) => count !== 0));
}

/** It answers when the test says so. */
class SlowStore {
  #answers: PromiseWithResolvers<unknown>[] = [];
  isShort = false;
  readonly keepsOrder = true;

  get = () => this.#ask();
  batchGet = () => this.#ask();
  put = () => this.#ask();
  search: unknown = undefined;

  #ask(): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>();
    this.#answers.push(answer);
    return answer.promise;
  }

  answer(value: unknown): void {
    const { resolve, reject } = this.#answers.shift()!;
    if (value instanceof Error) reject(value);
    else resolve(value);
  }
}

function begin() {
  const clock = new ManualClock();
  const inner = new SlowStore();
  return { clock, inner, store: measuredStore(inner as unknown as Store & SlowStore, clock) };
}

test('each call is timed until its answer, and they overlap', async () => {
  const { clock, inner, store } = begin();
  const lines = await grown(async () => {
    const first = store.get(key, { consistent: true });
    await clock.advance(5);
    const second = store.get(key, { consistent: true });
    await clock.advance(10);
    inner.answer('one');
    inner.answer('two');
    assert.deepEqual(await Promise.all([first, second]), ['one', 'two']);
  });
  assert.deepEqual(lines, { 'get done': [2, 25] });
});

for (const [result, error] of [
  ['conflict', new Conflict('changed')],
  ['unavailable', new Unavailable('away')],
  ['error', new TypeError('no row')],
] as const)
  test(`a call that fails is counted as ${result}, and fails as it did`, async () => {
    const { clock, inner, store } = begin();
    const lines = await grown(async () => {
      const putting = store.put({ ...key, value: '' });
      await clock.advance(7);
      inner.answer(error);
      await assert.rejects(putting, (found) => found === error);
    });
    assert.deepEqual(lines, { [`put ${result}`]: [1, 7] });
  });

test('who calls gets the promise of the store itself, so that nothing comes later', () => {
  const promise = Promise.resolve([]);
  const store = measuredStore({ batchGet: () => promise } as unknown as Store, new ManualClock());
  assert.equal(store.batchGet([], { consistent: true }), promise);
});

test('everything else passes as it is now, and is not counted', async () => {
  const { inner, store } = begin();
  const lines = await grown(() => {
    assert.deepEqual([store.isShort, store.keepsOrder, store.search], [false, true, undefined]);
    inner.isShort = true;
    assert.equal(store.isShort, true);
  });
  assert.deepEqual(lines, {});
});
