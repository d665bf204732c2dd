/** A part of the Store port's contract. Writes on a condition, races and counters. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Conflict, type Key } from '../../lib/ports/store.ts';
import { consistent, type Subject } from './store-subject.ts';

export function conditionTests(on: Subject): void {
  const { freshKey, value, query } = on;

  describe('conditions', () => {
    test('put if absent: the first wins, the second conflicts and writes nothing', async () => {
      const key = freshKey();
      const version = await on.store.put({ ...key, value: 'first' }, 'absent');
      await assert.rejects(on.store.put({ ...key, value: 'second' }, 'absent'), Conflict);
      assert.deepEqual(await on.store.get(key, consistent), { partition: key.partition, sort: 'row', value: 'first', version });
    });

    test('put if version: only the current version matches', async () => {
      const key = freshKey();
      const first = await on.store.put({ ...key, value: '1' });
      const second = await on.store.put({ ...key, value: '2' }, { version: first });
      await assert.rejects(on.store.put({ ...key, value: '3' }, { version: first }), Conflict);
      await assert.rejects(on.store.put({ ...key, value: '3' }, { version: 'made up' }), Conflict);
      assert.equal((await on.store.get(key, consistent))?.version, second);
      await assert.rejects(on.store.put({ ...freshKey(), value: '3' }, { version: first }), Conflict);
    });

    test('batchPut changes the version, so an older one conflicts', async () => {
      const key = freshKey();
      const version = await on.store.put({ ...key, value: '1' });
      await on.store.batchPut([{ ...key, value: '2' }]);
      await assert.rejects(on.store.put({ ...key, value: '3' }, { version }), Conflict);
    });

    test('delete says whether a row was there, and keeps a row with another version', async () => {
      const key = freshKey();
      assert.equal(await on.store.delete(key), false);
      const first = await on.store.put({ ...key, value: '1' });
      const second = await on.store.put({ ...key, value: '2' });
      await assert.rejects(on.store.delete(key, { version: first }), Conflict);
      assert.equal(await value(key), '2');
      assert.equal(await on.store.delete(key, { version: second }), true);
      assert.equal(await on.store.delete(key, { version: second }), false);
      assert.equal(await value(key), undefined);
      await on.store.put({ ...key, value: '3' }, 'absent');
      assert.equal(await on.store.delete(key), true);
    });

    for (const [what, race] of [
      ['put if version', (key: Key, version: string, i: number) => on.store.put({ ...key, value: `${i}` }, { version })],
      ['put if absent', (key: Key, _: string, i: number) => on.store.put({ ...key, sort: 'new', value: `${i}` }, 'absent')],
      [
        'delete if version',
        (key: Key, version: string) =>
          on.store.delete(key, { version }).then((wasThere) => (wasThere ? 'won' : Promise.reject(new Conflict()))),
      ],
    ] as const) {
      test(`of 50 at once exactly one wins: ${what}`, async () => {
        const key = freshKey();
        const version = await on.store.put({ ...key, value: 'start' });
        const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => race(key, version, i)));
        const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
        assert.equal(outcomes.length - lost.length, 1);
        for (const { reason } of lost) assert.ok(reason instanceof Conflict, `${reason}`);
      });
    }

    test('no change is lost between writers that read, change and put if version', async () => {
      const key = freshKey();
      await on.store.put({ ...key, value: '0' });
      const increment = async () => {
        for (let attempt = 0; attempt < 200; attempt++) {
          const row = await on.store.get(key, consistent);
          try {
            return await on.store.put({ ...key, value: `${Number(row!.value) + 1}` }, { version: row!.version });
          } catch (error) {
            if (!(error instanceof Conflict)) throw error;
          }
        }
        throw new Error('never won');
      };
      await Promise.all(Array.from({ length: 10 }, increment));
      assert.equal(await value(key), '10');
    });
  });

  describe('counters', () => {
    test('a counter starts at 0, moves both ways and reads as decimal text', async () => {
      const key = freshKey();
      assert.equal(await on.store.add(key, 0), 0);
      assert.equal(await on.store.add(key, 5), 5);
      assert.equal(await on.store.add(key, -7), -2);
      assert.equal(await value(key), '-2');
      assert.equal((await query(key.partition))[0]?.value, '-2');
    });

    test('fifty at once count each exactly once', async () => {
      const key = freshKey('live');
      const sums = await Promise.all(Array.from({ length: 50 }, () => on.store.add(key, 1)));
      assert.deepEqual(
        sums.toSorted((a, b) => a - b),
        Array.from({ length: 50 }, (_, i) => i + 1),
      );
    });

    test('a counter changes its version, and can be overwritten and deleted', async () => {
      const key = freshKey();
      await on.store.add(key, 1);
      const { version } = (await on.store.get(key, consistent))!;
      await on.store.add(key, 1);
      await assert.rejects(on.store.put({ ...key, value: 'x' }, { version }), Conflict);
      await on.store.put({ ...key, value: 'x' }, { version: (await on.store.get(key, consistent))!.version });
      assert.equal(await value(key), 'x');
      await assert.rejects(on.store.add(key, 1), TypeError);
      await on.store.delete(key);
      assert.equal(await on.store.add(key, 3), 3);
    });

    test('a counter never leaves ±2^53: it refuses and stays', async () => {
      const key = freshKey();
      assert.equal(await on.store.add(key, Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
      assert.equal(await value(key), `${Number.MAX_SAFE_INTEGER}`);
      await assert.rejects(on.store.add(key, 1), RangeError);
      assert.equal(await on.store.add(key, -Number.MAX_SAFE_INTEGER), 0);
      assert.equal(await on.store.add(key, -Number.MAX_SAFE_INTEGER), -Number.MAX_SAFE_INTEGER);
      await assert.rejects(on.store.add(key, -1), RangeError);
      for (const by of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
        await assert.rejects(on.store.add(key, by), RangeError);
    });
  });
}
