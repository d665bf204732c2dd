/** The REST API of a whole service: a domain and an account that were made through it serve an XMPP client at once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

let skylark: Skylark;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
});

after(() => skylark.stop());

test('a tenant, an account and a new password, over HTTPS with a key; then a client signs in', async () => {
  const token = skylark.command('key', 'add', 'test', '--access', 'write').trim();
  const call = async (line: string, body?: object) => {
    const [method, path] = line.split(' ') as [string, string];
    const response = await fetch(`https://localhost:${skylark.ports.https}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const made = [
    await call('POST /tenants', { domain: 'made.example' }),
    await call('POST /tenants/made.example/accounts', { local: 'juliet', password: 'first' }),
    await call('PUT /tenants/made.example/accounts/juliet/password', { password: 'capulet' }),
    await call('PATCH /tenants/made.example/policy', { federation: 'closed' }),
  ];
  assert.deepEqual(
    made.map(({ status, body }) => [status, body.detail]),
    [201, 201, 200, 200].map((status) => [status, undefined]),
  );
  const juliet = xmppjs({
    service: `xmpp://127.0.0.1:${skylark.ports.c2s}`,
    ...{ domain: 'made.example', username: 'juliet', password: 'capulet' },
  });
  juliet.on('error', () => {});
  const address = (await juliet.start()) as { bare(): unknown };
  assert.equal(`${address.bare()}`, 'juliet@made.example');
  await juliet.stop();
  const nodes = (await call('GET /nodes')).body.nodes as { kind: string; state: string }[];
  assert.ok(nodes.length > 0 && nodes.every(({ state }) => state === 'up'), JSON.stringify(nodes));
});
