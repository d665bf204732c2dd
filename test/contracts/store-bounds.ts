/** A part of the Store port's contract. The bounds of time (expiry) and of size. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Conflict, type Table } from '../../lib/ports/store.ts';
import { consistent, type Subject } from './store-subject.ts';

export function boundTests(on: Subject): void {
  const { freshPartition, freshKey, value, query, sorts } = on;

  describe('expiry', () => {
    const putExpiring = async (ms: number) => {
      const key = freshKey();
      const version = await on.store.put({ ...key, value: 'brief', expiresAtMs: on.clock.now() + ms });
      return { key, version };
    };

    test('a row is there before its moment and gone a second after it, for every kind of read', async () => {
      const { key } = await putExpiring(10_000);
      on.clock.advance(9_000);
      assert.equal(await value(key), 'brief');
      assert.equal((await query(key.partition)).length, 1);
      on.clock.advance(2_000);
      assert.equal(await value(key), undefined);
      assert.deepEqual(await on.store.batchGet([key], { consistent: false }), [undefined]);
      assert.deepEqual(await query(key.partition), []);
    });

    test('a moment between two seconds never comes early', async () => {
      const { key } = await putExpiring(1_500);
      on.clock.advance(1_000);
      assert.equal(await value(key), 'brief');
      on.clock.advance(1_500);
      assert.equal(await value(key), undefined);
    });

    test('an expired row counts as absent for put, delete and add', async () => {
      const rows = await Promise.all(Array.from({ length: 5 }, () => putExpiring(1_000)));
      on.clock.advance(2_000);
      await assert.rejects(on.store.put({ ...rows[0]!.key, value: 'x' }, { version: rows[0]!.version }), Conflict);
      await on.store.put({ ...rows[1]!.key, value: 'again' }, 'absent');
      assert.equal(await value(rows[1]!.key), 'again');
      assert.equal(await on.store.delete(rows[2]!.key), false);
      assert.equal(await on.store.delete(rows[3]!.key, { version: rows[3]!.version }), false);
      assert.equal(await on.store.add(rows[4]!.key, 4), 4);
      assert.equal(await value(rows[4]!.key), '4');
    });

    test('a put without expiry keeps the row for ever', async () => {
      const { key } = await putExpiring(1_000);
      await on.store.put({ ...key, value: 'lasting' });
      on.clock.advance(10_000);
      assert.equal(await value(key), 'lasting');
    });

    test('expired rows do not count towards a limit', async () => {
      const partition = freshPartition();
      const rows = Array.from({ length: 40 }, (_, i) => ({
        table: 'core' as const,
        partition,
        sort: `k${10 + i}`,
        value: 'v',
        ...(i < 35 && { expiresAtMs: on.clock.now() + 1_000 }),
      }));
      await on.store.batchPut(rows);
      on.clock.advance(2_000);
      assert.deepEqual(await sorts(partition, { limit: 3 }), ['k45', 'k46', 'k47']);
      assert.deepEqual(await sorts(partition, { limit: 7, direction: 'backward' }), ['k49', 'k48', 'k47', 'k46', 'k45']);
    });

    test('a row with an expiry in the past was never there', async () => {
      const { key } = await putExpiring(-100_000);
      assert.equal(await value(key), undefined);
    });
  });

  describe('arguments out of bounds are an error of the caller', () => {
    const bad: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['an empty partition', () => on.store.get({ table: 'core', partition: '', sort: 's' }, consistent)],
      ['an empty sort key', () => on.store.put({ table: 'core', partition: 'p', sort: '', value: '' })],
      ['a partition of 1,025 bytes', () => on.store.put({ table: 'core', partition: 'p'.repeat(1_025), sort: 's', value: '' })],
      [
        'a sort key of 1,026 bytes in 342 characters',
        () => on.store.delete({ table: 'core', partition: 'p', sort: '\u20ac'.repeat(342) }),
      ],
      [
        'one bad key of a batch',
        () => on.store.batchDelete([freshKey(), { table: 'core', partition: 'p', sort: 's'.repeat(1_025) }]),
      ],
      ['a value of 380,001 bytes', () => on.store.put({ table: 'core', partition: 'p', sort: 's', value: 'x'.repeat(380_001) })],
      [
        'one bad row of a batch',
        () =>
          on.store.batchPut([
            { ...freshKey(), value: '' },
            { ...freshKey(), value: '\u20ac'.repeat(126_667) },
          ]),
      ],
      ['a lone surrogate in a key', () => on.store.get({ table: 'core', partition: 'p\ud800', sort: 's' }, consistent)],
      [
        'a lone surrogate in a value',
        () => on.store.put({ table: 'core', partition: 'p', sort: 's', value: '\udfff' }, 'absent'),
      ],
      [
        '1,001 keys',
        () =>
          on.store.batchGet(
            Array.from({ length: 1_001 }, () => freshKey()),
            consistent,
          ),
      ],
      ['a limit of 0', () => query('p', { limit: 0 })],
      ['a limit of 1,001', () => query('p', { limit: 1_001 })],
      ['a limit of 1.5', () => query('p', { limit: 1.5 })],
      ['a prefix of 1,025 bytes', () => query('p', { prefix: 'x'.repeat(1_025) })],
      ['an unknown table', () => on.store.get({ table: 'core; --' as Table, partition: 'p', sort: 's' }, consistent)],
      [
        'an expiry that is not a number',
        () => on.store.put({ table: 'core', partition: 'p', sort: 's', value: '', expiresAtMs: Number.NaN }),
      ],
    ];
    for (const [what, call] of bad) test(what, () => assert.rejects(call(), RangeError));

    test('nothing of a bad batch was written', async () => {
      const good = freshKey();
      await assert.rejects(
        on.store.batchPut([
          { ...good, value: 'x' },
          { ...freshKey(), value: 'x'.repeat(380_001) },
        ]),
        RangeError,
      );
      assert.equal(await value(good), undefined);
    });

    test('nothing of a bad batch was deleted', async () => {
      const good = freshKey();
      await on.store.put({ ...good, value: 'x' });
      await assert.rejects(on.store.batchDelete([good, { ...freshKey(), sort: '' }]), RangeError);
      assert.equal(await value(good), 'x');
    });
  });
}
