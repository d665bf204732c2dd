/** Old entries of audit logs go in their time, and what is left proves as much as before: whoever dies, and whatever is changed meanwhile. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Store } from '../../lib/ports/store.ts';
import { type AuditEntry, appendAudit } from '../../lib/runtime/audit.ts';
import { dropOldAudit } from '../../lib/runtime/audit-retention.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import type { PolicyKey } from '../../lib/runtime/policy/policy-key.ts';
import { policyKeys } from '../../lib/runtime/policy/tenant-policy.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { dropOldEntries } from '../../services/router/removal/old-audit.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

const dayMs = 24 * 60 * 60 * 1_000;

let clock: ReturnType<typeof steppedClock>;
let dependencies: EmbeddedDependencies;
let store: Store;
beforeEach(async () => {
  clock = steppedClock();
  dependencies = await embeddedDependencies({ clock });
  ({ store } = dependencies);
  for (const domain of ['a.example', 'b.example']) await dependencies.tenants.add(domain, {});
});
afterEach(() => dependencies.close());

/** Entries of a log, a day apart; the last is of now. */
async function write(domain: string | undefined, count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    if (number > 1) clock.advance(dayMs);
    await appendAudit(dependencies, domain, { by: 'operator', operation: 'motd-set', input: { number }, outcome: 'done' });
  }
}

interface Page {
  readonly entries: readonly AuditEntry[];
  readonly brokenAt?: number;
  readonly next?: number;
  readonly dropped?: { readonly number: number; readonly at: string; readonly hash: string };
}

async function pageOf(domain: string | undefined, given: object = {}): Promise<Page> {
  const operation = domain === undefined ? 'audit-list' : 'audit-tenant-list';
  const { ok, error, result } = await perform(dependencies, {
    ...{ kind: 'admin', operation },
    arguments: { ...(domain !== undefined && { domain }), ...given },
  });
  assert.ok(ok, error);
  return result as Page;
}

/** All pages, in either order. */
async function read(domain: string | undefined, order = 'oldest') {
  const numbers: number[] = [];
  let brokenAt: number | undefined;
  let dropped: Page['dropped'];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Page = await pageOf(domain, { after, order });
    numbers.push(...page.entries.map(({ number }) => number));
    brokenAt ??= page.brokenAt;
    ({ dropped } = page);
    after = page.next;
  }
  return { numbers, brokenAt, dropped: dropped?.number };
}

const upTo = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at);
/** A log that is whole, from its first entry on, in both orders. */
async function assertWhole(domain: string | undefined, first: number, last: number): Promise<void> {
  const dropped = first === 1 ? undefined : first - 1;
  const numbers = upTo(first, last);
  assert.deepEqual(await read(domain), { numbers, brokenAt: undefined, dropped });
  assert.deepEqual(await read(domain, 'newest'), { numbers: numbers.toReversed(), brokenAt: undefined, dropped });
}

const partition = (domain: string) => `${domain}/t`;
async function rowsOf(domain: string): Promise<number[]> {
  const rows = await store.query({
    table: 'core',
    partition: partition(domain),
    prefix: 'audit/',
    limit: 1_000,
    consistent: true,
  });
  return rows.map(({ sort }) => Number(sort.slice('audit/'.length)));
}
const drop = (domain: string, days: number) => dropOldAudit(store, domain, clock.now() - days * dayMs);
const keyOf = (domain: string, number: number) =>
  ({ table: 'core', partition: partition(domain), sort: `audit/${`${number}`.padStart(12, '0')}` }) as const;
const checkpoint = { table: 'core', partition: 'a.example/t', sort: 'audit-dropped/' } as const;

async function change(key: Parameters<Store['get']>[0], changed: object): Promise<void> {
  const row = await store.get(key, { consistent: true });
  await store.put({ ...key, value: JSON.stringify({ ...JSON.parse(row!.value), ...changed }) });
}

test('each tenant keeps its log for its time, the deployment for its own, and without a time all is kept', async () => {
  await write('a.example', 50);
  await write('b.example', 50);
  await write(undefined, 50);
  const deployment = { ...dependencies, auditDays: 20 };
  await dropOldEntries(deployment);
  await assertWhole('a.example', 1, 50);
  await assertWhole(undefined, 30, 50);
  await dependencies.tenants.setPolicy('a.example', { auditDays: 120 });
  await dropOldEntries(deployment);
  // Ninety-eight days passed after its newest entry, which is entry 50.
  await assertWhole('a.example', 28, 50);
  assert.deepEqual(await rowsOf('a.example'), upTo(28, 50));
  await assertWhole('b.example', 1, 50);
  await dependencies.tenants.setPolicy('b.example', { auditDays: 30 });
  await dropOldEntries(dependencies);
  await assertWhole('b.example', 50, 50);
  await assertWhole('a.example', 28, 50);
});

test('a log of many pages goes in one look, and is read behind its checkpoint from wherever somebody asks', async () => {
  const count = 3 * runtimeLimits.eraseRowsMax + 20;
  await write('a.example', count);
  assert.deepEqual(await drop('a.example', 110), { count: count - 111 });
  await assertWhole('a.example', count - 110, count);
  for (const after of [1, 50, count - 112, count - 111]) {
    const { entries, brokenAt } = await pageOf('a.example', { after });
    assert.deepEqual([entries[0]?.number, brokenAt], [count - 110, undefined], `after ${after}`);
  }
  for (const after of [count, count + 1, 10 * count])
    assert.deepEqual((await pageOf('a.example', { after })).brokenAt, undefined);
  for (const after of [1, count - 111, count - 110]) {
    const { entries, brokenAt, next } = await pageOf('a.example', { after, order: 'newest' });
    assert.deepEqual([entries.length, brokenAt, next], [0, undefined, undefined], `before ${after}`);
  }
  await write('a.example', 3);
  await assertWhole('a.example', count - 110, count + 3);
});

test('the newest entry stays however old it is, and the next one goes on from it', async () => {
  await write('a.example', 5);
  clock.advance(1_000 * dayMs);
  assert.deepEqual(await drop('a.example', 30), { count: 4 });
  assert.deepEqual(await drop('a.example', 30), { count: 0 });
  await write('a.example', 2);
  await assertWhole('a.example', 5, 7);
});

test('wherever a process dies, the log is whole, and the next one finishes', async () => {
  const { put, batchDelete } = { put: store.put.bind(store), batchDelete: store.batchDelete.bind(store) };
  const count = 2 * runtimeLimits.eraseRowsMax + 50;
  await write('a.example', count);
  let died = 0;
  // Each try dies at its first write that changes something, before or after it, or in its middle.
  for (const where of ['before', 'after', 'middle', 'after', 'before', 'middle'] as const) {
    const die = async (run: () => Promise<unknown>, half: () => Promise<unknown>): Promise<never> => {
      if (where !== 'before') await (where === 'after' ? run() : half());
      died++;
      throw new Error('the process has died');
    };
    store.put = (row, condition) =>
      die(
        () => put(row, condition),
        async () => {},
      );
    store.batchDelete = (keys) =>
      keys.length === 0
        ? batchDelete(keys)
        : die(
            () => batchDelete(keys),
            () => batchDelete(keys.filter((_, at) => at % 2 === 0)),
          );
    await assert.rejects(drop('a.example', 10));
    Object.assign(store, { put, batchDelete });
    const { numbers, brokenAt } = await read('a.example');
    assert.deepEqual([brokenAt, numbers.at(-1)], [undefined, count], where);
    assert.equal((await read('a.example', 'newest')).brokenAt, undefined, where);
  }
  assert.equal(died, 6);
  await drop('a.example', 10);
  await assertWhole('a.example', count - 10, count);
  assert.deepEqual(await rowsOf('a.example'), upTo(count - 10, count));
});

test('several routers drop at once while operators go on, and who reads meanwhile never sees a break', async () => {
  const count = 400;
  await write('a.example', count);
  let isOver = false;
  const reading = (async () => {
    const seen: unknown[] = [];
    while (!isOver) {
      for (const order of ['oldest', 'newest']) seen.push((await read('a.example', order)).brokenAt);
      await new Promise(setImmediate);
    }
    return seen;
  })();
  const facts = { by: 'operator', operation: 'motd-set', input: {}, outcome: 'done' };
  const appending = Array.from({ length: 20 }, () => appendAudit(dependencies, 'a.example', facts));
  const found = await Promise.all([300, 200, 100, 100, 50].map((days) => drop('a.example', days)));
  for (const days of [100, 50, 50]) found.push(await drop('a.example', days));
  await Promise.all(appending);
  isOver = true;
  const seen = await reading;
  assert.ok(seen.length > 4, `${seen.length} looks`);
  assert.deepEqual(new Set(seen), new Set([undefined]));
  assert.deepEqual(new Set(found.map(({ brokenAt }) => brokenAt)), new Set([undefined]));
  assert.equal(
    found.reduce((sum, one) => sum + one.count, 0),
    count - 51,
  );
  await assertWhole('a.example', count - 50, count + 20);
});

describe('it is found that', () => {
  const remove = (...numbers: readonly number[]) => store.batchDelete(numbers.map((number) => keyOf('a.example', number)));
  const hashOf = async (number: number) =>
    JSON.parse((await store.get(keyOf('a.example', number), { consistent: true }))!.value).hash;
  /** The log has the entries 31 to 60, and its checkpoint the hash of entry 30. */
  const cases: Readonly<Record<string, readonly [() => Promise<unknown>, number]>> = {
    'the first entry that is left was taken out': [() => remove(31), 31],
    'an entry behind was taken out': [() => remove(45), 45],
    'the first ones were taken out': [() => remove(...upTo(31, 40)), 31],
    'all were taken out': [() => remove(...upTo(31, 60)), 31],
    'the first entry was changed': [() => change(keyOf('a.example', 31), { by: 'nobody' }), 31],
    'the hash of the checkpoint was changed': [() => change(checkpoint, { hash: 'f'.repeat(64) }), 31],
    'the checkpoint was moved back': [() => change(checkpoint, { number: 20 }), 21],
    'the checkpoint was moved on without its hash': [() => change(checkpoint, { number: 40 }), 41],
    'the checkpoint was moved on behind the end': [() => change(checkpoint, { number: 60 }), 61],
    'the checkpoint was moved on with another hash': [async () => change(checkpoint, { number: 40, hash: await hashOf(39) }), 41],
    'the checkpoint was deleted': [() => store.delete(checkpoint), 1],
  };
  for (const [what, [tamper, entry]] of Object.entries(cases)) {
    test(what, async () => {
      await write('a.example', 60);
      await write('b.example', 60);
      await drop('a.example', 59 + 29);
      await assertWhole('a.example', 31, 60);
      await tamper();
      assert.equal((await read('a.example')).brokenAt, entry);
      assert.equal((await read('a.example', 'newest')).brokenAt, entry);
      await assertWhole('b.example', 1, 60);
      // The look finds it, too, and what is left stays as it is: also when more is written.
      const left = await rowsOf('a.example');
      assert.deepEqual(await drop('a.example', 1), { count: 0, brokenAt: entry });
      await appendAudit(dependencies, 'a.example', { by: 'operator', operation: 'motd-set', input: {}, outcome: 'done' });
      assert.equal((await read('a.example')).brokenAt, entry);
      assert.deepEqual((await rowsOf('a.example')).slice(0, left.length), left);
    });
  }

  test('a page begins behind an entry that is not there', async () => {
    await write('a.example', 60);
    await drop('a.example', 29);
    await remove(45);
    assert.equal((await pageOf('a.example', { after: 45 })).brokenAt, 45);
    assert.equal((await pageOf('a.example', { after: 46 })).brokenAt, undefined);
  });
});

test('what the store alone cannot show: the oldest entries are taken out, and the checkpoint is moved behind them with the right hash', async () => {
  await write('a.example', 60);
  await drop('a.example', 29);
  const { value } = (await store.get(keyOf('a.example', 40), { consistent: true }))!;
  const { number, at, hash } = JSON.parse(value) as AuditEntry;
  await change(checkpoint, { number, at, hash });
  await store.batchDelete(upTo(31, 40).map((one) => keyOf('a.example', one)));
  await assertWhole('a.example', 41, 60);
  // An export that somebody has kept shows it: the checkpoint names an entry whose time is not over.
  assert.ok(Date.parse((await pageOf('a.example')).dropped!.at) > clock.now() - 29 * dayMs);
});

test('a tenant that is removed leaves no checkpoint, nor does a look that is late, and a new one begins with entry 1', async () => {
  await write('a.example', 40);
  await dependencies.tenants.setPolicy('a.example', { auditDays: 30 });
  const tenant = (await dependencies.tenants.findAny('a.example'))!;
  const list = dependencies.tenants.list.bind(dependencies.tenants);
  // The look has its page of tenants when one of them goes.
  dependencies.tenants.list = async (...given) => {
    const page = await list(...given);
    await dependencies.tenants.remove(tenant);
    return page;
  };
  await dropOldEntries(dependencies);
  assert.equal(await store.get(checkpoint, { consistent: true }), undefined);
  assert.deepEqual(await rowsOf('a.example'), upTo(1, 40));
});

test('an owner says how long, and not less than a month: nobody makes their own traces go at once', async () => {
  assert.equal((policyKeys.auditDays as PolicyKey).needs, 'tenant.own');
  const set = (auditDays: unknown) =>
    perform(dependencies, { kind: 'admin', operation: 'tenant-set', arguments: { domain: 'a.example', auditDays } });
  for (const wrong of [1, 29, -1, 30.5, 'long', 100_000]) {
    const { ok, error = '' } = await set(wrong);
    assert.equal(ok, false, `${wrong}`);
    assert.match(error, /30 days at least|auditDays/);
  }
  for (const right of [0, 30, 400]) assert.equal((await set(right)).ok, true);
});
