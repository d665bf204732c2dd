import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { type CachedRow, RowCache } from '../../lib/adapters/row-cache.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Conflict, type Key } from '../../lib/ports/store.ts';

const consistent = { consistent: true } as const;

function cached(value: string, expires: number | null = null): CachedRow {
  return { row: { partition: 'p', sort: 's', value, version: value }, expires };
}

function at(sort: string): Key {
  return { table: 'core', partition: 'p', sort };
}

describe('the cache of rows', () => {
  test('while a key is written the cache does not answer for it, nor accept a read that may be older', () => {
    const cache = new RowCache();
    cache.add(at('k'), cached('old'));
    cache.begin(at('k'));
    assert.equal(cache.get(at('k'), 0), undefined);
    cache.add(at('k'), cached('old'));
    assert.equal(cache.get(at('k'), 0), undefined);
    cache.end(at('k'), cached('new'));
    assert.equal(cache.get(at('k'), 0)?.row?.value, 'new');
  });

  test('the last outcome of overlapping writes counts, and an unknown outcome leaves nothing', () => {
    const cache = new RowCache();
    cache.add(at('k'), cached('old'));
    cache.begin(at('k'));
    cache.begin(at('k'));
    cache.end(at('k'), cached('first'));
    assert.equal(cache.get(at('k'), 0), undefined);
    cache.end(at('k'), cached('second'));
    assert.equal(cache.get(at('k'), 0)?.row?.value, 'second');
    cache.begin(at('k'));
    cache.begin(at('k'));
    cache.end(at('k'), cached('third'));
    cache.end(at('k'), undefined);
    assert.equal(cache.get(at('k'), 0), undefined);
  });

  test('a row that nobody has asked for is not kept when it is written', () => {
    const cache = new RowCache();
    cache.begin(at('k'));
    cache.end(at('k'), cached('new'));
    assert.equal(cache.get(at('k'), 0), undefined);
    cache.add(at('k'), { row: undefined, expires: null });
    cache.begin(at('k'));
    cache.end(at('k'), cached('newer'));
    assert.equal(cache.get(at('k'), 0)?.row?.value, 'newer');
  });

  test('a row is gone from its expiry on', () => {
    const cache = new RowCache();
    cache.add(at('k'), cached('v', 10));
    assert.equal(cache.get(at('k'), 9)?.row?.value, 'v');
    assert.equal(cache.get(at('k'), 10)?.row, undefined);
  });

  test('it keeps rows that are used, within its bound', () => {
    const cache = new RowCache();
    cache.add(at('asked'), cached('v'));
    for (let index = 0; index < 2 * adapterLimits.rowCacheMax; index++) {
      cache.add(at(`${index}`), cached('v'));
      if (index % 1_000 === 0) assert.equal(cache.get(at('asked'), 0)?.row?.value, 'v');
    }
    assert.equal(cache.get(at('0'), 0), undefined);
    cache.add(at('large'), cached('v'.repeat(adapterLimits.rowCacheRowCharactersMax)));
    assert.equal(cache.get(at('large'), 0), undefined);
  });

  test('keys that look alike have rows of their own', () => {
    const keys: Key[] = [
      { table: 'core', partition: 'ab', sort: 'c' },
      { table: 'core', partition: 'a', sort: 'bc' },
      { table: 'live', partition: 'ab', sort: 'c' },
      { table: 'core', partition: '1 a', sort: 'b' },
      { table: 'core', partition: '1', sort: ' ab' },
    ];
    const cache = new RowCache();
    for (const key of keys) cache.add(key, cached('before'));
    for (const [index, key] of keys.entries()) {
      for (const end of [true, false]) {
        cache.begin(key);
        for (const [other, otherKey] of keys.entries())
          if (other < index) assert.equal(cache.get(otherKey, 0)?.row?.value, `${other}`);
        cache.end(key, end ? cached('else') : cached(`${index}`));
      }
    }
    assert.deepEqual(
      keys.map((key) => cache.get(key, 0)?.row?.value),
      ['0', '1', '2', '3', '4'],
    );
  });
});

type Act = { readonly sort: string; readonly do: 'put' | 'insert' | 'replace' | 'delete' | 'remove' | 'read' };

test('reads of the embedded store see what its writes left, however they overlap', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'skylark-cache-'));
  const store = await openSqliteStore(folder, { clock: systemClock });
  t.after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  let run = 0;
  const act = fc.record({
    sort: fc.constantFrom('a', 'b'),
    do: fc.constantFrom<Act['do']>('put', 'insert', 'replace', 'delete', 'remove', 'read'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(act, { maxLength: 6 }), { maxLength: 4 }), async (rounds) => {
      const partition = `run ${run++}`;
      for (const round of rounds) {
        await Promise.all(round.map((each, index) => perform(each, `${index}`)));
        for (const sort of ['a', 'b']) {
          const [row] = await store.query({ table: 'core', partition, prefix: sort, limit: 1, ...consistent });
          assert.deepEqual(await store.get({ table: 'core', partition, sort }, consistent), row);
        }
      }
      async function perform({ sort, do: kind }: Act, value: string): Promise<void> {
        const key = { table: 'core', partition, sort } as const;
        try {
          if (kind === 'put') await store.batchPut([{ ...key, value }]);
          else if (kind === 'insert') await store.put({ ...key, value }, 'absent');
          else if (kind === 'delete') await store.delete(key);
          else if (kind === 'remove') await store.batchDelete([key]);
          else {
            const row = await store.get(key, consistent);
            if (kind === 'replace' && row) await store.put({ ...key, value }, { version: row.version });
          }
        } catch (error) {
          if (!(error instanceof Conflict)) throw error;
        }
      }
    }),
    { numRuns: 60 },
  );
});
