/** A part of the Store port's contract. Rows one by one and in batches. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Key } from '../../lib/ports/store.ts';
import { consistent, type Subject, tables } from './store-subject.ts';

export function rowTests(on: Subject): void {
  const { freshPartition, freshKey, value, query, fill } = on;

  describe('reading and writing', () => {
    test('a row that was put is there with its version', async () => {
      const key = freshKey();
      const version = await on.store.put({ ...key, value: 'juliet' });
      assert.deepEqual(await on.store.get(key, consistent), { partition: key.partition, sort: 'row', value: 'juliet', version });
      assert.equal((await on.store.get(key, { consistent: false }))?.value, 'juliet');
    });

    test('a row that was never put is undefined', async () => {
      assert.equal(await on.store.get(freshKey(), consistent), undefined);
      assert.equal(await on.store.get(freshKey(), { consistent: false }), undefined);
    });

    test('a second put replaces the value and changes the version, even with the same value', async () => {
      const key = freshKey();
      const first = await on.store.put({ ...key, value: 'a' });
      const second = await on.store.put({ ...key, value: 'a' });
      assert.notEqual(first, second);
      assert.equal((await on.store.get(key, consistent))?.version, second);
    });

    test('values come back exactly: empty, NUL, line ends, all planes', async () => {
      for (const text of ['', '\u0000', 'a\u0000b', '\r\n', ' ', '\u{1f600}\uffff\ufeff', '<a b="c"/>', '5']) {
        const key = freshKey();
        await on.store.put({ ...key, value: text });
        assert.equal(await value(key), text);
        assert.equal((await query(key.partition))[0]?.value, text);
      }
    });

    test('a value of 380,000 bytes comes back, of many one-byte or few three-byte characters', async () => {
      for (const text of ['x'.repeat(380_000), `${'\u20ac'.repeat(126_666)}xx`]) {
        const key = freshKey('archive');
        await on.store.put({ ...key, value: text });
        assert.equal(await value(key), text);
      }
    });

    test('keys of 1,024 bytes work', async () => {
      const key: Key = {
        table: 'live',
        partition: `${freshPartition()}/`.padEnd(1_024, 'p'),
        sort: `${'\u20ac'.repeat(341)}s`,
      };
      await on.store.put({ ...key, value: 'long' });
      assert.equal(await value(key), 'long');
      const found = await on.store.query({ ...key, prefix: key.sort, limit: 1, ...consistent });
      assert.deepEqual(
        found.map(({ sort }) => sort),
        [key.sort],
      );
    });

    test('the same keys in another table are another row', async () => {
      const { partition } = freshKey();
      await Promise.all(tables.map((table) => on.store.put({ table, partition, sort: 'row', value: table })));
      assert.equal(await on.store.delete({ table: 'archive', partition, sort: 'row' }), true);
      const rows = await on.store.batchGet(
        tables.map((table) => ({ table, partition, sort: 'row' })),
        consistent,
      );
      assert.deepEqual(
        rows.map((row) => row?.value),
        ['core', undefined, 'live'],
      );
      assert.deepEqual(
        (await query(partition)).map((row) => row.value),
        ['core'],
      );
    });

    test('keys that join to the same text are different rows', async () => {
      const partition = freshPartition();
      await on.store.put({ table: 'core', partition: `${partition}a`, sort: 'b', value: '1' });
      await on.store.put({ table: 'core', partition, sort: 'ab', value: '2' });
      const keys: Key[] = [
        { table: 'core', partition: `${partition}a`, sort: 'b' },
        { table: 'core', partition, sort: 'ab' },
      ];
      assert.deepEqual(
        (await on.store.batchGet(keys, consistent)).map((row) => row?.value),
        ['1', '2'],
      );
    });
  });

  describe('batches', () => {
    test('batchGet answers in the order of the keys, repeats and gaps included', async () => {
      const partition = await fill(['a', 'b', 'c']);
      const keys = ['c', 'x', 'a', 'c', 'b', 'x'].map((sort): Key => ({ table: 'core', partition, sort }));
      for (const options of [consistent, { consistent: false }]) {
        const rows = await on.store.batchGet(keys, options);
        assert.deepEqual(
          rows.map((row) => row?.value),
          ['vc', undefined, 'va', 'vc', 'vb', undefined],
        );
      }
    });

    test('batchGet of 1,000 keys in three tables', async () => {
      const partition = freshPartition();
      const keys = Array.from({ length: 1_000 }, (_, i): Key => ({ table: tables[i % 3]!, partition, sort: `k${i}` }));
      await on.store.batchPut(keys.filter((_, i) => i % 7 !== 0).map((key) => ({ ...key, value: key.sort })));
      const rows = await on.store.batchGet(keys, consistent);
      assert.deepEqual(
        rows.map((row) => row?.value),
        keys.map(({ sort }, i) => (i % 7 === 0 ? undefined : sort)),
      );
    });

    test('batchGet returns more than one answer of the engine can hold', async () => {
      const partition = freshPartition();
      const keys = Array.from({ length: 50 }, (_, i): Key => ({ table: 'core', partition, sort: `k${i}` }));
      await on.store.batchPut(keys.map((key, i) => ({ ...key, value: `${i}`.padEnd(370_000, '.') })));
      const rows = await on.store.batchGet(keys, consistent);
      assert.deepEqual(
        rows.map((row) => Number.parseInt(row?.value ?? '', 10)),
        keys.map((_, i) => i),
      );
      assert.equal((await query(partition)).length, 50);
    });

    test('batchPut of 1,200 rows, of which a later one of the same key wins', async () => {
      const partition = freshPartition();
      const rows = Array.from({ length: 1_200 }, (_, i) => ({
        table: 'archive' as const,
        partition,
        sort: `k${i % 900}`,
        value: `${i}`,
      }));
      await on.store.batchPut(rows);
      const found = await on.store.query({ table: 'archive', partition, limit: 1_000, ...consistent });
      const expected = new Map(rows.map(({ sort, value }) => [sort, value]));
      assert.deepEqual(new Map(found.map(({ sort, value }) => [sort, value])), expected);
      assert.equal(new Set(found.map(({ version }) => version)).size, 900);
    });

    test('batchDelete of 1,200 rows in three tables takes these, those that are not there as well, and no others', async () => {
      const partition = freshPartition();
      const keys = Array.from({ length: 1_200 }, (_, i): Key => ({ table: tables[i % 3]!, partition, sort: `k${i}` }));
      const stays = (_: Key, i: number) => i % 10 === 0;
      await on.store.batchPut(keys.filter((_, i) => i % 7 !== 0 || i % 10 === 0).map((key) => ({ ...key, value: key.sort })));
      await on.store.batchGet(keys.slice(0, 100), consistent);
      assert.equal(await on.store.batchDelete(keys.filter((key, i) => !stays(key, i))), undefined);
      const found = await Promise.all(tables.map((table) => on.store.query({ table, partition, limit: 1_000, ...consistent })));
      const sorts = new Set(found.flat().map(({ sort }) => sort));
      assert.deepEqual(sorts, new Set(keys.filter(stays).map(({ sort }) => sort)));
      const rows = await on.store.batchGet(keys.slice(0, 100), consistent);
      assert.deepEqual(
        rows.map((row) => row?.value),
        keys.slice(0, 100).map((key, i) => (stays(key, i) ? key.sort : undefined)),
      );
    });

    test('batchDelete takes a row of any version, a counter, and one that was named twice', async () => {
      const [row, counter] = [freshKey(), freshKey('live')];
      await on.store.put({ ...row, value: 'a' });
      await on.store.put({ ...row, value: 'b' });
      await on.store.add(counter, 3);
      await on.store.batchDelete([row, counter, row]);
      assert.deepEqual(await on.store.batchGet([row, counter], consistent), [undefined, undefined]);
      await on.store.put({ ...row, value: 'c' }, 'absent');
      assert.equal(await on.store.add(counter, 1), 1);
    });

    test('puts and deletions of batches of one key that overlap take place in the order of the calls', async () => {
      for (const last of ['put', 'delete']) {
        const key = freshKey('live');
        const calls = Array.from({ length: 40 }, (_, i) => (i % 2 === 0) === (last === 'delete')).map((isPut, i) =>
          isPut ? on.store.batchPut([{ ...key, value: `${i}` }]) : on.store.batchDelete([key]),
        );
        await Promise.all(calls);
        assert.equal(await value(key), last === 'put' ? '39' : undefined);
      }
    });

    test('empty batches do nothing', async () => {
      assert.deepEqual(await on.store.batchGet([], consistent), []);
      assert.equal(await on.store.batchPut([]), undefined);
      assert.equal(await on.store.batchDelete([]), undefined);
    });

    test('puts of one key that overlap take place in the order of the calls', async () => {
      const key = freshKey();
      const versions = await Promise.all(Array.from({ length: 60 }, (_, i) => on.store.put({ ...key, value: `${i}` })));
      assert.equal(new Set(versions).size, 60);
      assert.deepEqual(await on.store.get(key, consistent), {
        partition: key.partition,
        sort: 'row',
        value: '59',
        version: versions[59],
      });
    });

    test('single gets and puts that overlap each get their own answer', async () => {
      const partition = freshPartition();
      const keys = Array.from({ length: 150 }, (_, i): Key => ({ table: 'live', partition, sort: `k${i}` }));
      const versions = await Promise.all(keys.map((key) => on.store.put({ ...key, value: key.sort })));
      const rows = await Promise.all(keys.map((key) => on.store.get(key, consistent)));
      assert.deepEqual(
        rows.map((row) => [row?.value, row?.version]),
        keys.map(({ sort }, i) => [sort, versions[i]]),
      );
    });
  });
}
