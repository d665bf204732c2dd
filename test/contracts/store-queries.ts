/** A part of the Store port's contract. Queries: the order of rows, bounds, limits. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { awkward, type Subject } from './store-subject.ts';

export function queryTests(on: Subject): void {
  const { freshPartition, query, sorts, fill } = on;

  describe('queries', () => {
    test('rows come in the order of the bytes of UTF-8, and backward', async () => {
      const partition = await fill(awkward);
      const ordered = awkward.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await sorts(partition), ordered);
      assert.deepEqual(await sorts(partition, { direction: 'backward' }), ordered.toReversed());
      assert.deepEqual(await sorts(partition, { direction: 'forward', consistent: false }), ordered);
    });

    test('each bound, alone and with others, keeps exactly the rows within it', async () => {
      const partition = await fill(awkward);
      const astral = on.quirks.noAstralBounds ? [] : ['\u{10000}', '\u{10ffff}'];
      const bounds = [undefined, '', 'a', 'a\u0000', 'aa', '\u00e9', '\ud7ff', '\uffff', ...astral, 'zz'];
      const ordered = awkward.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const isLess = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
      for (const prefix of [undefined, '', 'a', 'a\u0000', '\ud7ff', ...astral, 'none']) {
        const checks = bounds.flatMap((after) =>
          bounds.map(async (before) => {
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
          }),
        );
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
      assert.deepEqual(
        pages.map((page) => page.length),
        [10, 10, 5],
      );
      assert.deepEqual(pages.flat(), keys);
      assert.deepEqual(await sorts(partition, { before: 'k05', direction: 'backward', limit: 2 }), ['k04', 'k03']);
    });

    test('a page of rows that are large for the engine is filled completely', async () => {
      const partition = freshPartition();
      const rows = Array.from({ length: 12 }, (_, i) => ({
        table: 'core' as const,
        partition,
        sort: `k${10 + i}`,
        value: 'x'.repeat(300_000),
      }));
      await on.store.batchPut(rows);
      assert.deepEqual(
        await sorts(partition, { limit: 11, direction: 'backward' }),
        rows
          .map(({ sort }) => sort)
          .toReversed()
          .slice(0, 11),
      );
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
}
