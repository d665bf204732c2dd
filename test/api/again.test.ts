/** Requests that come again (`Idempotency-Key`), and changes of what somebody has seen (`ETag`, `If-Match`). */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Row } from '../../lib/ports/store.ts';
import { operationLimits } from '../../services/router/operations/limits.ts';
import { type Ground, openGround } from './ground.ts';

let ground: Ground;
let shiftMs: number;
let token: string;
beforeEach(async () => {
  shiftMs = 0;
  ground = await openGround({ clock: { ...systemClock, now: () => systemClock.now() + shiftMs } });
  token = await ground.key({ role: 'deployment-owner' });
});
afterEach(() => ground.close());

const call = (line: string, given?: unknown, headers: Readonly<Record<string, string>> = {}, key = token) =>
  ground.call(key, line, given, { headers });

describe('a POST with an Idempotency-Key', () => {
  const add = (key: string, local = 'anna', password = 'secret', by = token) =>
    call('POST /tenants/a.example/accounts', { local, password }, { 'idempotency-key': key }, by);
  const users = async () => (await call('GET /tenants/a.example/accounts')).body.users as string[];

  test('is done once, and answered as the first time', async () => {
    const first = await add('one');
    const second = await add('one');
    assert.deepEqual([first.status, first.headers.get('idempotency-replayed')], [201, null]);
    assert.deepEqual([second.status, second.body, second.headers.get('idempotency-replayed')], [201, first.body, 'true']);
    assert.deepEqual(await users(), ['anna@a.example']);
    const { entries } = (await call('GET /tenants/a.example/audit')).body;
    assert.equal(entries.length, 2, 'begun and done, once');
  });

  test('whose body, path or operation is another one is refused, in whichever order its fields stand', async () => {
    await add('one');
    for (const { status, body } of [
      await add('one', 'bert'),
      await add('one', 'anna', 'another secret'),
      await call('POST /tenants/b.example/accounts', { local: 'anna', password: 'secret' }, { 'idempotency-key': 'one' }),
    ].slice(0, 2))
      assert.deepEqual([status, body.detail], [422, 'this Idempotency-Key was used for another request']);
    const turned = await call('POST /tenants/a.example/accounts', '{"password":"secret","local":"anna"}', {
      'idempotency-key': 'one',
    });
    assert.deepEqual([turned.status, turned.headers.get('idempotency-replayed')], [201, 'true']);
    assert.deepEqual(await users(), ['anna@a.example']);
  });

  test('keeps a refusal, too, and a secret that is shown once', async () => {
    await add('first');
    assert.equal((await add('other')).status, 409);
    await call('DELETE /tenants/a.example/accounts/anna');
    const again = await add('other');
    assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [409, 'true']);
    const make = () => call('POST /keys', { name: 'app' }, { 'idempotency-key': 'key' });
    const [one, two] = [await make(), await make()];
    assert.match(one.body.token, /^sk_/);
    assert.equal(two.body.token, one.body.token);
    assert.equal(((await call('GET /keys')).body.keys as unknown[]).length, 2);
  });

  test('does not know the keys of others', async () => {
    const other = await ground.key({ role: 'deployment-owner' });
    assert.equal((await add('one')).status, 201);
    assert.equal((await add('one', 'anna', 'secret', other)).status, 409, 'it is done, and finds the account');
  });

  test('is forgotten after a day', async () => {
    await add('one');
    shiftMs += operationLimits.idempotencyMs + 1_000;
    assert.equal((await add('one')).status, 409);
  });

  test('is done once when it comes many times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => add('one')));
    const statuses = answers.map(({ status }) => status);
    assert.equal(
      statuses.filter((status) => status === 201 && status).length + statuses.filter((status) => status === 409).length,
      20,
    );
    assert.equal(
      answers.filter(({ status, headers }) => status === 201 && headers.get('idempotency-replayed') === null).length,
      1,
    );
    assert.deepEqual(await users(), ['anna@a.example']);
  });

  test('that failed is done again, and one whose process died is not if that could do harm', async () => {
    const { store } = ground.dependencies;
    const put = store.put.bind(store);
    store.put = (row, condition) => (row.sort === 'account/' ? Promise.reject(new Error('no')) : put(row, condition));
    assert.equal((await add('one')).status, 500);
    store.put = put;
    assert.equal((await add('one')).status, 201);

    // A process that dies while it works leaves a row without an answer.
    const died = new Promise<void>((resolve) => {
      store.put = (row, condition) => {
        if (!row.value.includes('"answer"')) return put(row, condition);
        resolve();
        return new Promise(() => {});
      };
    });
    void add('two', 'bert');
    await died;
    store.put = put;
    const busy = await add('two', 'bert');
    assert.deepEqual([busy.status, /has not ended/.test(busy.body.detail)], [409, true]);
    shiftMs += operationLimits.idempotencyRunMs + 1;
    const unknown = await add('two', 'bert');
    assert.deepEqual([unknown.status, /nobody knows/.test(unknown.body.detail)], [409, true]);
    assert.deepEqual(await users(), ['anna@a.example', 'bert@a.example']);
  });

  test('has rows that say nothing without the key, and go with the tenant', async () => {
    await add('one', 'anna', 'a-password');
    await call('POST /keys', { name: 'app' }, { 'idempotency-key': 'key' });
    const { store } = ground.dependencies;
    const rows = async (partition: string): Promise<Row[]> =>
      store.query({ table: 'live', partition, prefix: 'idempotency/', limit: 100, consistent: true });
    const [ofTenant, ofDeployment] = [await rows('a.example/t'), await rows('#idempotency')];
    assert.deepEqual([ofTenant.length, ofDeployment.length], [1, 1]);
    for (const { value } of [...ofTenant, ...ofDeployment]) assert.doesNotMatch(value, /anna|a-password|sk_|token/);
    await ground.operator('tenant-remove', { domain: 'a.example', force: true });
    assert.deepEqual(await rows('a.example/t'), []);
  });

  test('that is forbidden or not allowed as it is leaves nothing', async () => {
    const reader = await ground.key({ access: 'read' });
    assert.equal((await add('one', 'anna', 'secret', reader)).status, 403);
    assert.equal((await add('two', '')).status, 400);
    assert.equal((await add('two')).status, 201);
    for (const wrong of ['', 'x'.repeat(256), 'with space', 'ü'])
      await assert.doesNotReject(async () => {
        const headers = new Headers();
        try {
          headers.set('idempotency-key', wrong);
        } catch {
          return; // no client can send it
        }
        const { status } = await call(
          'POST /tenants/a.example/accounts',
          { local: 'x', password: 'secret' },
          { 'idempotency-key': wrong },
        );
        assert.ok(status === 400 || (wrong === '' && status === 400), `'${wrong}': ${status}`);
      });
  });
});

describe('what has a version', () => {
  const policy = '/tenants/a.example/policy';

  test('a policy is changed by whoever has seen it as it is', async () => {
    const seen = await call(`GET ${policy}`);
    const tag = seen.headers.get('etag')!;
    assert.equal(tag, `"${seen.body.policyVersion}"`);
    assert.equal((await call(`GET ${policy}`, undefined, { 'if-none-match': tag })).status, 304);
    const changed = await call(`PATCH ${policy}`, { inviteDays: 3 }, { 'if-match': tag });
    assert.equal(changed.status, 200);
    const late = await call(`PATCH ${policy}`, { inviteDays: 4 }, { 'if-match': tag });
    assert.deepEqual([late.status, late.body.type], [412, 'urn:skylark:problem:stale']);
    assert.equal((await call(`GET ${policy}`)).body.policy.inviteDays, 3);
    assert.equal((await call(`PATCH ${policy}`, { inviteDays: 5 }, { 'if-match': '*' })).status, 200);
    const now = (await call(`GET ${policy}`)).headers.get('etag')!;
    for (const [odd, status] of [
      // RFC 9110 §8.8.3.2: a weak tag never matches.
      ...[`W/${now}`, `W/"x", W/${now}`, '"x"', '""', '"999999999999999999"', `"${'9'.repeat(500)}"`, '"\u00fc"'].map(
        (one) => [one, 412] as const,
      ),
      // §13.1.1: what does not list tags is not a condition; and of several tags none is chosen for whoever asks.
      ...['3', '"', '', '"3" "4"', `${now},`, 'w/"3"', '*, "3"', `${now}, "4"`].map((one) => [one, 400] as const),
      [`W/"x", ${now} , ${now}`, 200],
    ] as const) {
      const { status: found, body } = await call(`PATCH ${policy}`, { inviteDays: 6 }, { 'if-match': odd });
      assert.equal(found, status, `${odd}: ${JSON.stringify(body)}`);
    }
  });

  test('an account, by each way to change it, and the change of somebody else is seen', async () => {
    const path = '/tenants/a.example/accounts/anna';
    await call('POST /tenants/a.example/accounts', { local: 'anna', password: 'secret' });
    const tagOf = async () => (await call(`GET ${path}`)).headers.get('etag')!;
    for (const [line, body] of [
      [`PUT ${path}/password`, { password: 'two' }],
      [`PUT ${path}/role`, { role: 'admin' }],
      [`PUT ${path}/role`, { role: 'none' }],
      [`POST ${path}/disable`, {}],
      [`POST ${path}/enable`, {}],
    ] as const) {
      const before = await tagOf();
      await call('PUT /tenants/a.example/accounts/anna/password', { password: 'another' });
      assert.equal((await call(line, body, { 'if-match': before })).status, 412, line);
      const now = await tagOf();
      assert.notEqual(now, before);
      assert.equal((await call(line, body, { 'if-match': now })).status, line.startsWith('POST') ? 201 : 200, line);
      assert.equal((await call(line, body, { 'if-match': now })).status, 412, `${line}, again`);
    }
    assert.equal((await call(`DELETE ${path}`, undefined, { 'if-match': '"x"' })).status, 412);
    assert.deepEqual((await call('GET /tenants/a.example/accounts')).body.users, ['anna@a.example']);
    assert.ok([200, 202].includes((await call(`DELETE ${path}`, undefined, { 'if-match': await tagOf() })).status));
  });

  test('of two who change it at once, one is told', async () => {
    await call('POST /tenants/a.example/accounts', { local: 'anna', password: 'secret' });
    const tag = (await call('GET /tenants/a.example/accounts/anna')).headers.get('etag')!;
    const answers = await Promise.all(
      ['one', 'two', 'three'].map((password) =>
        call('PUT /tenants/a.example/accounts/anna/password', { password }, { 'if-match': tag }),
      ),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412, 412]);
  });

  test('If-Match is refused where there is no version', async () => {
    const { status, body } = await call('POST /tenants', { domain: 'c.example' }, { 'if-match': '"1"' });
    assert.deepEqual([status, body.detail], [400, "'tenant-add' has no version that If-Match could name"]);
  });
});

test('whoever is too fast is told when to come back', async () => {
  let last = await call('GET /tenants');
  for (let count = 0; count < 200 && last.status !== 429; count++) last = await call('GET /tenants');
  assert.deepEqual([last.status, last.headers.get('retry-after')], [429, '1']);
});
