/** How long is kept what a tenant's people write: messages in archives of accounts, messages of rooms, and files. Each has its time. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Put } from '../../lib/ports/store.ts';
import { readPolicy } from '../../lib/runtime/policy/tenant-policy.ts';
import { openHall } from '../support/stage/rooms.ts';
import { openStage } from '../support/stage/whole-stage.ts';
import { formsOf, setPolicy } from './policy-forms.ts';

const dayMs = 24 * 60 * 60 * 1_000;

/** A stage whose tenants keep what the policies say, and what was written meanwhile: the days after which rows with this text expire. */
async function open(t: TestContext, policies: Readonly<Record<string, object>>) {
  const written: Put[] = [];
  const stage = await openStage({
    wrap: (parts) => {
      const [put, batchPut] = [parts.store.put.bind(parts.store), parts.store.batchPut.bind(parts.store)];
      parts.store.put = (row, condition) => {
        written.push(row);
        return put(row, condition);
      };
      parts.store.batchPut = (rows) => {
        written.push(...rows);
        return batchPut(rows);
      };
      return parts;
    },
  });
  t.after(() => stage.close());
  for (const [domain, policy] of Object.entries(policies)) await setPolicy(stage, domain, policy);
  const startMs = stage.dependencies.clock.now();
  const daysOf = (partition: RegExp, text: string) => {
    const rows = written.filter(
      ({ table, partition: where, value }) => table !== 'live' && partition.test(where) && value.includes(text),
    );
    assert.ok(rows.length > 0, `nothing was written with '${text}'`);
    return [...new Set(rows.map(({ expiresAtMs = Infinity }) => Math.round((expiresAtMs - startMs) / dayMs)))];
  };
  return { stage, daysOf };
}

test('messages of accounts, messages of rooms and files expire each in their time, and another tenant’s in its own', async (t) => {
  const { stage, daysOf } = await open(t, {
    'a.example': { retentionDays: 5, roomRetentionDays: 50, fileRetentionDays: 500 },
    'b.example': { retentionDays: 70 },
  });
  const juliet = await openHall(stage);
  const romeo = await stage.join('romeo@b.example/orchard');
  await juliet.send(`<message type='chat' to='romeo@b.example' id='m1'><body>to romeo</body></message>`);
  await juliet.say('to the hall');
  await stage.settle();
  assert.deepEqual(daysOf(/a\.example.*juliet/, 'to romeo'), [5]);
  assert.deepEqual(daysOf(/b\.example.*romeo/, 'to romeo'), [70]);
  assert.deepEqual(daysOf(/a\.example.*hall/, 'to the hall'), [50]);
  for (const [actor, domain, days] of [
    [juliet, 'a.example', 500],
    [romeo, 'b.example', 70],
  ] as const) {
    const request = `<request xmlns='urn:xmpp:http:upload:0' filename='f.png' size='9'/>`;
    await actor.send(`<iq type='get' id='u' to='upload.${domain}'>${request}</iq>`);
    assert.deepEqual(daysOf(new RegExp(`${domain.replace('.', '\\.')}.*`), '/f.png'), [days]);
  }
});

test('a row that says nothing of rooms and files means its messages, as when there was one time for all', () => {
  const { retentionDays, roomRetentionDays, fileRetentionDays } = readPolicy({ retentionDays: 30, fileRetentionDays: 0 });
  assert.deepEqual([retentionDays, roomRetentionDays, fileRetentionDays], [30, 30, 0]);
  assert.equal(
    readPolicy({ retentionDays: 30, roomRetentionDays: 'long' }).roomRetentionDays,
    30,
    'nor does one that nobody can read',
  );
});

test('XEP-0504: the form says the longest of them', async (t) => {
  const { stage } = await open(t, {
    'a.example': { retentionDays: 1, roomRetentionDays: 2, fileRetentionDays: 3, dataEncrypted: 'yes' },
    'b.example': { retentionDays: 1, roomRetentionDays: 0, dataEncrypted: 'yes' },
  });
  const romeo = await stage.appear('romeo@b.example/orchard');
  for (const [domain, hours] of [
    ['a.example', '72'],
    ['b.example', 'infinite'],
  ] as const)
    assert.deepEqual((await formsOf(stage, romeo, domain))['urn:xmpp:data-policy:0']?.data_retention, [hours]);
});
