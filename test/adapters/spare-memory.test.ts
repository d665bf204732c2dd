/** Memory that goes to the writing thread and comes back is used again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { SpareMemory } from '../../lib/adapters/spare-memory.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';

const { sqliteBatchBytesMax, sqliteBatchBytesMin, sqliteSpareMax } = adapterLimits;

test('what comes back is taken again, while it is as large as what is needed of late', () => {
  const memory = new SpareMemory();
  const first = memory.take();
  assert.equal(first.length, sqliteBatchBytesMin);
  memory.giveBack([first.buffer]);
  assert.equal(memory.take().buffer, first.buffer);
  memory.giveBack([first.buffer]);
  memory.used(10 * sqliteBatchBytesMin);
  const larger = memory.take();
  assert.equal(larger.length, 10 * sqliteBatchBytesMin);
  memory.used(100);
  memory.giveBack([larger.buffer]);
  assert.equal(memory.take().buffer, larger.buffer);
});

test('nobody gets what another one has', () => {
  const memory = new SpareMemory();
  const taken = [memory.take(), memory.take()];
  memory.giveBack(taken.map(({ buffer }) => buffer));
  const again = [memory.take(), memory.take(), memory.take()];
  assert.equal(new Set(again.map(({ buffer }) => buffer)).size, 3);
});

test('only some are kept, and none that is larger than a batch', () => {
  const memory = new SpareMemory();
  const all = Array.from({ length: sqliteSpareMax + 5 }, () => new ArrayBuffer(sqliteBatchBytesMin));
  memory.giveBack([new ArrayBuffer(2 * sqliteBatchBytesMax + 1), ...all]);
  const taken = Array.from({ length: all.length + 1 }, () => memory.take().buffer);
  assert.equal(taken.filter((one) => all.includes(one)).length, sqliteSpareMax);
  assert.ok(taken.every(({ byteLength }) => byteLength === sqliteBatchBytesMin));
});

test('rows of writes large and small, side by side, are what was written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-spare-'));
  const store = await openSqliteStore(folder, { clock });
  const textOf = (index: number) => String.fromCharCode(0x61 + (index % 26)).repeat(1 + ((index * 7_919) % 30_000));
  const keyOf = (index: number) => ({ table: 'archive', partition: 'a', sort: `${index}` }) as const;
  for (let round = 0; round < 20; round++) {
    const writing = Array.from({ length: 30 }, async (_, at) => {
      const index = round * 30 + at;
      if (at % 7 === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
      await store.put({ ...keyOf(index), value: textOf(index) });
    });
    await Promise.all(writing);
  }
  const keys = Array.from({ length: 600 }, (_, index) => keyOf(index));
  const rows = await store.batchGet(keys, { consistent: true });
  for (const [index, row] of rows.entries()) assert.equal(row?.value, textOf(index));
  await store.close();
  rmSync(folder, { recursive: true });
});
