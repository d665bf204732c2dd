/** The index of words in the file of the embedded store: what stands in it, and what becomes of it when programs start, stop and change. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { checkDatabase, copyDatabase } from '../../lib/adapters/sqlite-backup.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import type { Put, Store } from '../../lib/ports/store.ts';
import { setClock } from '../contracts/store.contract.ts';

const partitions = ['a.example/a/juliet', 'b.example/a/juliet'];

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'skylark-words-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const message = (partition: string, number: number, text: string): Put => ({
  ...{ table: 'archive', partition, sort: `m/${`${number}`.padStart(4, '0')}`, value: `{"xml":"${text}"}` },
  text: { text, atMs: number },
});

async function find(store: Store, partition: string, word: string): Promise<string[]> {
  const rows = await store.search!({ partition, words: [word], fromMs: 0, untilMs: 10_000, limit: 1_000 });
  return rows.map(({ sort }) => sort);
}

async function filed(store: Store, partition: string, word: string, count: number): Promise<void> {
  while ((await find(store, partition, word)).length !== count) await pause(20);
}

/** Rows of each table of the index, read by nobody's program. */
function counts(path: string): Record<string, number> {
  const db = new DatabaseSync(path, { readOnly: true });
  const count = (table: string) => db.prepare(`SELECT count(*) AS rows FROM ${table}`).get()!.rows as number;
  const found = Object.fromEntries(
    ['archive', 'archive_text', 'archive_rank', 'archive_words_docsize'].map((name) => [name, count(name)]),
  );
  db.close();
  return found;
}

test('nothing of a row stays in the index when it is deleted, swept or overwritten, filed or not', async (t) => {
  const folder = await makeFolder(t);
  const clock = setClock();
  const store = await openSqliteStore(folder, { clock });
  t.after(() => store.close());
  const [one, other] = partitions as [string, string];
  const rows = partitions.flatMap((partition) => Array.from({ length: 20 }, (_, number) => message(partition, number, 'word')));
  await store.batchPut(rows.map((row) => ({ ...row, expiresAtMs: clock.now() + (row.partition === other ? 5_000 : 3_600_000) })));
  await filed(store, one, 'word', 20);
  await filed(store, other, 'word', 20);
  await store.batchPut([message(one, 100, 'late'), message(one, 101, 'late')]);
  await store.batchDelete(rows.slice(0, 10));
  await store.delete(rows[10]!);
  await store.batchPut(rows.slice(11, 20).map(({ text: _, ...row }) => row));
  await store.batchDelete([message(one, 100, 'late')]);
  await filed(store, one, 'late', 1);
  clock.advance(6_000);
  const path = join(folder, 'skylark.db');
  const left = { archive: 10, archive_text: 0, archive_rank: 1, archive_words_docsize: 1 };
  for (let tries = 0; tries < 1_000 && counts(path).archive !== left.archive; tries++) await pause(20);
  assert.deepEqual(counts(path), left);
  checkDatabase(path);
});

test('texts that waited when the program ended are filed when it starts again, and a copy of the file has the index', async (t) => {
  const folder = await makeFolder(t);
  const clock = setClock();
  const first = await openSqliteStore(folder, { clock });
  await first.batchPut([message(partitions[0]!, 1, 'warm up')]);
  await filed(first, partitions[0]!, 'warm', 1);
  await first.batchPut(Array.from({ length: 1_200 }, (_, number) => message(partitions[0]!, number + 2, 'word')));
  await first.close();
  assert.ok(counts(join(folder, 'skylark.db')).archive_text! > 0);
  const second = await openSqliteStore(folder, { clock });
  t.after(() => second.close());
  while (counts(join(folder, 'skylark.db')).archive_text! > 0) await pause(20);
  assert.equal((await find(second, partitions[0]!, 'word')).length, 1_000);
  const copy = join(folder, 'copy', 'skylark.db');
  const { mkdirSync } = await import('node:fs');
  mkdirSync(join(folder, 'copy'));
  copyDatabase(folder, copy);
  assert.equal(checkDatabase(copy).archive, 1_201);
  const third = await openSqliteStore(join(folder, 'copy'), { clock });
  t.after(() => third.close());
  assert.deepEqual(await find(third, partitions[0]!, 'word'), await find(second, partitions[0]!, 'word'));
});

test('a file of an older program gets the index, and one that such a program has written to meanwhile is right', async (t) => {
  const folder = await makeFolder(t);
  const path = join(folder, 'skylark.db');
  const clock = setClock();
  const first = await openSqliteStore(folder, { clock });
  await first.batchPut([
    message(partitions[0]!, 1, 'word'),
    message(partitions[0]!, 2, 'word'),
    message(partitions[0]!, 3, 'word'),
  ]);
  await filed(first, partitions[0]!, 'word', 3);
  await first.close();
  // What a program does that knows the table alone.
  const older = new DatabaseSync(path);
  older.exec(`UPDATE archive SET value = 'other', version = 'x' WHERE sort = 'm/0001'; DELETE FROM archive WHERE sort = 'm/0002';
    INSERT INTO archive (partition, sort, value, version) VALUES ('${partitions[0]}', 'm/0004', '{"xml":"word"}', 'y')`);
  older.close();
  const second = await openSqliteStore(folder, { clock });
  assert.deepEqual(await find(second, partitions[0]!, 'word'), ['m/0003']);
  await second.close();
  const before = new DatabaseSync(path);
  before.exec(`DROP TRIGGER archive_deleted; DROP TRIGGER archive_changed; DROP TABLE archive_text; DROP TABLE archive_rank;
    DROP TABLE archive_words`);
  before.close();
  const third = await openSqliteStore(folder, { clock });
  t.after(() => third.close());
  await third.batchPut([message(partitions[1]!, 5, 'word')]);
  await filed(third, partitions[1]!, 'word', 1);
  assert.deepEqual(await find(third, partitions[0]!, 'word'), []);
});
