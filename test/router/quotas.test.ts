/** How many accounts and rooms a tenant may have: each tenant by its own policy, which operators of the deployment alone set. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { accountNames, directoryOf, hasSoMany } from '../../lib/runtime/directory.ts';
import { tooMuchIn } from '../../lib/runtime/field-rights.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { rightsOf } from '../../lib/runtime/rights.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { tenantSet } from '../../services/router/operations/tenant-policy.ts';
import { accountOf } from '../../services/router/sasl/first-sign-in.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { setPolicy } from './policy-forms.ts';

async function open(t: TestContext): Promise<WholeStage> {
  const stage = await openStage();
  t.after(() => stage.close());
  return stage;
}

function ask({ dependencies }: WholeStage, operation: string, given: object) {
  return perform(dependencies, { kind: 'admin', operation, arguments: given as Record<string, unknown> });
}

const add = (stage: WholeStage, jid: string) => ask(stage, 'user-add', { jid, password: 'secret' });

test('a tenant has as many accounts as it may have; another one is not concerned, and a change is felt', async (t) => {
  const stage = await open(t);
  await setPolicy(stage, 'a.example', { accountsMax: 2 });
  for (const name of ['one', 'two']) assert.equal((await add(stage, `${name}@a.example`)).ok, true);
  const refused = await add(stage, 'three@a.example');
  assert.deepEqual(
    [refused.refusal, refused.error],
    ['conflict', 'a.example has as many accounts as it may have: 2; see: skylark tenant set --accounts-max'],
  );
  assert.equal(await findAccount(stage.store, 'a.example', 'three'), undefined);
  for (const name of ['one', 'two', 'three']) assert.equal((await add(stage, `${name}@b.example`)).ok, true);
  await ask(stage, 'user-remove', { jid: 'one@a.example' });
  assert.equal((await add(stage, 'three@a.example')).ok, true, 'a place is free');
  await setPolicy(stage, 'a.example', { accountsMax: 1 });
  assert.ok(await findAccount(stage.store, 'a.example', 'two'), 'what is there stays');
  await setPolicy(stage, 'a.example', { accountsMax: 3 });
  assert.equal((await add(stage, 'four@a.example')).ok, true);
});

test('accounts that are made at once are never more than there may be', async (t) => {
  const stage = await open(t);
  await setPolicy(stage, 'a.example', { accountsMax: 3 });
  const names = Array.from({ length: 8 }, (_, at) => `u${at}`);
  await Promise.all(names.map((name) => add(stage, `${name}@a.example`)));
  const there = await Promise.all(names.map((name) => findAccount(stage.store, 'a.example', name)));
  assert.ok(there.filter((row) => row !== undefined).length <= 3);
});

test('whoever registers is told, and whoever would get an account at the first sign-in is not let in', async (t) => {
  const stage = await open(t);
  await setPolicy(stage, 'a.example', { accountsMax: 1, registration: 'open' });
  await add(stage, 'one@a.example');
  const newcomer = stage.newcomer('a.example');
  await newcomer.open();
  const query = `<query xmlns='jabber:iq:register'><username>two</username><password>secret</password></query>`;
  const answer = await newcomer.asks(`<iq xmlns='jabber:client' type='set' id='r'>${query}</iq>`);
  assert.match(answer, /<resource-constraint /);
  assert.match(answer, /a\.example has as many accounts as it may have: 1/);
  const tenant = (await stage.tenants.find('a.example'))!;
  await assert.rejects(accountOf(stage.dependencies, tenant, 'two'), /a\.example has as many accounts as it may have: 1/);
  assert.equal(await findAccount(stage.store, 'a.example', 'two'), undefined);
});

test('a tenant has as many rooms as it may have', async (t) => {
  const stage = await open(t);
  await setPolicy(stage, 'a.example', { roomsMax: 2 });
  const juliet = await stage.join('juliet@a.example/balcony');
  const romeo = await stage.join('romeo@b.example/orchard');
  for (const [actor, room, isMade] of [
    [juliet, 'one@conference.a.example', true],
    [juliet, 'two@conference.a.example', true],
    [juliet, 'three@conference.a.example', false],
    [romeo, 'one@conference.b.example', true],
    [romeo, 'two@conference.b.example', true],
    [romeo, 'three@conference.b.example', true],
  ] as const) {
    await actor.enter('Nick', room);
    await stage.settle();
    const heard = actor.take().join('');
    assert.equal(heard.includes("code='201'"), isMade, heard);
    if (!isMade) assert.match(heard, /a\.example has as many rooms as it may have/);
  }
  await juliet.enter('Nick', 'one@conference.a.example');
  assert.doesNotMatch(juliet.take().join(''), /type='error'/, 'rooms that are there are entered as ever');
  await setPolicy(stage, 'a.example', { roomsMax: 0 });
  await juliet.enter('Nick', 'four@conference.a.example');
  assert.match(juliet.take().join(''), /as many rooms as it may have/);
});

test('more than a thousand names are counted by a sixteenth, where the new one would be', async (t) => {
  const stage = await open(t);
  const most = 16 * 2_500;
  assert.ok(most > runtimeLimits.directoryCountedMax);
  const rows = directoryOf(stage.store, 'a.example', 'juliet');
  const put = (from: number, to: number) =>
    stage.store.batchPut(
      Array.from({ length: to - from }, (_, at) => rows.row(accountNames, `n${from + at}`, { createdAt: '' })),
    );
  await put(0, 2_499);
  const isFull = (isCounted?: (name: string) => boolean) =>
    hasSoMany(stage.store, 'a.example', accountNames, 'juliet', most, isCounted);
  assert.equal(await isFull(), false);
  await put(2_499, 2_500);
  assert.equal(await isFull(), true);
  assert.equal(await isFull((name) => name !== 'n7'), false);
});

test('what a tenant may use of the deployment, its own people see and do not set', () => {
  const given = (field: object) => ({ domain: 'a.example', ...field });
  for (const field of [{ accountsMax: 9 }, { roomsMax: 9 }, { uploadMegabytes: 9 }, { stanzasPerSecond: 9 }]) {
    assert.equal(tooMuchIn(tenantSet.input, given(field), rightsOf({ role: 'owner' })), `'${Object.keys(field)[0]}'`);
    assert.equal(tooMuchIn(tenantSet.input, given(field), rightsOf({ role: 'operator' })), undefined);
  }
  assert.equal(tooMuchIn(tenantSet.input, given({ retentionDays: 9 }), rightsOf({ role: 'admin' })), undefined);
});
