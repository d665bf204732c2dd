import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { FolderInUse, NewerSchema, openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { portLimits } from '../../lib/ports/limits.ts';
import { Conflict, type Store, Unavailable } from '../../lib/ports/store.ts';
import { setClock, storeContract } from '../contracts/store.contract.ts';
import type { ChildOrder, ChildReport } from './sqlite-child.ts';

const consistent = { consistent: true } as const;
const keepsWords = { keepsWords: true };

storeContract(
  'SQLite',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skylark-store-'));
    const clock = setClock();
    const store = await openSqliteStore(folder, { clock });
    const close = async () => {
      await store.close();
      await rm(folder, { recursive: true });
    };
    return { store, clock, close };
  },
  keepsWords,
);

storeContract(
  'SQLite, written by one and read by another that shares it',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skylark-store-'));
    const clock = setClock();
    const writer = await openSqliteStore(folder, { clock, isShared: true });
    const reader = await openSqliteStore(folder, { clock, isShared: true });
    const close = async () => {
      await Promise.all([writer.close(), reader.close()]);
      await rm(folder, { recursive: true });
    };
    const store: Store = {
      get: (key, options) => reader.get(key, options),
      batchGet: (keys, options) => reader.batchGet(keys, options),
      query: (query) => reader.query(query),
      put: (row, condition) => writer.put(row, condition),
      batchPut: (rows) => writer.batchPut(rows),
      batchDelete: (keys) => writer.batchDelete(keys),
      delete: (key, condition) => writer.delete(key, condition),
      add: (key, by) => writer.add(key, by),
      search: (search) => reader.search!(search),
      index: (rows) => writer.index!(rows),
      close: async () => {
        await Promise.all([writer.close(), reader.close()]);
      },
    };
    return { store, clock, close };
  },
  keepsWords,
);

describe('stores that share a folder', () => {
  test('count together, and only one of them wins a row', async (t) => {
    const folder = await makeFolder(t);
    const shared = { clock: systemClock, isShared: true };
    const stores = await Promise.all(Array.from({ length: 3 }, () => openSqliteStore(folder, shared)));
    const counter = { table: 'core', partition: 'p', sort: 'counter' } as const;
    const row = { table: 'live', partition: 'p', sort: 'row', value: 'v' } as const;
    const work = stores.map(async (store) => {
      for (let round = 0; round < 50; round++) await store.add(counter, 1);
      try {
        await store.put(row, 'absent');
        return 1;
      } catch (error) {
        assert.ok(error instanceof Conflict);
        return 0;
      }
    });
    assert.equal(
      (await Promise.all(work)).reduce<number>((sum, won) => sum + won, 0),
      1,
    );
    for (const store of stores) assert.equal((await store.get(counter, consistent))?.value, '150');
    await Promise.all(stores.map((store) => store.close()));
  });
});

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'skylark-store-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function sortsOf(store: Store, partition: string): Promise<string[]> {
  const sorts: string[] = [];
  for (;;) {
    const after = sorts.at(-1);
    const rows = await store.query({
      table: 'core',
      partition,
      limit: 1_000,
      ...consistent,
      ...(after !== undefined && { after }),
    });
    sorts.push(...rows.map(({ sort }) => sort));
    if (rows.length < 1_000) return sorts;
  }
}

class Child {
  readonly process: ChildProcess;
  readonly reports: ChildReport[] = [];

  constructor(t: TestContext, folder: string) {
    this.process = fork(new URL('./sqlite-child.ts', import.meta.url), [folder], { execArgv: ['--no-warnings'] });
    this.process.on('message', (report: ChildReport) => this.reports.push(report));
    t.after(() => this.kill());
  }

  tell(order: ChildOrder): void {
    this.process.send(order);
  }

  async hear(count: number): Promise<void> {
    while (this.reports.length < count) await once(this.process, 'message', { signal: AbortSignal.timeout(10_000) });
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}

describe('SQLite with one process', () => {
  test('rows, versions and counters outlive the store, and new versions are new', async (t) => {
    const folder = await makeFolder(t);
    const key = { table: 'core', partition: 'p', sort: 's' } as const;
    const first = await openSqliteStore(folder, { clock: systemClock });
    const version = await first.put({ ...key, value: 'kept' });
    await first.add({ ...key, sort: 'count' }, 41);
    await first.close();
    const second = await openSqliteStore(folder, { clock: systemClock });
    t.after(() => second.close());
    assert.deepEqual(await second.get(key, consistent), { partition: 'p', sort: 's', value: 'kept', version });
    assert.equal(await second.add({ ...key, sort: 'count' }, 1), 42);
    assert.notEqual(await second.put({ ...key, value: 'kept' }, { version }), version);
  });

  test('kill -9 under load loses nothing that was acknowledged, keeps the order, and the folder can be opened at once', async (t) => {
    const folder = await makeFolder(t);
    const child = new Child(t, folder);
    await child.hear(1);
    child.tell({ kind: 'load', writers: 50 });
    await child.hear(3_000);
    await child.kill();
    const acknowledged = child.reports.filter((report) => 'put' in report).map(({ put }) => put);
    assert.ok(acknowledged.length >= 2_999);
    const store = await openSqliteStore(folder, { clock: systemClock });
    t.after(() => store.close());
    for (let from = 0; from < acknowledged.length; from += 1_000) {
      const sorts = acknowledged.slice(from, from + 1_000);
      const rows = await store.batchGet(
        sorts.map((sort) => ({ table: 'core', partition: 'load', sort })),
        consistent,
      );
      assert.deepEqual(
        rows.map((row) => row?.value),
        sorts.map((sort) => `value of ${sort}`),
      );
    }
    assert.equal(store.keepsOrder, true);
    const there = await sortsOf(store, 'load');
    assert.ok(there.length >= acknowledged.length);
    // A later write is never there without the earlier ones: no number is missing.
    assert.deepEqual(
      there.map(Number).sort((a, b) => a - b),
      there.map((_, index) => index),
    );
  });

  test('a second opening fails at once and names the folder and the process', async (t) => {
    const folder = await makeFolder(t);
    const child = new Child(t, folder);
    await child.hear(1);
    const isHeldBy = (pid: number | undefined) => (error: unknown) =>
      error instanceof FolderInUse && error.pid === pid && error.message.includes(folder) && error.message.includes(`${pid}`);
    await assert.rejects(openSqliteStore(folder, { clock: systemClock }), isHeldBy(child.process.pid));
    await child.kill();
    const store = await openSqliteStore(folder, { clock: systemClock });
    await assert.rejects(openSqliteStore(folder, { clock: systemClock }), isHeldBy(process.pid));
    assert.equal(
      await store.put({ table: 'core', partition: 'p', sort: 's', value: 'x' }, 'absent').then(() => 'unharmed'),
      'unharmed',
    );
    await assert.rejects(openSqliteStore(folder, { clock: systemClock }), FolderInUse);
    await store.close();
    await (await openSqliteStore(folder, { clock: systemClock })).close();
  });

  test('a file of a newer program is left alone, and the folder is free again', async (t) => {
    const folder = await makeFolder(t);
    await (await openSqliteStore(folder, { clock: systemClock })).close();
    const db = new DatabaseSync(join(folder, 'skylark.db'));
    db.exec('PRAGMA user_version = 99');
    for (let i = 0; i < 2; i++) await assert.rejects(openSqliteStore(folder, { clock: systemClock }), NewerSchema);
    db.exec('PRAGMA user_version = 1');
    db.close();
    await (await openSqliteStore(folder, { clock: systemClock })).close();
  });

  test('a file of an older program, whose values are text, is taken over: read, changed, counted on and swept', async (t) => {
    const folder = await makeFolder(t);
    await (await openSqliteStore(folder, { clock: systemClock })).close();
    const db = new DatabaseSync(join(folder, 'skylark.db'));
    db.exec(`INSERT INTO core (partition, sort, value, version) VALUES
      ('p', 'changed', 'été', 'v.1'), ('p', 'deleted', 'x', 'v.2'), ('p', 'kept', '{"a":"ü"}', 'v.3'), ('p', 'count', 41, 'v.4')`);
    db.exec(`INSERT INTO archive (partition, sort, value, version, expires) VALUES ('p', 'gone', 'x', 'v.5', 1000)`);
    db.exec('PRAGMA user_version = 1');
    db.close();
    const store = await openSqliteStore(folder, { clock: systemClock });
    const all = { table: 'core', partition: 'p', limit: 10, ...consistent } as const;
    const key = (sort: string) => ({ table: 'core', partition: 'p', sort }) as const;
    assert.deepEqual(await store.get(key('kept'), consistent), {
      ...{ partition: 'p', sort: 'kept' },
      value: '{"a":"ü"}',
      version: 'v.3',
    });
    assert.deepEqual(
      (await store.query(all)).map(({ value }) => value),
      ['été', '41', 'x', '{"a":"ü"}'],
    );
    assert.equal(await store.get({ table: 'archive', partition: 'p', sort: 'gone' }, consistent), undefined);
    await store.put({ ...key('changed'), value: 'été 2' }, { version: 'v.1' });
    assert.equal(await store.delete(key('deleted'), { version: 'v.2' }), true);
    assert.equal(await store.add(key('count'), 1), 42);
    await store.close();
    const again = await openSqliteStore(folder, { clock: systemClock });
    t.after(() => again.close());
    assert.deepEqual(
      (await again.query(all)).map(({ value }) => value),
      ['été 2', '42', '{"a":"ü"}'],
    );
  });

  const hasPrlimit = process.platform === 'linux' && canRun('prlimit');
  const skip = hasPrlimit ? false : 'there is no prlimit to take space from a process';
  test('without space writes fail as Unavailable, and work again when there is space', { skip }, async (t) => {
    const folder = await makeFolder(t);
    const child = new Child(t, folder);
    await child.hear(1);
    const limitFiles = (bytes: string) =>
      execFileSync('prlimit', ['--pid', `${child.process.pid}`, `--fsize=${bytes}:unlimited`]);
    const putMany = async (name: string) => {
      const from = child.reports.length;
      for (let i = 0; i < 40; i++) child.tell({ kind: 'put', sort: `${name}${i}`, valueBytes: 100_000 });
      await child.hear(from + 40);
      const reports = child.reports.slice(from);
      const failed = reports.filter((report) => 'failed' in report);
      return { put: reports.filter((report) => 'put' in report).map(({ put }) => put), failed };
    };
    const before = await putMany('before');
    assert.equal(before.failed.length, 0);
    limitFiles('1000000');
    const during = await putMany('during');
    assert.ok(during.failed.length > 0);
    for (const { name } of during.failed) assert.equal(name, 'Unavailable');
    limitFiles('unlimited');
    const after = await putMany('after');
    assert.equal(after.failed.length, 0);
    await child.kill();
    const store = await openSqliteStore(folder, { clock: systemClock });
    t.after(() => store.close());
    const rows = await store.query({ table: 'core', partition: 'disk', limit: 1_000, ...consistent });
    assert.deepEqual(
      rows.map(({ sort }) => sort),
      [...before.put, ...during.put, ...after.put].sort(),
    );
  });
});

function canRun(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('SQLite and its bounds', () => {
  test('expired rows are removed from the file, slice by slice, and the others stay', async (t) => {
    const folder = await makeFolder(t);
    const timers: { delayMs: number; run: () => void }[] = [];
    let now = 1_000_000_000_000;
    const clock: Clock = {
      ...systemClock,
      now: () => now,
      after(delayMs, run) {
        timers.push({ delayMs, run });
        return { cancel() {} };
      },
    };
    const store = await openSqliteStore(folder, { clock });
    t.after(() => store.close());
    const count = adapterLimits.sqliteSweepRowsMax + 100;
    const rows = Array.from(
      { length: count },
      (_, i) => ({ table: 'archive', partition: 'p', sort: `${i}`, value: 'v', expiresAtMs: now + 1_000 }) as const,
    );
    await store.batchPut(rows);
    await store.put({ table: 'archive', partition: 'p', sort: 'later', value: 'v', expiresAtMs: now + 100_000 });
    await store.put({ table: 'core', partition: 'p', sort: 'ever', value: 'v' });
    now += 5_000;
    const file = new DatabaseSync(join(folder, 'skylark.db'), { readOnly: true });
    t.after(() => file.close());
    const left = () => file.prepare('SELECT (SELECT count(*) FROM archive) + (SELECT count(*) FROM core) AS n').get()!.n;
    const delays: number[] = [];
    const lefts: unknown[] = [left()];
    for (let round = 0; round < 2; round++) {
      timers.shift()!.run();
      while (timers.length === 0) await new Promise((resolve) => setImmediate(resolve));
      delays.push(timers[0]!.delayMs);
      lefts.push(left());
    }
    assert.deepEqual(lefts, [count + 2, 102, 2]);
    assert.deepEqual(delays, [adapterLimits.sqliteSweepBusyMs, adapterLimits.sqliteSweepMs]);
  });

  test('writes beyond the bound fail at once, and the waiting ones succeed', async (t) => {
    const folder = await makeFolder(t);
    const store = await openSqliteStore(folder, { clock: systemClock });
    t.after(() => store.close());
    const value = 'x'.repeat(portLimits.storeValueBytesMax);
    const count = Math.ceil(adapterLimits.storeWaitingBytesMax / portLimits.storeValueBytesMax) + 5;
    const puts = Array.from({ length: count }, (_, i) => store.put({ table: 'live', partition: 'p', sort: `${i}`, value }));
    const outcomes = await Promise.allSettled(puts);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.ok(failed.length >= 5 && failed.length < 10, `${failed.length} failed`);
    for (const { reason } of failed) assert.ok(reason instanceof Unavailable);
    await store.put({ table: 'live', partition: 'p', sort: 'after', value });
    assert.equal(
      (await store.query({ table: 'live', partition: 'p', limit: 1_000, ...consistent })).length,
      count - failed.length + 1,
    );
  });

  test('close waits for pending writes; afterwards every call is Unavailable', async (t) => {
    const folder = await makeFolder(t);
    const key = { table: 'core', partition: 'p', sort: 's' } as const;
    const store = await openSqliteStore(folder, { clock: systemClock });
    const puts = Array.from({ length: 100 }, (_, i) => store.put({ ...key, sort: `${i}`, value: 'v' }));
    await Promise.all([store.close(), store.close(), ...puts]);
    for (const call of [
      () => store.get(key, consistent),
      () => store.batchGet([key], consistent),
      () => store.query({ ...key, limit: 1, ...consistent }),
      () => store.put({ ...key, value: '' }),
      () => store.batchPut([{ ...key, value: '' }]),
      () => store.delete(key),
      () => store.add(key, 1),
    ])
      await assert.rejects(call(), Unavailable);
    const again = await openSqliteStore(folder, { clock: systemClock });
    t.after(() => again.close());
    assert.equal((await again.query({ ...key, limit: 1_000, ...consistent })).length, 100);
  });
});
