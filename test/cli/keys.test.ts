/** `skylark key …` and `skylark audit`, and the REST API of a running service, which the key opens. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
const data = join(folder, 'data');
let service: Service;

before(async () => {
  service = await Service.start(['start', '--data', data, ...anyPorts]);
});
after(async () => {
  await service.stop();
  removeFolder(folder);
});

async function run(...args: readonly string[]): Promise<string> {
  const { out, err, code } = await skylark([...args, '--data', data]);
  assert.deepEqual([err, code], ['', 0]);
  return out.trimEnd();
}

async function call(token: string, line: string, body?: object): Promise<{ status: number; body: unknown }> {
  const [method, path] = line.split(' ') as [string, string];
  const response = await fetch(`http://127.0.0.1:${service.addresses.http!.port}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

test('a key that was just made opens the API of its tenant, until it is removed', async () => {
  const token = await run('key', 'add', 'test', '--tenant', 'localhost', '--access', 'write', '--days', '2');
  assert.match(token, /^sk_[0-9a-f]{16}_[\w-]{43}$/);
  const id = token.split('_')[1]!;
  const added = await call(token, 'POST /tenants/localhost/accounts', { local: 'anna', password: 'secret' });
  assert.deepEqual(added, { status: 201, body: { jid: 'anna@localhost' } });
  assert.equal(await run('user', 'list', 'localhost'), 'anna@localhost');
  assert.equal((await call(token, 'GET /nodes')).status, 403);

  const { expiresAt, usedOn, createdAt, ...key } = JSON.parse(await run('key', 'list', '--json'));
  assert.deepEqual(key, { id, name: 'test', domain: 'localhost', access: 'write', role: 'admin', content: false });
  assert.match(`${expiresAt} ${usedOn} ${createdAt}`, /^\d{4}-.*Z \d{4}-\d\d-\d\d \d{4}-.*Z$/);
  assert.match(await run('key', 'list'), new RegExp(`^${id}  write  admin  localhost  expires \\d.*  used \\d.*  test$`));

  const next = await run('key', 'rotate', id, '--overlap-hours', '1');
  assert.deepEqual(
    [(await call(token, 'GET /tenants/localhost/accounts')).status, (await call(next, 'GET /tenants/localhost/accounts')).status],
    [200, 200],
  );
  assert.equal(await run('key', 'remove', id), `removed ${id}`);
  assert.equal((await call(next, 'GET /tenants/localhost/accounts')).status, 401);
  assert.deepEqual(await skylark(['key', 'remove', id, '--data', data]), {
    out: '',
    err: `skylark: there is no key '${id}'; to see them: skylark key list\n`,
    code: 1,
  });
});

test('what no key of a row has room for is refused in a sentence', async () => {
  for (const args of [
    ['key', 'remove', 'x'.repeat(2_000)],
    ['device', 'revoke', `${'x'.repeat(1_000)}@localhost`, 'id'],
  ]) {
    const { out, err, code } = await skylark([...args, '--data', data]);
    assert.deepEqual([out, code], ['', 1]);
    assert.match(err, /^skylark: [^\n]*too long for (?:this server|an account)\n$/);
  }
});

test('the audit log tells what operators and keys have done, and no password', async () => {
  await run('user', 'add', 'bert@localhost', '--password', 'a-password');
  const token = await run('key', 'add', 'other');
  await call(token, 'GET /tenants');
  const tenants = await run('audit', 'localhost');
  assert.match(tenants, /^\d+ {2}\S+Z {2}operator {2}user-add \{"jid":"bert@localhost"\}: done$/m);
  const deployment = await run('audit');
  assert.match(deployment, /operator {2}key-add \{"name":"other","access":"read"\}: done$/m);
  assert.doesNotMatch(tenants + deployment, /a-password|sk_|tenant-list/);
  const [first] = (await run('audit', '--json')).split('\n').map((line) => JSON.parse(line));
  assert.deepEqual([first.number, first.operation, first.outcome], [1, 'tenant-add', 'begun']);
});
