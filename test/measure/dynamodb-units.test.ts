/** DynamoDB's rules for units, by hand, and by the engine's own count. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import dynalite from 'dynalite';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { itemBytes, readUnits, writeUnits } from './dynamodb-units.ts';
import { startStoreMeter } from './store-meter.ts';

test('an item is its names and values', () => {
  assert.equal(itemBytes({ p: { S: 'abc' }, s: { S: 'é' }, w: { S: '' } }), 1 + 3 + 1 + 2 + 1);
  assert.equal(itemBytes({ e: { N: '1700000000' } }), 1 + 5 + 1);
  assert.equal(itemBytes({ n: { N: '-7' } }), 1 + 1 + 1);
});

test('writes cost a unit for each KB begun, of what is larger', () => {
  for (const [before, after, units] of [
    [0, 1, 1],
    [0, 1_024, 1],
    [0, 1_025, 2],
    [5_000, 10, 5],
    [0, 0, 1],
  ] as const)
    assert.equal(writeUnits(before, after), units);
});

test('reads cost a unit for each 4 KB begun, and half where consistency is not asked for', () => {
  for (const [bytes, units] of [
    [0, 1],
    [4_096, 1],
    [4_097, 2],
    [40_960, 10],
  ] as const) {
    assert.equal(readUnits(bytes, true), units);
    assert.equal(readUnits(bytes, false), units / 2);
  }
});

test('the meter counts calls of a store by those rules', async (t) => {
  const engine = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');
  await once(engine, 'listening');
  const meter = await startStoreMeter(`http://127.0.0.1:${(engine.address() as { port: number }).port}`);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const options = { endpoint: meter.endpoint, region: 'eu-central-1', credentials, tablePrefix: 'meter-', clock: systemClock };
  await createTables(options);
  const store = await openDynamoStore(options);
  t.after(async () => {
    await store.close();
    meter.close();
    engine.closeAllConnections();
    engine.unref();
  });
  const key = { table: 'archive', partition: 'p', sort: 's' } as const;
  const cost = async (work: () => Promise<unknown>) => {
    meter.reset();
    await work();
    const { readUnits: read, writeUnits: written } = meter.use;
    return { read, written };
  };
  assert.deepEqual(await cost(() => store.get(key, { consistent: true })), { read: 1, written: 0 });
  assert.deepEqual(await cost(() => store.get(key, { consistent: false })), { read: 0.5, written: 0 });
  assert.deepEqual(await cost(() => store.put({ ...key, value: 'x'.repeat(5_000) })), { read: 0, written: 5 });
  assert.ok(meter.use.archiveBytes > 5_100 && meter.use.archiveBytes < 5_200, `${meter.use.archiveBytes}`);
  assert.deepEqual(await cost(() => store.get(key, { consistent: true })), { read: 2, written: 0 });
  assert.deepEqual(await cost(() => store.put({ ...key, value: 'x' })), { read: 0, written: 5 });
  assert.ok(meter.use.archiveBytes < -4_900, `${meter.use.archiveBytes}`);
  assert.deepEqual(await cost(() => store.put({ ...key, value: 'y' }, 'absent').catch(() => {})), { read: 0, written: 1 });
  const two = [key, { ...key, sort: 't' }].map((one) => ({ ...one, value: 'z'.repeat(1_100) }));
  assert.deepEqual(await cost(() => store.batchPut(two)), { read: 0, written: 4 });
  assert.deepEqual(meter.use.requests, { BatchWriteItem: 1 });
  const query = { table: 'archive', partition: 'p', limit: 10, consistent: true } as const;
  assert.deepEqual(await cost(() => store.query(query)), { read: 1, written: 0 });
  assert.deepEqual(await cost(() => store.delete(key)), { read: 0, written: 2 });
  assert.deepEqual(await cost(() => store.batchDelete(two)), { read: 0, written: 3 });
  assert.deepEqual(meter.use.requests, { BatchWriteItem: 1 });
  assert.deepEqual(await cost(() => store.batchDelete(two)), { read: 0, written: 2 });
  assert.deepEqual(await cost(() => store.add({ ...key, sort: 'n' }, 1)), { read: 0, written: 1 });
  await cost(() => store.get({ table: 'core', partition: '#tenants', sort: 'x' }, { consistent: true }));
  assert.equal(meter.tenantReadUnits, 1);
  assert.equal(meter.use.readUnits, 0);
});
