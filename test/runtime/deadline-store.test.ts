/** A store that ends with the deadline of the request (lib/runtime/deadline-store.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { DeadlineStore } from '../../lib/runtime/deadline-store.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { update } from '../../lib/runtime/update.ts';
import { setClock } from '../contracts/store.contract.ts';
import { SimStore } from '../simulator/sim-store.ts';
import { StoreRows } from '../simulator/store-rows.ts';

const names = collection<{ readonly name: string }>('name', 'account');

function arrange(): { store: Store; clock: ReturnType<typeof setClock>; late: (ms: number) => DeadlineStore } {
  const clock = setClock();
  const store = new SimStore(new StoreRows(clock.now), async (apply) => apply());
  return { store, clock, late: (ms) => new DeadlineStore(store, clock, clock.now() + ms) };
}

function rowsOf(store: Store): Rows {
  return Rows.ofAccount(store, 'a.example', 'juliet');
}

test('it is the store until then, and does nothing afterwards', async () => {
  const { store, clock, late } = arrange();
  const timely = late(1_000);
  await rowsOf(timely).put(names, '', { name: 'Juliet' });
  clock.advance(1_000);
  assert.equal((await rowsOf(timely).get(names))?.value.name, 'Juliet');
  clock.advance(1);
  const key = { table: 'core', partition: 'p', sort: 's' } as const;
  for (const call of [
    () => timely.get(key, { consistent: true }),
    () => timely.batchGet([key], { consistent: true }),
    () => timely.query({ table: 'core', partition: 'p', limit: 1, consistent: true }),
    () => timely.put({ ...key, value: '' }),
    () => timely.batchPut([{ ...key, value: '' }]),
    () => timely.batchDelete([key]),
    () => timely.delete(key),
    () => timely.add(key, 1),
  ]) {
    await assert.rejects(call, Unavailable);
  }
  assert.equal(await store.get(key, { consistent: true }), undefined);
});

test('whoever stands still between reading and writing does not write', async () => {
  const { store, clock, late } = arrange();
  await rowsOf(store).put(names, '', { name: 'Juliet' });
  const changing = update(rowsOf(late(1_000)), names, '', () => {
    clock.advance(1_001);
    return { name: 'Giulietta' };
  });
  await assert.rejects(changing, Unavailable);
  assert.equal((await rowsOf(store).get(names))?.value.name, 'Juliet');
});
