/** `skylark serve api`: console, REST API and pages of invites in a process without streams, for a CDN in front; a router over NATS answers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type NatsServer, skipWithoutNats, startNats } from '../adapters/nats-server.ts';
import { removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
const key = 'k'.repeat(64);
const web = 'https://chat.example.org';
const front = { 'x-skylark-front': key, 'x-skylark-viewer': '192.0.2.7', 'x-skylark-host': 'chat.example.org' };
after(() => removeFolder(folder));

describe('the tier api', { skip: skipWithoutNats, timeout: 120_000 }, () => {
  let engine: Service;
  let nats: NatsServer;
  let router: Service;
  let api: Service;
  let place: readonly string[];
  const command = async (...args: string[]) => {
    const { out, err, code } = await skylark([...args, ...place]);
    assert.equal(code, 0, err);
    return out.trim();
  };

  before(async () => {
    [engine, nats] = await Promise.all([
      Service.start(['serve', 'dynamodb', '--data', folder], 'listening', { json: false }),
      startNats(),
    ]);
    const dynamodb = `http://127.0.0.1:${engine.addresses.dynamodb!.port}`;
    place = ['--dynamodb', dynamodb];
    const { createTables } = await import('../../lib/adapters/dynamodb-store.ts');
    const { systemClock: clock } = await import('../../lib/adapters/system-clock.ts');
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    await createTables({ endpoint: dynamodb, region: 'eu-central-1', credentials, clock, tablePrefix: 'skylark-' });
    const common = { SKYLARK_DYNAMODB: dynamodb, SKYLARK_NATS: nats.url };
    const cell = {
      ...{ SKYLARK_CELL: 'one', SKYLARK_CELL_HOST: 'xmpp.example.org', SKYLARK_CELL_SERVERS_HOST: 's2s.example.org' },
      SKYLARK_CELL_WEB_URL: web,
    };
    const start = (service: string, variables: Readonly<Record<string, string>>) =>
      Service.start(['serve', service], 'listening', { variables: { ...common, ...variables }, json: false });
    router = await start('router', cell);
    api = await start('api', { SKYLARK_FRONT_PORT: '0', SKYLARK_FRONT_KEY: key, SKYLARK_HEALTH_PORT: '0' });
    for (const domain of ['one.example', 'two.example']) await command('tenant', 'add', domain);
  });
  after(async () => {
    await Promise.all([api, router].map((service) => service?.stop('SIGKILL')));
    await nats?.stop();
    await engine?.stop();
  });

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${api.addresses.front!.port}${path}`, {
      ...init,
      redirect: 'manual',
      headers: { ...front, ...(init.headers as Readonly<Record<string, string>>) },
    });

  test('the link that `skylark console` prints leads to where the cell has its pages, and opens the console there', async () => {
    const link = (await command('console')).split('\n')[0]!;
    assert.ok(link.startsWith(`${web}/console/enter/`), link);
    assert.equal((await ask(new URL(link).pathname)).status, 200);
    const entered = await ask('/console/enter', {
      method: 'POST',
      headers: { origin: web, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ link: link.split('/').at(-1)! }),
    });
    assert.equal(entered.status, 303);
    const cookie = entered.headers.getSetCookie()[0]!.split(';', 1)[0]!;
    const nodes = await (await ask('/console/nodes', { headers: { cookie } })).text();
    for (const kind of ['router', 'api']) assert.match(nodes, new RegExp(`>${kind}<`));
  });

  test('keys of two tenants reach their own accounts by the REST API; what the CDN has not passed on reaches nothing', async () => {
    const account = { local: 'juliet', password: 'capulet' };
    for (const [mine, other] of [
      ['one.example', 'two.example'],
      ['two.example', 'one.example'],
    ] as const) {
      const token = (await command('key', 'add', `of-${mine}`, '--access', 'write', '--tenant', mine)).split('\n')[0]!;
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const post = (domain: string, more: Readonly<Record<string, string>> = {}) =>
        ask(`/api/v1/tenants/${domain}/accounts`, {
          ...{ method: 'POST', body: JSON.stringify(account) },
          headers: { ...headers, ...more },
        });
      assert.equal((await post(mine, { 'x-skylark-front': 'guessed' })).status, 403);
      assert.equal((await post(mine)).status, 201);
      assert.equal((await post(other)).status, 403);
    }
    assert.equal(await command('user', 'list'), 'juliet@one.example\njuliet@two.example');
  });

  test('links to the pages of invites and passwords are complete, and the pages are served', async () => {
    const token = (await command('key', 'add', 'all', '--access', 'write')).split('\n')[0]!;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const made = await ask('/api/v1/tenants/one.example/invites', { method: 'POST', headers, body: '{"uses":1}' });
    assert.equal(made.status, 201);
    const { url } = (await made.json()) as { url: string };
    assert.ok(url.startsWith(`${web}/invite/one.example/`), url);
    const page = await ask(new URL(url).pathname);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-security-policy')!, /^default-src 'none'/);
    const reset = (await command('user', 'reset', 'juliet@two.example')).split('\n')[0]!;
    assert.ok(reset.startsWith(`${web}/reset/two.example/`), reset);
    assert.equal((await ask(new URL(reset).pathname)).status, 200);
  });

  test('told to stop it still answers for a while, since its address was read before, and ends in order', async () => {
    api.child.kill('SIGTERM');
    await new Promise((resolve) => void setTimeout(resolve, 2_000));
    assert.equal((await ask('/api/openapi.json')).status, 200);
    assert.equal(await api.ended, 0, api.said.err);
  });

  test('both options of the port are needed', async () => {
    const { code, err } = await skylark(['serve', 'api', ...place, '--nats', nats.url, '--front-port=0']);
    assert.equal(code, 2);
    assert.match(err, /--front-port and --front-key are needed/);
  });
});
