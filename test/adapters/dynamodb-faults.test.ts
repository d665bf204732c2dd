import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import dynalite from 'dynalite';
import { createTables, type DynamoOptions, type DynamoStore, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Conflict, type Key, Unavailable } from '../../lib/ports/store.ts';
import { surviveAborts } from '../../services/cli/compose/dynalite.ts';
import {
  crash,
  type Fault,
  type FaultyProxy,
  loseAnswer,
  loseRequest,
  pass,
  startFaultyProxy,
  throttle,
} from './faulty-proxy.ts';

const consistent = { consistent: true } as const;

/** Pauses between tries take no time. */
const hastyClock: Clock = {
  ...systemClock,
  after(_, run) {
    const timer = setImmediate(run);
    return { cancel: () => clearImmediate(timer) };
  },
};

describe('DynamoDB behind a bad network', () => {
  const engine = dynalite({ createTableMs: 0 });
  let proxy: FaultyProxy;
  let options: DynamoOptions;
  let store: DynamoStore;
  let keys = 0;
  before(async () => {
    surviveAborts(engine);
    await once(engine.listen(0, '127.0.0.1'), 'listening');
    proxy = await startFaultyProxy(`http://127.0.0.1:${(engine.address() as { port: number }).port}`);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    options = { endpoint: proxy.endpoint, region: 'eu-central-1', credentials, tablePrefix: 't.', clock: hastyClock };
    await createTables(options);
  });
  beforeEach(async () => {
    await store?.close();
    store = await openDynamoStore(options);
    proxy.faults = [];
  });
  after(async () => {
    await store.close();
    await proxy.close();
    engine.closeAllConnections();
    engine.close();
  });

  const freshKey = (): Key => ({ table: 'core', partition: `p${keys++}`, sort: 's' });
  const meet = (...faults: Fault[]) => {
    proxy.faults = faults;
  };
  const many = (count: number) => Array.from({ length: count }, () => freshKey());
  const always = (fault: Fault) => meet(...Array.from({ length: adapterLimits.dynamoTriesMax + 5 }, () => fault));

  test('gets of one tick share requests of 100 keys; repeated keys are asked once, consistent reads separately', async () => {
    const asked = many(120);
    await Promise.all([...asked, ...asked].map((key) => store.get(key, consistent)));
    assert.equal(store.calls.batchGet, 2);
    await Promise.all([
      ...asked.slice(0, 5).map((key) => store.get(key, consistent)),
      ...asked.slice(0, 5).map((key) => store.get(key, { consistent: false })),
    ]);
    assert.equal(store.calls.batchGet, 4);
  });

  test('puts of one tick share requests of 25 items', async () => {
    const rows = many(60);
    await Promise.all([...rows, ...rows.slice(0, 10)].map((key) => store.put({ ...key, value: 'v' })));
    assert.equal(store.calls.batchWrite, 3);
    await store.batchPut(many(50).map((key) => ({ ...key, value: 'v' })));
    assert.equal(store.calls.batchWrite, 5);
  });

  test('deletions of a batch share requests of 25 items, also with puts of the same tick', async () => {
    const rows = many(60);
    await store.batchPut(rows.map((key) => ({ ...key, value: 'v' })));
    const before = store.calls.batchWrite;
    await Promise.all([store.batchDelete(rows.slice(0, 40)), store.batchPut(many(10).map((key) => ({ ...key, value: 'v' })))]);
    assert.equal(store.calls.batchWrite - before, 2);
    assert.equal(store.calls.delete, 0);
    const found = await store.batchGet(rows, consistent);
    assert.deepEqual(
      found.map((row) => row?.value),
      rows.map((_, i) => (i < 40 ? undefined : 'v')),
    );
  });

  for (const [what, condition] of [
    ['absent', () => 'absent' as const],
    ['version', async (key: Key) => ({ version: await store.put({ ...key, value: 'old' }) })],
  ] as const) {
    test(`a put if ${what} that was written, but whose answer was lost, is not a conflict`, async () => {
      const key = freshKey();
      const asked = await condition(key);
      meet(loseAnswer);
      const version = await store.put({ ...key, value: 'mine' }, asked);
      const row = await store.get(key, consistent);
      assert.deepEqual([row?.value, row?.version], ['mine', version]);
      assert.equal(store.calls.put, 2);
      assert.equal(store.calls.get, 1);
    });
  }

  test('a put whose request was lost is Unavailable, not a Conflict, when another put comes first', async () => {
    const key = freshKey();
    meet(async ({ drop, forward, body }) => {
      await forward({ TableName: body.TableName, Item: { ...body.Item, w: { S: 'theirs' } } });
      drop();
    });
    await assert.rejects(store.put({ ...key, value: 'mine' }, 'absent'), Unavailable);
    await assert.rejects(store.put({ ...key, value: 'mine' }, 'absent'), Conflict);
  });

  test('a put that was throttled, and then finds another row, is a Conflict', async () => {
    const key = freshKey();
    await store.put({ ...key, value: 'theirs' });
    meet(throttle, throttle);
    await assert.rejects(store.put({ ...key, value: 'mine' }, 'absent'), Conflict);
    assert.equal(store.calls.put, 3);
  });

  test('a conditional delete whose answer was lost does not claim that no row was there', async () => {
    const key = freshKey();
    const version = await store.put({ ...key, value: 'v' });
    meet(loseAnswer);
    await assert.rejects(store.delete(key, { version }), Unavailable);
    assert.equal(await store.delete(key, { version }), false);
  });

  for (const [what, fault] of [
    ['throttled', throttle],
    ['failed with 500', crash],
    ['cut off', loseRequest],
  ] as const) {
    test(`a call that is ${what} twice succeeds; one that is always ${what} is Unavailable`, async () => {
      const key = freshKey();
      meet(fault, fault);
      await store.put({ ...key, value: 'v' });
      meet(fault, fault);
      assert.equal((await store.get(key, consistent))?.value, 'v');
      meet(fault, fault);
      assert.equal((await store.query({ ...key, limit: 1, ...consistent })).length, 1);
      const { put } = store.calls;
      always(fault);
      await assert.rejects(store.put({ ...key, value: 'v' }, 'absent'), Unavailable);
      assert.equal(store.calls.put - put, adapterLimits.dynamoTriesMax);
      const { throttles, failures } = store.troubles;
      assert.deepEqual([failures, throttles > failures], [1, fault === throttle]);
      for (const call of [
        () => store.get(key, consistent),
        () => store.query({ ...key, limit: 1, ...consistent }),
        () => store.put({ ...key, value: 'w' }),
        () => store.batchPut([{ ...key, value: 'w' }]),
        () => store.batchDelete([key]),
        () => store.delete(key),
        () => store.add(freshKey(), 1),
      ]) {
        always(fault);
        await assert.rejects(call(), Unavailable);
      }
      meet();
      assert.equal((await store.get(key, consistent))?.value, 'v');
    });
  }

  test('an answer that does not come in time is tried again', async () => {
    const key = freshKey();
    meet(async ({ forward }) => void (await forward()));
    const version = await store.put({ ...key, value: 'v' }, 'absent');
    assert.equal((await store.get(key, consistent))?.version, version);
  });

  /** The engine processes the first half of a batch and returns the rest. */
  const halve: Fault = async ({ operation, body, forward, answer }) => {
    const isWrite = operation === 'BatchWriteItem';
    // biome-ignore lint/suspicious/noExplicitAny: the wire's JSON
    const [name, request] = Object.entries(body.RequestItems as Record<string, any>)[0]!;
    const all = isWrite ? request : request.Keys;
    const half = Math.floor(all.length / 2);
    const some = (part: unknown[]) => ({ [name]: isWrite ? part : { ...request, Keys: part } });
    const done =
      half === 0 ? { body: JSON.stringify({ Responses: {} }) } : await forward({ RequestItems: some(all.slice(0, half)) });
    const left = { [isWrite ? 'UnprocessedItems' : 'UnprocessedKeys']: some(all.slice(half)) };
    answer({ status: 200, body: JSON.stringify({ ...JSON.parse(done.body), ...left }) });
  };

  test('what an engine leaves unprocessed is sent again, and nothing else', async () => {
    const rows = many(24);
    meet(halve, halve, throttle, halve);
    await Promise.all(rows.map((key, i) => store.put({ ...key, value: `${i}` })));
    assert.equal(store.calls.batchWrite, 5);
    assert.deepEqual(store.troubles, { throttles: 4, failures: 0 });
    meet(halve, halve, halve);
    const found = await store.batchGet(rows, consistent);
    assert.deepEqual(
      found.map((row) => row?.value),
      rows.map((_, i) => `${i}`),
    );
    assert.equal(store.calls.batchGet, 4);
    meet(halve, throttle, halve);
    await store.batchDelete(rows);
    assert.equal(store.calls.batchWrite, 9);
    assert.deepEqual(
      await store.batchGet(rows, consistent),
      rows.map(() => undefined),
    );
  });

  test('items that remain unprocessed are Unavailable', async () => {
    const key = freshKey();
    always(halve);
    await assert.rejects(store.put({ ...key, value: 'v' }), Unavailable);
    always(halve);
    await assert.rejects(store.batchDelete([key]), Unavailable);
    always(halve);
    await assert.rejects(store.get(key, consistent), Unavailable);
  });

  test('a put waits for an earlier one of the same key that is being sent', async () => {
    const key = freshKey();
    let release = () => {};
    const isSent = new Promise<void>((sent) => {
      meet(async (passing) => {
        sent();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        await pass(passing);
      });
    });
    const first = store.put({ ...key, value: 'first' });
    await isSent;
    const second = store.put({ ...key, value: 'second' });
    await store.put({ ...freshKey(), value: 'another key need not wait' });
    release();
    await Promise.all([first, second]);
    assert.equal((await store.get(key, consistent))?.value, 'second');
  });

  test('a deletion of a batch waits for an earlier put of the same key that is being sent', async () => {
    const key = freshKey();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: isSent, resolve: sent } = Promise.withResolvers<void>();
    meet(async (passing) => {
      sent();
      await released;
      await pass(passing);
    });
    const first = store.put({ ...key, value: 'first' });
    await isSent;
    const second = store.batchDelete([key]);
    release();
    await Promise.all([first, second]);
    assert.equal(await store.get(key, consistent), undefined);
  });

  test('an engine that is away, or without our tables, is Unavailable', async () => {
    const gone = await startFaultyProxy(proxy.endpoint);
    await gone.close();
    for (const wrong of [{ endpoint: gone.endpoint }, { tablePrefix: 'nobody.' }]) {
      const lost = await openDynamoStore({ ...options, ...wrong });
      await assert.rejects(lost.get(freshKey(), consistent), Unavailable);
      await assert.rejects(lost.add(freshKey(), 1), Unavailable);
      await lost.close();
    }
  });

  test('close sends puts that wait for a batch and refuses later calls', async () => {
    const rows = many(40);
    const puts = rows.map((key) => store.put({ ...key, value: 'v' }));
    await Promise.all([store.close(), new Promise(setImmediate), ...puts]);
    for (const call of [
      () => store.get(rows[0]!, consistent),
      () => store.query({ ...rows[0]!, limit: 1, ...consistent }),
      () => store.put({ ...rows[0]!, value: '' }),
      () => store.batchPut([{ ...rows[0]!, value: '' }]),
      () => store.batchDelete([rows[0]!]),
      () => store.delete(rows[0]!),
      () => store.add(rows[0]!, 1),
    ])
      await assert.rejects(call(), Unavailable);
    store = await openDynamoStore(options);
    assert.equal((await store.batchGet(rows, consistent)).filter((row) => row?.value === 'v').length, 40);
  });
});
