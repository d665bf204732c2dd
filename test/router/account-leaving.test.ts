/** XEP-0077: the time that a tenant gives somebody who has removed their account, and how many accounts may be registered in a day. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { removeDue } from '../../services/router/removal/leaving.ts';
import { removalsOf } from '../../services/router/removal/removals.ts';
import type { Newcomer } from '../support/stage/newcomer.ts';
import { auth, authenticate, byToken, openSignInGround, plain, type SignInGround, tokenIn, until } from './sign-in-ground.ts';

const day = 86_400_000;
const ns = 'jabber:iq:register';
let ground: SignInGround;

beforeEach(async () => {
  ground = await openSignInGround();
});
afterEach(() => ground.close());

describe('an account that its owner removes', () => {
  beforeEach(async () => {
    await ground.set({ removalGraceDays: 7 });
    for (const jid of ['juliet@a.example', 'romeo@a.example', 'juliet@b.example']) await ground.stage.addAccount(jid);
  });

  async function bound(domain = 'a.example'): Promise<Newcomer> {
    const stream = await ground.come(domain);
    assert.match(await stream.asks(auth('PLAIN', '\0juliet\0secret')), /^<success/);
    await stream.open();
    const bind = `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`;
    assert.match(await stream.asks(bind), /<jid>juliet@/);
    return stream;
  }

  async function remove(domain = 'a.example'): Promise<void> {
    const [stream, other] = [await bound(domain), await bound(domain)];
    const request = `<iq xmlns='jabber:client' type='set' id='r'><query xmlns='${ns}'><remove/></query></iq>`;
    assert.match(await stream.asks(request), /type='result'/);
    assert.match(await stream.next(), /the account was removed/);
    assert.match(await other.next(), /the account was removed/);
  }

  const { look, row, leaving } = {
    look: () => {
      const { dependencies } = ground.stage;
      return removeDue(dependencies, (tenant, local) => removalsOf(dependencies).account(tenant, local));
    },
    row: (domain = 'a.example') => findAccount(ground.stage.dependencies.store, domain, 'juliet'),
    leaving: async () => {
      const rows = Rows.ofDeployment(ground.stage.dependencies.store, 'removals');
      return (await rows.list(collection<unknown>('leaving', 'deployment'), { limit: 10 })).map(({ key }) => key);
    },
  };

  test('is disabled at once, and its sessions and tokens end; it is erased when the time is over, and not before', async () => {
    const token = tokenIn(await (await ground.come()).asks(authenticate('PLAIN', '\0juliet\0secret')));
    await remove();
    assert.equal(await plain(ground, 'juliet', 'secret'), 'account-disabled');
    assert.match(await byToken(ground, 'juliet', token), /<not-authorized/);
    const { erasedAt } = (await ground.operate('user-show', { jid: 'juliet@a.example' })) as { erasedAt: string };
    assert.ok(Math.abs(Date.parse(erasedAt) - Date.now() - 7 * day) < 60_000);
    ground.shiftMs = 7 * day - 60_000;
    await look();
    assert.ok(await row());
    ground.shiftMs = 7 * day + 60_000;
    await look();
    assert.equal(await row(), undefined);
    assert.deepEqual(await leaving(), []);
    assert.equal(await plain(ground, 'romeo', 'secret'), 'success');
    assert.equal(await plain(ground, 'juliet', 'secret', 'b.example'), 'success');
  });

  test('comes back when an operator enables it, and its time is over for good then; a second removal has a time of its own', async () => {
    await remove();
    await ground.operate('user-enable', { jid: 'juliet@a.example' });
    assert.equal(await plain(ground, 'juliet', 'secret'), 'success');
    ground.shiftMs = 3 * day;
    await remove();
    ground.shiftMs = 8 * day;
    await look();
    assert.ok(await row(), 'the time of the first removal says nothing any more');
    ground.shiftMs = 11 * day;
    await look();
    assert.equal(await row(), undefined);
  });

  test('is still there when it was disabled anew for another reason', async () => {
    await remove();
    await ground.operate('user-enable', { jid: 'juliet@a.example' });
    await ground.operate('user-disable', { jid: 'juliet@a.example' });
    ground.shiftMs = 8 * day;
    await look();
    assert.ok(await row());
  });

  test('is erased at once where the tenant gives no time, and when an operator removes it', async () => {
    await remove('b.example');
    await until(async () => (await row('b.example')) === undefined);
    await remove();
    await ground.operate('user-remove', { jid: 'juliet@a.example', waitMs: 100 });
    await until(async () => (await row()) === undefined);
  });

  test('goes with its tenant', async () => {
    await remove();
    assert.equal((await leaving()).length, 1);
    await ground.operate('tenant-remove', { domain: 'a.example', force: true });
    assert.deepEqual(await leaving(), []);
  });
});

describe('accounts that are registered in a day', () => {
  let names = 0;

  async function register(domain: string, ip: string, name = `person${++names}`): Promise<string> {
    const somebody = await ground.come(domain, ip);
    const fields = `<username>${name}</username><password>a good password</password>`;
    const answer = await somebody.asks(`<iq xmlns='jabber:client' type='set' id='r'><query xmlns='${ns}'>${fields}</query></iq>`);
    return /<error [^>]*>.*?<([\w-]+) xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/.exec(answer)?.[1] ?? 'made';
  }

  beforeEach(async () => {
    await ground.set({ registration: 'open', registrationsPerDay: 4, registrationsPerAddress: 2 });
    await ground.set({ registration: 'open' }, 'b.example');
  });

  test('are as many as the tenant says, of all and from one address; those that were refused do not count', async () => {
    assert.equal(await register('a.example', '203.0.113.1', 'juliet'), 'made');
    assert.equal(await register('a.example', '203.0.113.1', 'juliet'), 'conflict');
    assert.equal(await register('a.example', '203.0.113.1', 'admin'), 'not-acceptable');
    assert.equal(await register('a.example', '203.0.113.1'), 'made');
    assert.equal(await register('a.example', '203.0.113.1'), 'resource-constraint');
    assert.equal(await register('a.example', '2001:db8::1'), 'made');
    assert.equal(await register('a.example', '2001:db8::2'), 'made');
    assert.equal(await register('a.example', '203.0.113.3'), 'resource-constraint');
    for (let count = 0; count < 5; count++) assert.equal(await register('b.example', '203.0.113.1'), 'made');
  });

  test('are counted anew the next day', async () => {
    await ground.set({ registrationsPerDay: 1 });
    assert.equal(await register('a.example', '203.0.113.1'), 'made');
    assert.equal(await register('a.example', '203.0.113.2'), 'resource-constraint');
    const { store } = ground.stage.dependencies;
    const rows = Rows.ofTenant(store, 'a.example');
    const counted = collection<{ day: string }>('registered', 'tenant', 'live');
    const row = (await rows.get(counted))!.value;
    await rows.put(counted, '', { ...row, day: '2020-01-01' });
    assert.equal(await register('a.example', '203.0.113.2'), 'made');
  });
});
