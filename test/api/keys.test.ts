/** Who may do what through the REST API: keys, their tenants and rights, their end; and what a stranger learns. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isTenantRight } from '../../lib/runtime/rights.ts';
import { apiLimits } from '../../services/api/limits.ts';
import { operations } from '../../services/router/operations/index.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type Ground, openGround } from './ground.ts';

let ground: Ground;
let clock: ReturnType<typeof steppedClock>;
beforeEach(async () => {
  clock = steppedClock();
  ground = await openGround({ clock });
});
afterEach(() => ground.close());

const dayMs = 24 * 60 * 60 * 1_000;

describe('a request without a valid key', () => {
  test('is told so in the same words whatever is wrong with the key', async () => {
    const token = await ground.key();
    const other = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    const said = new Set<string>();
    for (const wrong of [other, `sk_0000000000000000_${'A'.repeat(43)}`]) {
      const { status, headers, body } = await ground.call(wrong, 'GET /tenants');
      assert.deepEqual([status, headers.get('www-authenticate')], [401, 'Bearer realm="skylark"']);
      said.add(body.detail);
    }
    assert.equal(said.size, 1);
    for (const wrong of [undefined, '', 'sk_', 'secret', `${token}x`, token.toUpperCase()]) {
      assert.equal((await ground.call(wrong, 'GET /tenants')).status, 401, wrong);
    }
  });

  test('is not accepted in the query, nor over plain http from elsewhere', async () => {
    const token = await ground.key();
    assert.equal((await ground.call(undefined, `GET /tenants?key=${token}`)).status, 401);
    const plain = await ground.call(token, 'GET /tenants', undefined, { origin: 'http://chat.example' });
    assert.deepEqual([plain.status, plain.body.detail], [403, 'keys are sent over https only']);
    const own = await ground.call(token, 'GET /tenants', undefined, { origin: 'http://localhost', address: '::ffff:127.0.0.1' });
    assert.equal(own.status, 200);
  });

  test('slows down whoever guesses, and nobody else', async () => {
    const token = await ground.key();
    const guess = `sk_0000000000000000_${'A'.repeat(43)}`;
    for (let count = 0; count < apiLimits.strangerBurst; count++) {
      assert.equal((await ground.call(guess, 'GET /tenants')).status, 401);
    }
    assert.equal((await ground.call(guess, 'GET /tenants')).status, 429);
    assert.equal((await ground.call(token, 'GET /tenants')).status, 429, 'from the same address');
    assert.equal((await ground.call(token, 'GET /tenants', undefined, { address: '198.51.100.1' })).status, 200);
  });
});

describe('a key', () => {
  test('of the deployment may do everything that has a route', async () => {
    const token = await ground.key();
    assert.equal((await ground.call(token, 'GET /nodes')).status, 200);
    assert.equal((await ground.call(token, 'GET /tenants/a.example/accounts')).status, 200);
  });

  test('of a tenant does nothing to another tenant or to the deployment, whatever the operation', async () => {
    const token = await ground.key({ domain: 'a.example' });
    assert.equal(
      (await ground.call(token, 'POST /tenants/a.example/accounts', { local: 'anna', password: 'secret' })).status,
      201,
    );
    let tried = 0;
    for (const { http, right } of operations) {
      if ('whyNone' in http) continue;
      const path = http.path.replace('{domain}', 'b.example').replaceAll(/\{\w+\}/g, 'x');
      const body = http.method === 'get' || http.method === 'delete' ? undefined : bodyOf(path);
      const { status } = await ground.call(token, `${http.method.toUpperCase()} ${path}`, body);
      assert.ok(status === 403 || status === 400, `${http.method} ${path}: ${status}`);
      if (isTenantRight(right)) tried++;
    }
    assert.ok(tried >= 4);
    const { body } = await ground.call(await ground.key(), 'GET /tenants/b.example/accounts');
    assert.deepEqual(body.users, []);
  });

  test('that may only read changes nothing', async () => {
    const token = await ground.key({ access: 'read' });
    assert.equal((await ground.call(token, 'GET /tenants')).status, 200);
    const refused = await ground.call(token, 'POST /tenants', { domain: 'c.example' });
    assert.deepEqual([refused.status, refused.body.detail], [403, "the key may only read, and 'tenant-add' changes something"]);
  });

  test('ends when it expires, when it is removed, and with its tenant, also when that is added again', async () => {
    const short = await ground.key({ days: 1 });
    const doomed = await ground.key();
    const tenants = await ground.key({ domain: 'b.example' });
    const status = async (token: string, line = 'GET /tenants') => (await ground.call(token, line)).status;
    assert.deepEqual([await status(short), await status(doomed)], [200, 200]);
    assert.equal(await status(tenants, 'GET /tenants/b.example/accounts'), 200);
    clock.advance(dayMs + 1);
    assert.equal(await status(short), 401);
    await ground.operator('key-remove', { id: doomed.split('_')[1] });
    assert.equal(await status(doomed), 401);
    await ground.operator('tenant-remove', { domain: 'b.example', force: true });
    assert.equal(await status(tenants, 'GET /tenants/b.example/accounts'), 401);
    await ground.operator('tenant-add', { domain: 'b.example' });
    assert.equal(await status(tenants, 'GET /tenants/b.example/accounts'), 401);
  });

  test('is rotated without a gap, and the old secret ends after the overlap', async () => {
    const old = await ground.key();
    const { token } = (await ground.operator('key-rotate', { id: old.split('_')[1], overlapHours: 1 })) as { token: string };
    assert.notEqual(token, old);
    const status = async (given: string) => (await ground.call(given, 'GET /tenants')).status;
    assert.deepEqual([await status(old), await status(token)], [200, 200]);
    clock.advance(60 * 60 * 1_000 + 1);
    assert.deepEqual([await status(old), await status(token)], [401, 200]);
  });

  test('stands in no row, list or log with its secret', async () => {
    const token = await ground.key({ name: 'billing' });
    const secret = token.split('_').slice(2).join('_');
    await ground.call(token, 'POST /tenants/a.example/accounts', { local: 'anna', password: 'a-password' });
    const { store } = ground.dependencies;
    const partitions = ['#apikeys', '#audit', 'a.example/t'];
    const rows = await Promise.all(
      partitions.map((partition) => store.query({ table: 'core', partition, limit: 1_000, consistent: true })),
    );
    const text = JSON.stringify([rows, await ground.operator('key-list', {})]);
    assert.match(text, /billing/);
    assert.match(text, /anna@a\.example/);
    assert.ok(!text.includes(secret) && !text.includes('a-password'));
  });

  test('has a rate of its own', async () => {
    const [one, other] = [await ground.key(), await ground.key()];
    for (let count = 0; count < apiLimits.keyBurst; count++) assert.equal((await ground.call(one, 'GET /nodes')).status, 200);
    const { status, body } = await ground.call(one, 'GET /nodes');
    assert.deepEqual([status, body.detail], [429, 'too many requests; try again in 1 s']);
    assert.equal((await ground.call(other, 'GET /nodes')).status, 200);
  });
});

/** A body that the operation of the path takes. */
function bodyOf(path: string): unknown {
  if (path.endsWith('/accounts')) return { local: 'anna', password: 'secret' };
  if (path.endsWith('/password')) return { password: 'secret' };
  if (path === '/tenants') return { domain: 'c.example' };
  if (path === '/keys') return { name: 'x' };
  return {};
}
