/** What each adapter of the Store port has to do: the docstrings of `lib/ports/store.ts`, as tests. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Conflict, type Key, type Query, type Store, type Table } from '../../lib/ports/store.ts';
import { checkAgainstModel } from './store-model.ts';

/** Stands still until it is moved; its timers run in real time. */
export interface SetClock extends Clock {
  advance(ms: number): void;
}

export function setClock(): SetClock {
  let now = Math.floor(systemClock.now() / 1_000) * 1_000;
  return {
    ...systemClock,
    now: () => now,
    advance(ms) {
      now += ms;
    },
  };
}

export interface OpenStore {
  readonly store: Store;
  /** The clock that the store was opened with. */
  readonly clock: SetClock;
  /** Closes the store and what it stands on. */
  close(): Promise<void>;
}

const consistent = { consistent: true } as const;
const tables: readonly Table[] = ['core', 'archive', 'live'];

/** Characters that UTF-16 and UTF-8 order differently, separators, and a letter with its decomposed form. */
const awkward = ['\u0000', '\u0001', ' ', '/', '0', 'A', 'a', 'a\u0000', 'a\u0000b', 'aa', 'ab', 'e\u0301', '\u00e9', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', '\u{10ffff}'];

export function storeContract(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name} as a Store`, () => {
    let opened: OpenStore;
    let store: Store;
    let clock: SetClock;
    let partitions = 0;
    before(async () => {
      opened = await open();
      ({ store, clock } = opened);
    });
    after(() => opened?.close());

    const freshPartition = () => `example.org/p${partitions++}`;
    const freshKey = (table: Table = 'core'): Key => ({ table, partition: freshPartition(), sort: 'row' });
    const value = async (key: Key) => (await store.get(key, consistent))?.value;
    const query = (partition: string, rest: Partial<Query> = {}) =>
      store.query({ table: 'core', partition, limit: 1_000, consistent: true, ...rest });
    const sorts = async (partition: string, rest: Partial<Query> = {}) => (await query(partition, rest)).map(({ sort }) => sort);
    const fill = async (keys: readonly string[]) => {
      const partition = freshPartition();
      await store.batchPut(keys.map((sort) => ({ table: 'core', partition, sort, value: `v${sort}` })));
      return partition;
    };

    describe('reading and writing', () => {
      test('a row that was put is there with its version', async () => {
        const key = freshKey();
        const version = await store.put({ ...key, value: 'juliet' });
        assert.deepEqual(await store.get(key, consistent), { partition: key.partition, sort: 'row', value: 'juliet', version });
        assert.equal((await store.get(key, { consistent: false }))?.value, 'juliet');
      });

      test('a row that was never put is undefined', async () => {
        assert.equal(await store.get(freshKey(), consistent), undefined);
        assert.equal(await store.get(freshKey(), { consistent: false }), undefined);
      });

      test('a second put replaces the value and changes the version, even with the same value', async () => {
        const key = freshKey();
        const first = await store.put({ ...key, value: 'a' });
        const second = await store.put({ ...key, value: 'a' });
        assert.notEqual(first, second);
        assert.equal((await store.get(key, consistent))?.version, second);
      });

      test('values come back exactly: empty, NUL, line ends, all planes', async () => {
        for (const text of ['', '\u0000', 'a\u0000b', '\r\n', ' ', '\u{1f600}\uffff\ufeff', '<a b="c"/>', '5']) {
          const key = freshKey();
          await store.put({ ...key, value: text });
          assert.equal(await value(key), text);
          assert.equal((await query(key.partition))[0]?.value, text);
        }
      });

      test('a value of 380,000 bytes comes back, one byte of many or three of few', async () => {
        for (const text of ['x'.repeat(380_000), `${'\u20ac'.repeat(126_666)}xx`]) {
          const key = freshKey('archive');
          await store.put({ ...key, value: text });
          assert.equal(await value(key), text);
        }
      });

      test('keys of 1,024 bytes work', async () => {
        const key: Key = { table: 'live', partition: `${freshPartition()}/`.padEnd(1_024, 'p'), sort: `${'\u20ac'.repeat(341)}s` };
        await store.put({ ...key, value: 'long' });
        assert.equal(await value(key), 'long');
        const found = await store.query({ ...key, prefix: key.sort, limit: 1, ...consistent });
        assert.deepEqual(found.map(({ sort }) => sort), [key.sort]);
      });

      test('the same keys in another table are another row', async () => {
        const { partition } = freshKey();
        await Promise.all(tables.map((table) => store.put({ table, partition, sort: 'row', value: table })));
        assert.equal(await store.delete({ table: 'archive', partition, sort: 'row' }), true);
        const rows = await store.batchGet(tables.map((table) => ({ table, partition, sort: 'row' })), consistent);
        assert.deepEqual(rows.map((row) => row?.value), ['core', undefined, 'live']);
        assert.deepEqual((await query(partition)).map((row) => row.value), ['core']);
      });

      test('keys that join to the same text are different rows', async () => {
        const partition = freshPartition();
        await store.put({ table: 'core', partition: `${partition}a`, sort: 'b', value: '1' });
        await store.put({ table: 'core', partition, sort: 'ab', value: '2' });
        const keys: Key[] = [
          { table: 'core', partition: `${partition}a`, sort: 'b' },
          { table: 'core', partition, sort: 'ab' },
        ];
        assert.deepEqual((await store.batchGet(keys, consistent)).map((row) => row?.value), ['1', '2']);
      });
    });

    describe('batches', () => {
      test('batchGet answers in the order of the keys, repeats and gaps included', async () => {
        const partition = await fill(['a', 'b', 'c']);
        const keys = ['c', 'x', 'a', 'c', 'b', 'x'].map((sort): Key => ({ table: 'core', partition, sort }));
        for (const options of [consistent, { consistent: false }]) {
          const rows = await store.batchGet(keys, options);
          assert.deepEqual(rows.map((row) => row?.value), ['vc', undefined, 'va', 'vc', 'vb', undefined]);
        }
      });

      test('batchGet of 1,000 keys in three tables', async () => {
        const partition = freshPartition();
        const keys = Array.from({ length: 1_000 }, (_, i): Key => ({ table: tables[i % 3]!, partition, sort: `k${i}` }));
        await store.batchPut(keys.filter((_, i) => i % 7 !== 0).map((key) => ({ ...key, value: key.sort })));
        const rows = await store.batchGet(keys, consistent);
        assert.deepEqual(rows.map((row) => row?.value), keys.map(({ sort }, i) => (i % 7 === 0 ? undefined : sort)));
      });

      test('batchGet passes what one answer of the engine can hold', async () => {
        const partition = freshPartition();
        const keys = Array.from({ length: 50 }, (_, i): Key => ({ table: 'core', partition, sort: `k${i}` }));
        await store.batchPut(keys.map((key, i) => ({ ...key, value: `${i}`.padEnd(370_000, '.') })));
        const rows = await store.batchGet(keys, consistent);
        assert.deepEqual(rows.map((row) => Number.parseInt(row?.value ?? '', 10)), keys.map((_, i) => i));
        assert.equal((await query(partition)).length, 50);
      });

      test('batchPut of 1,200 rows, of which a later one of the same key wins', async () => {
        const partition = freshPartition();
        const rows = Array.from({ length: 1_200 }, (_, i) => ({ table: 'archive' as const, partition, sort: `k${i % 900}`, value: `${i}` }));
        await store.batchPut(rows);
        const found = await store.query({ table: 'archive', partition, limit: 1_000, ...consistent });
        const expected = new Map(rows.map(({ sort, value }) => [sort, value]));
        assert.deepEqual(new Map(found.map(({ sort, value }) => [sort, value])), expected);
        assert.equal(new Set(found.map(({ version }) => version)).size, 900);
      });

      test('empty batches do nothing', async () => {
        assert.deepEqual(await store.batchGet([], consistent), []);
        assert.equal(await store.batchPut([]), undefined);
      });

      test('puts of one key that overlap take place in the order of the calls', async () => {
        const key = freshKey();
        const versions = await Promise.all(Array.from({ length: 60 }, (_, i) => store.put({ ...key, value: `${i}` })));
        assert.equal(new Set(versions).size, 60);
        assert.deepEqual(await store.get(key, consistent), { partition: key.partition, sort: 'row', value: '59', version: versions[59] });
      });

      test('single gets and puts that overlap each get their own answer', async () => {
        const partition = freshPartition();
        const keys = Array.from({ length: 150 }, (_, i): Key => ({ table: 'live', partition, sort: `k${i}` }));
        const versions = await Promise.all(keys.map((key) => store.put({ ...key, value: key.sort })));
        const rows = await Promise.all(keys.map((key) => store.get(key, consistent)));
        assert.deepEqual(rows.map((row) => [row?.value, row?.version]), keys.map(({ sort }, i) => [sort, versions[i]]));
      });
    });

    describe('queries', () => {
      test('rows come in the order of the bytes of UTF-8, and backward', async () => {
        const partition = await fill(awkward);
        const ordered = awkward.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual(await sorts(partition), ordered);
        assert.deepEqual(await sorts(partition, { direction: 'backward' }), ordered.toReversed());
        assert.deepEqual(await sorts(partition, { direction: 'forward', consistent: false }), ordered);
      });

      test('each bound, alone and with others, keeps exactly the rows it says', async () => {
        const partition = await fill(awkward);
        const bounds = [undefined, '', 'a', 'a\u0000', 'aa', '\u00e9', '\ud7ff', '\uffff', '\u{10ffff}', 'zz'];
        const ordered = awkward.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const isLess = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
        for (const prefix of [undefined, '', 'a', 'a\u0000', '\ud7ff', '\u{10ffff}', 'none']) {
          const checks = bounds.flatMap((after) => bounds.map(async (before) => {
            const expected = ordered.filter(
              (sort) =>
                (prefix === undefined || sort.startsWith(prefix)) &&
                (after === undefined || isLess(after, sort)) &&
                (before === undefined || isLess(sort, before)),
            );
            const bounded = { prefix, after, before };
            assert.deepEqual(await sorts(partition, bounded), expected, JSON.stringify(bounded));
            const last = await sorts(partition, { ...bounded, direction: 'backward', limit: 2 });
            assert.deepEqual(last, expected.toReversed().slice(0, 2), JSON.stringify(bounded));
          }));
          await Promise.all(checks);
        }
      });

      test('a limit cuts at the near end, and `after` continues there', async () => {
        const keys = Array.from({ length: 25 }, (_, i) => `k${`${i}`.padStart(2, '0')}`);
        const partition = await fill(keys);
        const pages: string[][] = [];
        for (let after = ''; pages.length < 10; after = pages.at(-1)!.at(-1)!) {
          const page = await sorts(partition, { prefix: 'k', after, limit: 10 });
          if (page.length === 0) break;
          pages.push(page);
        }
        assert.deepEqual(pages.map((page) => page.length), [10, 10, 5]);
        assert.deepEqual(pages.flat(), keys);
        assert.deepEqual(await sorts(partition, { before: 'k05', direction: 'backward', limit: 2 }), ['k04', 'k03']);
      });

      test('a full page of rows that are large for the engine is filled', async () => {
        const partition = freshPartition();
        const rows = Array.from({ length: 12 }, (_, i) => ({ table: 'core' as const, partition, sort: `k${10 + i}`, value: 'x'.repeat(300_000) }));
        await store.batchPut(rows);
        assert.deepEqual(await sorts(partition, { limit: 11, direction: 'backward' }), rows.map(({ sort }) => sort).toReversed().slice(0, 11));
      });

      test('a partition without rows, and bounds that exclude each other, give nothing', async () => {
        assert.deepEqual(await query(freshPartition()), []);
        const partition = await fill(['a', 'b']);
        assert.deepEqual(await sorts(partition, { after: 'b', before: 'a' }), []);
        assert.deepEqual(await sorts(partition, { after: 'a', before: 'a' }), []);
        assert.deepEqual(await sorts(partition, { prefix: 'a', after: 'b' }), []);
        assert.deepEqual(await sorts(partition, { after: 'a', before: 'b' }), []);
      });
    });

    describe('conditions', () => {
      test('put if absent: the first wins, the second conflicts and writes nothing', async () => {
        const key = freshKey();
        const version = await store.put({ ...key, value: 'first' }, 'absent');
        await assert.rejects(store.put({ ...key, value: 'second' }, 'absent'), Conflict);
        assert.deepEqual(await store.get(key, consistent), { partition: key.partition, sort: 'row', value: 'first', version });
      });

      test('put if version: only the current version will do', async () => {
        const key = freshKey();
        const first = await store.put({ ...key, value: '1' });
        const second = await store.put({ ...key, value: '2' }, { version: first });
        await assert.rejects(store.put({ ...key, value: '3' }, { version: first }), Conflict);
        await assert.rejects(store.put({ ...key, value: '3' }, { version: 'made up' }), Conflict);
        assert.equal((await store.get(key, consistent))?.version, second);
        await assert.rejects(store.put({ ...freshKey(), value: '3' }, { version: first }), Conflict);
      });

      test('batchPut changes the version, so an older one conflicts', async () => {
        const key = freshKey();
        const version = await store.put({ ...key, value: '1' });
        await store.batchPut([{ ...key, value: '2' }]);
        await assert.rejects(store.put({ ...key, value: '3' }, { version }), Conflict);
      });

      test('delete says whether a row was there, and keeps one of another version', async () => {
        const key = freshKey();
        assert.equal(await store.delete(key), false);
        const first = await store.put({ ...key, value: '1' });
        const second = await store.put({ ...key, value: '2' });
        await assert.rejects(store.delete(key, { version: first }), Conflict);
        assert.equal(await value(key), '2');
        assert.equal(await store.delete(key, { version: second }), true);
        assert.equal(await store.delete(key, { version: second }), false);
        assert.equal(await value(key), undefined);
        await store.put({ ...key, value: '3' }, 'absent');
        assert.equal(await store.delete(key), true);
      });

      for (const [what, race] of [
        ['put if version', (key: Key, version: string, i: number) => store.put({ ...key, value: `${i}` }, { version })],
        ['put if absent', (key: Key, _: string, i: number) => store.put({ ...key, sort: 'new', value: `${i}` }, 'absent')],
        ['delete if version', (key: Key, version: string) => store.delete(key, { version }).then((wasThere) => (wasThere ? 'won' : Promise.reject(new Conflict())))],
      ] as const) {
        test(`of 50 at once exactly one wins: ${what}`, async () => {
          const key = freshKey();
          const version = await store.put({ ...key, value: 'start' });
          const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => race(key, version, i)));
          const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
          assert.equal(outcomes.length - lost.length, 1);
          for (const { reason } of lost) assert.ok(reason instanceof Conflict, `${reason}`);
        });
      }

      test('fifty writers that read, change and put if version lose no change', async () => {
        const key = freshKey();
        await store.put({ ...key, value: '0' });
        const increment = async () => {
          for (let attempt = 0; attempt < 200; attempt++) {
            const row = await store.get(key, consistent);
            try {
              return await store.put({ ...key, value: `${Number(row!.value) + 1}` }, { version: row!.version });
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
        assert.equal(await store.add(key, 0), 0);
        assert.equal(await store.add(key, 5), 5);
        assert.equal(await store.add(key, -7), -2);
        assert.equal(await value(key), '-2');
        assert.equal((await query(key.partition))[0]?.value, '-2');
      });

      test('fifty at once count each exactly once', async () => {
        const key = freshKey('live');
        const sums = await Promise.all(Array.from({ length: 50 }, () => store.add(key, 1)));
        assert.deepEqual(sums.toSorted((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i + 1));
      });

      test('a counter changes its version, can be put over and deleted', async () => {
        const key = freshKey();
        await store.add(key, 1);
        const { version } = (await store.get(key, consistent))!;
        await store.add(key, 1);
        await assert.rejects(store.put({ ...key, value: 'x' }, { version }), Conflict);
        await store.put({ ...key, value: 'x' }, { version: (await store.get(key, consistent))!.version });
        assert.equal(await value(key), 'x');
        await assert.rejects(store.add(key, 1), TypeError);
        await store.delete(key);
        assert.equal(await store.add(key, 3), 3);
      });

      test('a counter never leaves ±2^53: it refuses and stays', async () => {
        const key = freshKey();
        assert.equal(await store.add(key, Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
        assert.equal(await value(key), `${Number.MAX_SAFE_INTEGER}`);
        await assert.rejects(store.add(key, 1), RangeError);
        assert.equal(await store.add(key, -Number.MAX_SAFE_INTEGER), 0);
        assert.equal(await store.add(key, -Number.MAX_SAFE_INTEGER), -Number.MAX_SAFE_INTEGER);
        await assert.rejects(store.add(key, -1), RangeError);
        for (const by of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) await assert.rejects(store.add(key, by), RangeError);
      });
    });

    describe('expiry', () => {
      const putExpiring = async (ms: number) => {
        const key = freshKey();
        const version = await store.put({ ...key, value: 'brief', expiresAtMs: clock.now() + ms });
        return { key, version };
      };

      test('a row is there before its moment and gone a second after it, for every kind of read', async () => {
        const { key } = await putExpiring(10_000);
        clock.advance(9_000);
        assert.equal(await value(key), 'brief');
        assert.equal((await query(key.partition)).length, 1);
        clock.advance(2_000);
        assert.equal(await value(key), undefined);
        assert.deepEqual(await store.batchGet([key], { consistent: false }), [undefined]);
        assert.deepEqual(await query(key.partition), []);
      });

      test('a moment between two seconds never comes early', async () => {
        const { key } = await putExpiring(1_500);
        clock.advance(1_000);
        assert.equal(await value(key), 'brief');
        clock.advance(1_500);
        assert.equal(await value(key), undefined);
      });

      test('an expired row counts as absent for put, delete and add', async () => {
        const rows = await Promise.all(Array.from({ length: 5 }, () => putExpiring(1_000)));
        clock.advance(2_000);
        await assert.rejects(store.put({ ...rows[0]!.key, value: 'x' }, { version: rows[0]!.version }), Conflict);
        await store.put({ ...rows[1]!.key, value: 'again' }, 'absent');
        assert.equal(await value(rows[1]!.key), 'again');
        assert.equal(await store.delete(rows[2]!.key), false);
        assert.equal(await store.delete(rows[3]!.key, { version: rows[3]!.version }), false);
        assert.equal(await store.add(rows[4]!.key, 4), 4);
        assert.equal(await value(rows[4]!.key), '4');
      });

      test('a put without expiry keeps the row for ever', async () => {
        const { key } = await putExpiring(1_000);
        await store.put({ ...key, value: 'lasting' });
        clock.advance(10_000);
        assert.equal(await value(key), 'lasting');
      });

      test('expired rows do not count towards a limit', async () => {
        const partition = freshPartition();
        const rows = Array.from({ length: 40 }, (_, i) => ({
          table: 'core' as const,
          partition,
          sort: `k${10 + i}`,
          value: 'v',
          ...(i < 35 && { expiresAtMs: clock.now() + 1_000 }),
        }));
        await store.batchPut(rows);
        clock.advance(2_000);
        assert.deepEqual(await sorts(partition, { limit: 3 }), ['k45', 'k46', 'k47']);
        assert.deepEqual(await sorts(partition, { limit: 7, direction: 'backward' }), ['k49', 'k48', 'k47', 'k46', 'k45']);
      });

      test('an expiry in the past is a row that was never there', async () => {
        const { key } = await putExpiring(-100_000);
        assert.equal(await value(key), undefined);
      });
    });

    describe('arguments out of bounds are an error of the caller', () => {
      const bad: readonly (readonly [string, () => Promise<unknown>])[] = [
        ['an empty partition', () => store.get({ table: 'core', partition: '', sort: 's' }, consistent)],
        ['an empty sort key', () => store.put({ table: 'core', partition: 'p', sort: '', value: '' })],
        ['a partition of 1,025 bytes', () => store.put({ table: 'core', partition: 'p'.repeat(1_025), sort: 's', value: '' })],
        ['a sort key of 1,026 bytes in 342 characters', () => store.delete({ table: 'core', partition: 'p', sort: '\u20ac'.repeat(342) })],
        ['a value of 380,001 bytes', () => store.put({ table: 'core', partition: 'p', sort: 's', value: 'x'.repeat(380_001) })],
        ['one bad row of a batch', () => store.batchPut([{ ...freshKey(), value: '' }, { ...freshKey(), value: '\u20ac'.repeat(126_667) }])],
        ['a lone surrogate in a key', () => store.get({ table: 'core', partition: 'p\ud800', sort: 's' }, consistent)],
        ['a lone surrogate in a value', () => store.put({ table: 'core', partition: 'p', sort: 's', value: '\udfff' }, 'absent')],
        ['1,001 keys', () => store.batchGet(Array.from({ length: 1_001 }, () => freshKey()), consistent)],
        ['a limit of 0', () => query('p', { limit: 0 })],
        ['a limit of 1,001', () => query('p', { limit: 1_001 })],
        ['a limit of 1.5', () => query('p', { limit: 1.5 })],
        ['a prefix of 1,025 bytes', () => query('p', { prefix: 'x'.repeat(1_025) })],
        ['an unknown table', () => store.get({ table: 'core; --' as Table, partition: 'p', sort: 's' }, consistent)],
        ['an expiry that is no number', () => store.put({ table: 'core', partition: 'p', sort: 's', value: '', expiresAtMs: Number.NaN })],
      ];
      for (const [what, call] of bad) test(what, () => assert.rejects(call(), RangeError));

      test('nothing of a bad batch was written', async () => {
        const good = freshKey();
        await assert.rejects(store.batchPut([{ ...good, value: 'x' }, { ...freshKey(), value: 'x'.repeat(380_001) }]), RangeError);
        assert.equal(await value(good), undefined);
      });
    });

    test('any sequence of calls answers as a simple model does', () => checkAgainstModel(store, clock, freshPartition));
  });
}
