/** A part of the Store port's contract, for stores that keep an index of words: what is found, in which order, and by whom. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { portLimits } from '../../lib/ports/limits.ts';
import type { Put, Search } from '../../lib/ports/store.ts';
import { wordsToFind } from '../../lib/xmpp/words.ts';
import { consistent, type Subject } from './store-subject.ts';

export function searchTests(on: Subject): void {
  const { freshPartition } = on;

  const search = async (partition: string, text: string, rest: Partial<Search> = {}): Promise<string[]> => {
    const words = [...wordsToFind(text, 100)];
    const interval = { fromMs: 0, untilMs: 10_000, limit: 100, words };
    return (await on.store.search!({ partition, ...interval, ...rest })).map(({ sort }) => sort);
  };
  const put = (partition: string, sort: string, text: string, atMs = 0, rest: Partial<Put> = {}): Put => ({
    ...{ table: 'archive', partition, sort, value: `value of ${sort}`, text: { text, atMs } },
    ...rest,
  });
  /** Writes rows, and waits until the last of them is found. */
  const fill = async (partition: string, rows: readonly Put[]): Promise<void> => {
    await on.store.batchPut([...rows, put(partition, 'zz', 'sentinel', 10_000)]);
    const version = async () => (await on.store.get({ table: 'archive', partition, sort: 'zz' }, consistent))?.version;
    assert.ok(await version());
    while (!(await search(partition, 'sentinel')).includes('zz')) await pause(20);
  };

  describe('searches', { concurrency: true }, () => {
    test('find rows that have all words, whole, whatever the case and the diacritics', async () => {
      const partition = freshPartition();
      await fill(partition, [
        put(partition, 'm/1', 'Wherefore art thou, Roméo?', 1),
        put(partition, 'm/2', 'romeos ROMEO’S art', 2),
        put(partition, 'm/3', 'nothing of the kind', 3),
        put(partition, 'm/4', '我喜欢北京烤鸭', 4),
        put(partition, 'm/5', '京都の北', 5),
      ]);
      for (const [text, found] of [
        ['romeo', ['m/1', 'm/2']],
        ['ROMÉO art', ['m/1', 'm/2']],
        ['romeo wherefore', ['m/1']],
        ['rome', []],
        ['kind nothing the', ['m/3']],
        ['北京', ['m/4']],
        ['北', ['m/4', 'm/5']],
        ['北京 京都', []],
      ] as const) {
        assert.deepEqual(await search(partition, text), found, text);
      }
    });

    test('find rows of the first and of the last time that there is', async () => {
      const partition = freshPartition();
      const lastMs = portLimits.storeTextMsMax;
      await fill(partition, [put(partition, 'm/1', 'first romeo', 0), put(partition, 'm/2', 'last romeo', lastMs)]);
      assert.deepEqual(await search(partition, 'romeo', { untilMs: lastMs }), ['m/1', 'm/2']);
      assert.deepEqual(await search(partition, 'romeo', { untilMs: lastMs - 1 }), ['m/1']);
      assert.deepEqual(await search(partition, 'romeo', { fromMs: lastMs, untilMs: lastMs }), ['m/2']);
    });

    test('take no words for syntax', async () => {
      const partition = freshPartition();
      await fill(partition, [put(partition, 'm/1', 'this and that', 1), put(partition, 'm/2', 'this', 2)]);
      for (const [text, found] of [
        ['this AND that', ['m/1']],
        ['this OR that', []],
        ['this NOT that', []],
        ['th*', []],
        ['"this" -that', ['m/1']],
        ['words:this', []],
        ['NEAR(this that)', []],
        ['this" OR "that', []],
        ["this'; DROP TABLE archive; --", []],
        ['^this', ['m/1', 'm/2']],
        ['this\u0000that', ['m/1']],
      ] as const) {
        assert.deepEqual(await search(partition, text), found, text);
      }
    });

    test('stay in their partition, also where another one is called alike', async () => {
      const [one, other] = [freshPartition(), freshPartition()];
      await fill(one, [put(one, 'm/1', 'secret', 1)]);
      await fill(other, [put(other, 'm/2', 'secret', 1), put(`${other}/x`, 'm/3', 'secret', 1)]);
      assert.deepEqual(await search(one, 'secret'), ['m/1']);
      assert.deepEqual(await search(other, 'secret'), ['m/2']);
      assert.deepEqual(await search(freshPartition(), 'secret'), []);
    });

    test('come in the order of sort keys, within every interval, in pages of every size, whenever they were written', async () => {
      const partition = freshPartition();
      const sorts = Array.from({ length: 40 }, (_, index) => `m/${`${index}`.padStart(2, '0')}`);
      // Rows of one millisecond stand together; they are written in another order than that of their keys.
      const rows = sorts.map((sort, index) => put(partition, sort, 'word', Math.floor(index / 7)));
      const shuffled = rows.toSorted((one, two) => (one.sort.slice(3) < two.sort.slice(3) ? -1 : 1));
      await fill(partition, shuffled.slice(0, 15));
      await fill(partition, shuffled.slice(15));
      assert.deepEqual(await search(partition, 'word'), sorts);
      assert.deepEqual(await search(partition, 'word', { direction: 'backward' }), sorts.toReversed());
      assert.deepEqual(await search(partition, 'word', { after: 'm/05', before: 'm/30' }), sorts.slice(6, 30));
      assert.deepEqual(await search(partition, 'word', { fromMs: 1, untilMs: 3 }), sorts.slice(7, 28));
      assert.deepEqual(await search(partition, 'word', { prefix: 'n/' }), []);
      for (const limit of [1, 3, 6, 7, 39]) {
        for (const direction of ['forward', 'backward'] as const) {
          const found: string[] = [];
          for (;;) {
            const last = found.at(-1);
            const page = direction === 'forward' ? { after: last } : { before: last };
            const next = await search(partition, 'word', { limit, direction, ...(last !== undefined && page) });
            found.push(...next);
            if (next.length < limit) break;
          }
          assert.deepEqual(found, direction === 'forward' ? sorts : sorts.toReversed(), `${limit} ${direction}`);
        }
      }
    });

    test('more rows of one millisecond than a page has are all found', async () => {
      const partition = freshPartition();
      const sorts = Array.from({ length: 150 }, (_, index) => `m/${`${index}`.padStart(3, '0')}`);
      await fill(
        partition,
        sorts.toReversed().map((sort) => put(partition, sort, 'word', 5)),
      );
      assert.deepEqual(await search(partition, 'word', { limit: 2 }), sorts.slice(0, 2));
      assert.deepEqual(await search(partition, 'word', { limit: 2, direction: 'backward' }), sorts.slice(-2).toReversed());
      assert.deepEqual(await search(partition, 'word', { limit: 200 }), sorts);
    });

    test('do not find what was deleted, overwritten, or has expired, also when it had not been filed', async () => {
      const partition = freshPartition();
      const { store, clock } = on;
      const names = ['deleted', 'removed', 'over', 'conditional', 'stays'];
      const expiring = put(partition, 'expiring', 'word', 1, { expiresAtMs: clock.now() + 5_000 });
      const round = async (): Promise<void> => {
        await store.delete({ table: 'archive', partition, sort: 'deleted' });
        await store.batchDelete([{ table: 'archive', partition, sort: 'removed' }]);
        await store.batchPut([{ table: 'archive', partition, sort: 'over', value: 'other' }]);
        const row = await store.get({ table: 'archive', partition, sort: 'conditional' }, consistent);
        await store.put({ table: 'archive', partition, sort: 'conditional', value: 'other' }, { version: row!.version });
      };
      await fill(partition, [...names.map((sort) => put(partition, sort, 'word', 1)), expiring]);
      assert.deepEqual(await search(partition, 'word'), [...names, 'expiring'].toSorted());
      await round();
      clock.advance(6_000);
      assert.deepEqual(await search(partition, 'word'), ['stays']);
      await store.batchPut(names.map((sort) => put(partition, sort, 'later', 1)));
      await round();
      await fill(partition, []);
      assert.deepEqual(await search(partition, 'later'), ['stays']);
      assert.deepEqual(await search(partition, 'word'), []);
    });

    test('find a row by its last text, also when the same is written again', async () => {
      const partition = freshPartition();
      await fill(partition, [put(partition, 'm/1', 'first', 1)]);
      await fill(partition, [put(partition, 'm/1', 'second', 1)]);
      await fill(partition, [put(partition, 'm/1', 'second', 1), put(partition, 'm/1', 'second', 1)]);
      assert.deepEqual(await search(partition, 'first'), []);
      assert.deepEqual(await search(partition, 'second'), ['m/1']);
    });

    test('find rows that were added to the index later, and not those that were taken out or have changed meanwhile', async () => {
      const partition = freshPartition();
      const { store } = on;
      const sorts = ['added', 'taken', 'changed'];
      await fill(partition, [put(partition, 'taken', 'word', 1)]);
      await store.batchPut(sorts.slice(0, 1).map((sort) => ({ table: 'archive', partition, sort, value: 'v' })));
      const versions = new Map<string, string>();
      for (const sort of ['added', 'taken']) {
        versions.set(sort, (await store.get({ table: 'archive', partition, sort }, consistent))!.version);
      }
      await store.batchPut([{ table: 'archive', partition, sort: 'changed', value: 'v' }]);
      await store.index!([
        { table: 'archive', partition, sort: 'added', version: versions.get('added')!, text: { text: 'word', atMs: 1 } },
        { table: 'archive', partition, sort: 'taken', version: versions.get('taken')!, text: { text: '', atMs: 1 } },
        { table: 'archive', partition, sort: 'changed', version: 'another', text: { text: 'word', atMs: 1 } },
        { table: 'archive', partition, sort: 'absent', version: 'another', text: { text: 'word', atMs: 1 } },
      ]);
      await fill(partition, []);
      assert.deepEqual(await search(partition, 'word'), ['added']);
    });

    test('texts of any length and kind can be written, and are found by what comes first', async () => {
      const partition = freshPartition();
      const long = Array.from({ length: 5_000 }, (_, index) => `w${index}`).join(' ');
      const awkward = ['', ' ', '\u0000', '!!!', '\ufffd', '👍🏽', 'ﷺ', 'a'.repeat(60_000), long];
      await fill(
        partition,
        awkward.map((text, index) => put(partition, `m/${index}`, text, index)),
      );
      assert.deepEqual(await search(partition, 'a'.repeat(100)), ['m/7']);
      assert.deepEqual(await search(partition, 'w0 w500'), ['m/8']);
      assert.deepEqual(await search(partition, 'w4999'), []);
    });

    test('texts of other tables, times that do not fit, and searches for nothing are refused', async () => {
      const partition = freshPartition();
      const text = { text: 'word', atMs: 1 };
      for (const row of [
        { table: 'core', partition, sort: 's', value: 'v', text },
        { table: 'archive', partition, sort: 's', value: 'v', text: { ...text, atMs: -1 } },
        { table: 'archive', partition, sort: 's', value: 'v', text: { ...text, atMs: 2 ** 42 } },
        { table: 'archive', partition, sort: 's', value: 'v', text: { ...text, atMs: 1.5 } },
      ] as const) {
        await assert.rejects(async () => on.store.batchPut([row]), RangeError);
      }
      await assert.rejects(() => search(partition, ''), RangeError);
    });
  });
}
