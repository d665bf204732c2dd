/** Roles and how people sign in: to the console, and by what a tenant's own system says. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { listAudit } from '../../lib/runtime/audit.ts';
import { type Role, rightsOf } from '../../lib/runtime/rights.ts';
import { answerConsole } from '../../services/router/operations/console-sessions.ts';
import { openSignInGround, type SignInGround } from './sign-in-ground.ts';

type Given = Readonly<Record<string, unknown>>;

let ground: SignInGround;
/** What the tenant's own system says of any password. */
let says: Given;
beforeEach(async () => {
  says = { allowed: true };
  const postDocument = async () => ({ status: 200, body: JSON.stringify(says) });
  ground = await openSignInGround((parts) => ({ ...parts, postDocument }));
  await ground.stage.addAccount('romeo@a.example');
  await ground.operate('tenant-set', {
    ...{ domain: 'a.example', signIn: ['password', 'webhook'], webhookUrl: 'https://eve.example/', webhookSecret: 's' },
  });
});
afterEach(() => ground.close());

const enter = (password: string) =>
  answerConsole(ground.stage.dependencies, {
    ...{ kind: 'console', verb: 'enter', session: password, address: '192.0.2.7', jid: 'romeo@a.example', password },
  });

test('lets an operator in by a password that is kept here, and not by what the owner of the tenant says', async () => {
  await ground.operate('user-role', { jid: 'romeo@a.example', role: 'support' });
  assert.equal((await enter('of the webhook')).who?.domain, 'a.example', 'whoever has a role over the tenant is let in');
  await ground.operate('user-role', { jid: 'romeo@a.example', role: 'operator' });
  assert.deepEqual(await enter('another one'), { error: 'wrong' });
  const { who } = await enter('secret');
  assert.deepEqual([who?.domain, who?.isAccount, who?.rights], [undefined, true, rightsOf({ role: 'operator' })]);
});

test('ends with the role, and has the rights of the one that they have now', async () => {
  const { dependencies } = ground.stage;
  const look = async () =>
    (await answerConsole(dependencies, { kind: 'console', verb: 'look', session: 'secret', address: '192.0.2.7' })).who?.rights;
  await ground.operate('user-role', { jid: 'romeo@a.example', role: 'admin' });
  await enter('secret');
  assert.deepEqual(await look(), rightsOf({ role: 'admin' }));
  await ground.operate('user-role', { jid: 'romeo@a.example', role: 'auditor', content: true });
  assert.deepEqual(await look(), rightsOf({ role: 'auditor', hasContent: true }));
  await ground.operate('user-role', { jid: 'romeo@a.example', role: 'none' });
  assert.equal(await look(), undefined);
});

test('a tenant’s system gives and takes roles of its people, in the audit log, but not that of owners and operators', async () => {
  const roleNow = async () => ((await ground.operate('user-show', { jid: 'romeo@a.example' })) as { role: Role }).role;
  says = { allowed: true, role: 'admin' };
  await enter('one');
  assert.equal(await roleNow(), 'admin');
  const last = (await listAudit(ground.stage.dependencies.store, 'a.example', 100)).filter(({ by }) => by === 'webhook').at(-1);
  assert.deepEqual(last?.change, { before: { role: 'none' }, after: { role: 'admin' } });
  for (const role of ['owner', 'operator'] as const) {
    says = { allowed: true, role };
    assert.ok(!('who' in (await enter(`gives ${role}`))), 'that is not an answer');
    await ground.operate('user-role', { jid: 'romeo@a.example', role });
    says = { allowed: true, role: 'none' };
    await enter(`takes ${role}`);
    assert.equal(await roleNow(), role);
  }
});
