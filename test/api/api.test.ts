/** The REST API: each route does what its operation does, errors are RFC 9457, and the document is that of the list. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { appendAudit } from '../../lib/runtime/audit.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { apiLimits } from '../../services/api/limits.ts';
import { operations } from '../../services/router/operations/index.ts';
import { type Ground, openGround } from './ground.ts';

let ground: Ground;
let token: string;
beforeEach(async () => {
  ground = await openGround();
  token = await ground.key();
});
afterEach(() => ground.close());

const call = (line: string, given?: unknown, init?: Parameters<Ground['call']>[3]) => ground.call(token, line, given, init);

/** Asks until the removal has ended: what takes longer than a request may wait is answered with 202, and then goes on. */
async function removed(path: string): Promise<void> {
  for (;;) {
    const { status, body } = await call(`DELETE ${path}`);
    if (status === 404) return;
    assert.ok(status === 200 || (status === 202 && typeof body.progress === 'string'), JSON.stringify(body));
  }
}

test('an account is added, listed, given a new password and removed', async () => {
  const added = await call('POST /tenants/a.example/accounts', { local: 'Anna', password: 'one' });
  assert.deepEqual([added.status, added.body], [201, { jid: 'anna@a.example' }]);
  assert.equal(added.headers.get('cache-control'), 'no-store');
  assert.deepEqual((await call('GET /tenants/a.example/accounts')).body, { users: ['anna@a.example'] });
  assert.deepEqual((await call('GET /tenants/b.example/accounts')).body, { users: [] });
  assert.equal((await call('PUT /tenants/a.example/accounts/anna/password', { password: 'two' })).status, 200);
  await removed('/tenants/a.example/accounts/anna');
});

test('a tenant is added with its defaults, and removed with its accounts only if that is said', async () => {
  const added = await call('POST /tenants', { domain: 'C.example' });
  assert.deepEqual([added.status, added.body.domain, added.body.registration], [201, 'c.example', 'closed']);
  assert.equal((await call('POST /tenants', { domain: 'c.example' })).status, 409);
  await call('POST /tenants/c.example/accounts', { local: 'anna', password: 'one' });
  assert.equal((await call('DELETE /tenants/c.example')).status, 409);
  await removed('/tenants/c.example?force=true');
});

test('pages follow each other by a cursor', async () => {
  const count = runtimeLimits.adminPageMax + 3;
  for (let at = 0; at < count; at++)
    await ground.dependencies.tenants.add(`t${at}.example`, { registration: 'closed', retentionDays: 0 });
  const first = await call('GET /tenants');
  assert.equal(first.body.tenants.length, runtimeLimits.adminPageMax);
  const second = await call(`GET /tenants?after=${first.body.next}`);
  assert.equal(first.body.tenants.length + second.body.tenants.length, count + 2);
  assert.equal(second.body.next, undefined);
});

describe('what is wrong is told as a problem (RFC 9457)', () => {
  for (const [line, given, status, detail] of [
    ['POST /tenants', { domain: '' }, 400, "the operation needs 'domain'"],
    ['POST /tenants', { domain: 7 }, 400, "'domain' takes text"],
    ['POST /tenants', { domain: '..' }, 400, "'..' is not a domain name"],
    ['POST /tenants', { domain: 'c.example', colour: 'red' }, 400, "'tenant-add' does not take 'colour'"],
    ['POST /tenants', [], 400, 'the body is an object'],
    ['POST /tenants', '{', 400, 'the body is not JSON'],
    ['POST /tenants', `{"domain":"${'x'.repeat(apiLimits.bodyBytesMax)}"}`, 413, /at most 65536 bytes/],
    ['POST /tenants/a.example/accounts', { password: 'x' }, 400, "the operation needs 'local'"],
    ['POST /tenants/a.example/accounts', { local: 'x@b.example/y', password: 'x' }, 400, /is not the local part/],
    ['POST /tenants/a.example/accounts', { local: 'x', password: 'x', domain: 'b.example' }, 400, /does not take 'domain'/],
    ['POST /tenants/nowhere.example/accounts', { local: 'x', password: 'x' }, 404, /there is no tenant/],
    ['GET /tenants/a.example/accounts?after=a&after=b', undefined, 400, "'after' is given 2 times"],
    ['GET /tenants?limit=1000000000', undefined, 400, "'tenant-list' does not take 'limit'"],
    ['GET /audit?after=-1', undefined, 400, "'after' is not allowed as it is"],
    ['GET /audit?after=many', undefined, 400, "'after' takes a number"],
    ['DELETE /tenants/a.example?force=perhaps', undefined, 400, "'force' takes true or false"],
    ['DELETE /tenants/a.example?waitMs=600000', undefined, 400, "'tenant-remove' does not take 'waitMs'"],
    ['PATCH /tenants', undefined, 405, '/api/v1/tenants takes POST, GET'],
    ['GET /moon', undefined, 404, 'there is nothing at /api/v1/moon'],
    ['GET /certificate-query', undefined, 404, /there is nothing/],
    ['POST /nodes/nowhere/drain', undefined, 404, /there is no node 'nowhere'/],
  ] as const) {
    test(`${line} ${JSON.stringify(given)?.slice(0, 60) ?? ''}`, async () => {
      const { status: found, headers, body } = await call(line, given);
      assert.equal(found, status, JSON.stringify(body));
      assert.equal(headers.get('content-type'), 'application/problem+json');
      assert.deepEqual(Object.keys(body), ['type', 'title', 'status', 'detail']);
      assert.equal(body.status, status);
      if (typeof detail === 'string') assert.equal(body.detail, detail);
      else assert.match(body.detail, detail);
    });
  }

  test('a body of another type', async () => {
    const { status, body } = await call('POST /tenants', 'domain=c.example', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    assert.deepEqual([status, body.detail], [400, 'the body is JSON, with content-type: application/json']);
  });

  test('no router answers', async () => {
    await ground.dependencies.bus.close();
    const { status, body } = await call('GET /tenants');
    assert.equal(status, 503, JSON.stringify(body));
  });
});

test('the document has each route once, with its fields and no secret ones', async () => {
  const response = await ground.app.request('https://chat.example/api/openapi.json');
  const document = (await response.json()) as {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string; requestBody?: unknown; parameters?: { name: string }[] }>>;
  };
  assert.equal(document.openapi, '3.1.0');
  const named = Object.values(document.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  const routed = operations.filter(({ http }) => !('whyNone' in http)).map(({ name }) => name);
  assert.deepEqual(named.sort(), routed.sort());
  const removal = document.paths['/tenants/{domain}']!.delete!;
  assert.deepEqual(removal.parameters?.map(({ name }) => name).sort(), ['domain', 'force']);
  assert.match(JSON.stringify(document.paths['/tenants/{domain}/accounts']?.post?.requestBody), /"local"/);
});

test('the reference page loads nothing from elsewhere', async () => {
  const page = await (await ground.app.request('https://chat.example/api/')).text();
  const loaded = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
  assert.equal(loaded.length, 4);
  for (const path of loaded) {
    assert.match(path, /^\/api\//);
    assert.equal((await ground.app.request(`https://chat.example${path}`)).status, 200, path);
  }
});

describe('the audit log', () => {
  test('has what was done by whom, before and after, in the log of its tenant', async () => {
    await call('POST /tenants/a.example/accounts', { local: 'anna', password: 'secret' });
    await call('POST /tenants/a.example/accounts', { local: 'anna', password: 'secret' });
    const { body } = await call('GET /tenants/a.example/audit');
    const told: string[][] = body.entries.map((entry: Record<string, string>) => [
      ...[entry.by, entry.address, entry.operation, entry.outcome],
    ]);
    const refusal = told[3]?.[3] ?? '';
    const by = `key ${token.split('_')[1]}`;
    assert.deepEqual(told, [
      [by, '192.0.2.7', 'user-add', 'begun'],
      [by, '192.0.2.7', 'user-add', 'done'],
      [by, '192.0.2.7', 'user-add', 'begun'],
      [by, '192.0.2.7', 'user-add', refusal],
    ]);
    assert.match(refusal, /^refused: there is an account 'anna@a\.example' already/);
    assert.equal(body.brokenAt, undefined);
    assert.deepEqual((await call('GET /tenants/b.example/audit')).body.entries, []);
  });

  test('shows that an entry was changed or taken out', async () => {
    for (const local of ['anna', 'bert', 'carl']) await call('POST /tenants/a.example/accounts', { local, password: 'secret' });
    const { store } = ground.dependencies;
    const rows = await store.query({ table: 'core', partition: 'a.example/t', prefix: 'audit/', limit: 10, consistent: true });
    const [, second, third] = rows as [unknown, (typeof rows)[0], (typeof rows)[0]];
    await store.put({ table: 'core', ...second, value: second.value.replace('anna', 'eve') });
    assert.equal((await call('GET /tenants/a.example/audit')).body.brokenAt, 2);
    await store.put({ table: 'core', ...second, value: second.value });
    assert.equal((await call('GET /tenants/a.example/audit')).body.brokenAt, undefined);
    await store.delete({ table: 'core', partition: third.partition, sort: third.sort });
    assert.equal((await call('GET /tenants/a.example/audit')).body.brokenAt, 3);
  });

  test('keeps its order when several write at once', async () => {
    await Promise.all(
      Array.from({ length: 60 }, (_, at) => call('POST /tenants/a.example/accounts', { local: `user${at}`, password: 'secret' })),
    );
    const { body } = await call('GET /tenants/a.example/audit');
    assert.deepEqual([body.entries.length, body.next], [100, 100]);
    assert.equal((await call('GET /tenants/a.example/audit?after=100')).body.entries.length, 20);
    assert.equal(body.brokenAt, undefined);
  });

  test('says null where an operation has noted that nothing was there, and the chain is whole', async () => {
    const facts = { by: 'operator', operation: 'motd-set', input: {}, outcome: 'done' };
    await appendAudit(ground.dependencies, 'a.example', { ...facts, change: { before: undefined, after: { text: 'hello' } } });
    await appendAudit(ground.dependencies, 'a.example', { ...facts, change: { before: 'hello', after: undefined } });
    const { status, body } = await call('GET /tenants/a.example/audit');
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(
      body.entries.map(({ change }: { change: unknown }) => change),
      [
        { before: null, after: { text: 'hello' } },
        { before: 'hello', after: null },
      ],
    );
    assert.equal(body.brokenAt, undefined);
  });

  test('refuses the operation when it cannot be written', async () => {
    const { store } = ground.dependencies;
    const put = store.put.bind(store);
    store.put = (row, condition) => (row.sort.startsWith('audit/') ? Promise.reject(new Error('no')) : put(row, condition));
    assert.equal((await call('POST /tenants/a.example/accounts', { local: 'anna', password: 'secret' })).status, 500);
    store.put = put;
    assert.deepEqual((await call('GET /tenants/a.example/accounts')).body.users, []);
  });
});
