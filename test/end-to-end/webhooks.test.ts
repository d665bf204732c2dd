/** Webhooks of the real program: kill -9 while accounts are made, and each account that is there was told of, signed, at a real HTTPS server. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { address, NameServer } from '../federation/finding-ground.ts';
import { identityOf, make } from '../federation/proof-certificates.ts';
import { Skylark } from '../support/skylark.ts';

const rounds = 4;
const atOnce = 12;
const folder = mkdtempSync(join(tmpdir(), 'skylark-webhooks-'));
let server: Server;
let dns: NameServer;
let skylark: Skylark;
let secret: string;
/** Ids of events by the account that they are of. */
const told = new Map<string, Set<string>>();
const wrong: string[] = [];
const refused = new Set<string>();

before(async () => {
  const root = await make('CN=Root', { ca: -1 });
  const leaf = await make('CN=app.example', { by: root, dns: ['app.example'] });
  writeFileSync(join(folder, 'ca.pem'), root.certificate.toString('pem'));
  server = createServer(await identityOf(leaf), async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const { 'skylark-time': time, 'skylark-signature': signature } = request.headers;
    if (
      signature !==
      `v1=${createHmac('sha256', secret)
        .update(`${time as string}.${body}`)
        .digest('hex')}`
    )
      wrong.push(body);
    const { id, type, data } = JSON.parse(body) as { id: string; type: string; data: { jid: string } };
    if (type === 'account.added') told.set(data.jid, (told.get(data.jid) ?? new Set()).add(id));
    // One in ten is refused at first, and comes again.
    const isRefused = !refused.has(id) && refused.size < told.size / 10;
    if (isRefused) refused.add(id);
    response.writeHead(isRefused ? 503 : 204).end();
  });
  await once(server.listen(0, '127.0.0.9'), 'listening');
  dns = await NameServer.start([address('app.example', '127.0.0.9'), address('inner.example', '10.1.2.3')]);

  skylark = await Skylark.start('localhost', [
    '--s2s-networks',
    '127.0.0.0/8',
    '--s2s-ca',
    join(folder, 'ca.pem'),
    '--s2s-resolver',
    dns.address,
  ]);
});

after(async () => {
  await skylark?.stop();
  server.closeAllConnections();
  server.close();
  await dns[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function call(token: string, method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://localhost:${skylark.ports.http}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

test('each account is told of, whenever the process is killed', async (t) => {
  const token = skylark.command('key', 'add', 'test', '--access', 'write', '--role', 'deployment-owner').trim();
  const url = `https://app.example:${(server.address() as AddressInfo).port}/`;
  const added = await call(token, 'POST', '/tenants/localhost/webhooks', { url, events: ['account.added'] });
  assert.equal(added.status, 201, JSON.stringify(added.body));
  ({ secret } = added.body as { secret: string });
  const { id } = added.body as { id: string };
  await skylark.felt();
  assert.equal((await call(token, 'POST', `/tenants/localhost/webhooks/${id}/test`)).status >= 201, true);

  let killed = 0;
  for (let round = 0; round < rounds; round++) {
    const asking = Array.from({ length: atOnce }, (_, at) =>
      call(token, 'POST', '/tenants/localhost/accounts', { local: `user${round}-${at}`, password: 'secret' }).then(
        ({ status }) => status === 201,
        () => false,
      ),
    );
    await sleep(30 + round * 90);
    await skylark.kill('SIGKILL');
    killed++;
    await Promise.all(asking);
    await skylark.start();
  }
  const users = async () => {
    const found: string[] = [];
    for (let after = ''; ; ) {
      const { body } = await call(token, 'GET', `/tenants/localhost/accounts${after}`);
      const page = body as { users: string[]; next?: string };
      found.push(...page.users);
      if (page.next === undefined) return found;
      after = `?after=${page.next}`;
    }
  };
  // A process may die between the name in the list and the account.
  const isThere = async (jid: string) =>
    (await call(token, 'GET', `/tenants/localhost/accounts/${jid.split('@')[0]!}`)).status === 200;
  const listed = await users();
  const found = await Promise.all(listed.map(isThere));
  const there = listed.filter((_, at) => found[at]);
  t.diagnostic(`${killed} kills, ${there.length} of ${rounds * atOnce} accounts are there`);
  assert.ok(there.length > 0);
  const missing = () => there.filter((jid) => !told.has(jid));
  for (let waitedMs = 0; missing().length > 0 && waitedMs < 90_000; waitedMs += 500) await sleep(500);
  assert.deepEqual(missing(), []);
  assert.deepEqual(
    [...told.keys()].filter((jid) => !there.includes(jid)),
    [],
    'of nothing that is not there',
  );
  assert.deepEqual(
    [...told].filter(([, ids]) => ids.size > 1),
    [],
    'what comes again has the same id',
  );
  assert.deepEqual(wrong, []);
  assert.ok(refused.size > 0);
});

test('an address in a private network is refused, and so is what a name leads to', async () => {
  const token = skylark.command('key', 'add', 'test', '--access', 'write', '--role', 'deployment-owner').trim();
  for (const url of [
    'https://10.1.2.3/',
    'https://[::1]/',
    'https://inner.example/',
    'https://169.254.169.254/latest/meta-data',
  ]) {
    const added = await call(token, 'POST', '/tenants/localhost/webhooks', { url, events: ['room.made'] });
    assert.equal(added.status, 201, JSON.stringify(added.body));
    const { id } = added.body as { id: string };
    await skylark.felt();
    const { status, body } = await call(token, 'POST', `/tenants/localhost/webhooks/${id}/test`);
    assert.equal(status, 502, url);
    assert.match((body as { detail: string }).detail, /did not take the event/);
    await call(token, 'DELETE', `/tenants/localhost/webhooks/${id}`);
  }
});
