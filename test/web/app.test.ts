/** The pages, host-meta and the web client's files, through the app itself. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Hono } from 'hono';
import pino from 'pino';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { webApp } from '../../services/web/app.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-web-'));
const clientFolder = join(dirname(fileURLToPath(import.meta.resolve('converse.js'))));
let store: Store;
let app: Hono;

before(async () => {
  store = await openSqliteStore(folder, { clock: systemClock });
  const tenants = new Tenants(store, systemClock);
  await tenants.add('a.example', { registration: 'open', retentionDays: 0 });
  await tenants.add('b.example', { registration: 'closed', retentionDays: 0 });
  await tenants.add('bücher.example', { registration: 'closed', retentionDays: 0 });
  app = webApp({ tenants, log: pino({ level: 'silent' }), defaultDomain: 'a.example', clientFolder });
});

after(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the page is that of the requested domain, or else of the first', async () => {
  for (const [url, domain] of [
    ['http://b.example/', 'b.example'],
    ['http://localhost:5280/', 'a.example'],
  ] as const) {
    const page = await (await app.request(url)).text();
    assert.match(page, new RegExp(`data-domain="${domain}"`), url);
  }
});

test('a page makes no request to another host', async () => {
  const response = await app.request('http://a.example/');
  assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'self'/);
  assert.doesNotMatch(await response.text(), /(src|href)="https?:/);
});

test('an account can be made in the browser only where registration is open', async () => {
  const settings = async (domain: string) => (await app.request(`http://${domain}/client.js`)).text();
  assert.match(await settings('a.example'), /"allow_registration":true/);
  assert.match(await settings('b.example'), /"allow_registration":false/);
});

test('XEP-0156: host-meta in both forms, readable from any origin', async () => {
  const json = await app.request('https://b.example/.well-known/host-meta.json', { headers: { origin: 'https://chat.example' } });
  assert.equal(json.headers.get('access-control-allow-origin'), '*');
  assert.deepEqual(await json.json(), {
    links: [
      { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://b.example/xmpp-websocket' },
      { rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://b.example/http-bind' },
    ],
  });
  const xml = await app.request('http://a.example:5280/.well-known/host-meta');
  assert.equal(xml.headers.get('content-type'), 'application/xrd+xml');
  assert.equal(xml.headers.get('access-control-allow-origin'), '*');
  assert.match(
    await xml.text(),
    /<Link rel='urn:xmpp:alt-connections:websocket' href='ws:\/\/a\.example:5280\/xmpp-websocket'\/>/,
  );
});

for (const host of [
  'evil.example',
  'localhost:5280',
  'x.b.example',
  'b.example.evil.example',
  '192.0.2.1',
  '[2001:db8::1]:443',
]) {
  test(`XEP-0156: host-meta does not exist for ${host}, whatever forwarding headers say`, async () => {
    for (const path of ['/.well-known/host-meta', '/.well-known/host-meta.json']) {
      const headers = { 'x-forwarded-host': 'a.example', forwarded: 'host=a.example', 'x-original-host': 'a.example' };
      const answer = await app.request(`https://${host}${path}`, { headers });
      assert.equal(answer.status, 404);
      const name = host.replace(/:\d+$/, '');
      for (const said of [await answer.text(), ...answer.headers.values()]) assert.ok(!said.includes(name), said);
    }
  });
}

test('no page, script or header repeats a name that is not a tenant’s', async () => {
  for (const path of ['/', '/client.js', '/client.css', '/nothing', '/.well-known/host-meta', '/client/', '/healthz']) {
    for (const [host, forwarded] of [
      ['evil.example', 'a.example'],
      ['a.example', 'evil.example'],
    ] as const) {
      const headers = { 'x-forwarded-host': forwarded, 'x-forwarded-server': forwarded, forwarded: `host=${forwarded}` };
      const answer = await app.request(`https://${host}${path}`, { headers });
      for (const said of [await answer.text(), ...answer.headers.values()]) assert.ok(!said.includes('evil'), `${path}: ${said}`);
    }
  }
});

test('XEP-0156: a name is recognized however it is written, and the answer has its DNS form', async () => {
  for (const [host, href] of [
    ['B.EXAMPLE', 'wss://b.example/xmpp-websocket'],
    ['b.example.', 'wss://b.example/xmpp-websocket'],
    ['b.example:8443', 'wss://b.example:8443/xmpp-websocket'],
    ['xn--bcher-kva.example', 'wss://xn--bcher-kva.example/xmpp-websocket'],
  ] as const) {
    const answer = await app.request(`https://${host}/.well-known/host-meta.json`);
    assert.equal(((await answer.json()) as { links: { href: string }[] }).links[0]!.href, href);
  }
});

test('XEP-0156: a configured WebSocket URL is the answer under any name', async () => {
  const webSocketUrl = 'wss://chat.operator.example/xmpp-websocket';
  const told = webApp({
    ...{ tenants: new Tenants(store, systemClock), log: pino({ level: 'silent' }), defaultDomain: 'a.example', clientFolder },
    webSocketUrl,
  });
  for (const host of ['a.example', 'web.operator.example']) {
    const answer = await told.request(`https://${host}/.well-known/host-meta.json`);
    assert.equal(((await answer.json()) as { links: { href: string }[] }).links[0]!.href, webSocketUrl);
  }
});

test('the client’s files are served, and nothing outside of their folder', async () => {
  const css = await app.request('http://a.example/client/converse.min.css');
  assert.equal(css.status, 200);
  assert.equal(css.headers.get('content-type'), 'text/css; charset=utf-8');
  const etag = css.headers.get('etag')!;
  assert.equal(
    (await app.request('http://a.example/client/converse.min.css', { headers: { 'if-none-match': etag } })).status,
    304,
  );
  for (const path of [
    '/client/',
    '/client/..%2fpackage.json',
    '/client/%2e%2e/package.json',
    '/client/%00.css',
    '/client/nothing.js',
    '/client/%zz',
  ]) {
    const response = await app.request(`http://a.example${path}`);
    assert.equal(response.status, 404, `${path}: ${await response.text()}`);
  }
});

test('it is healthy without asking store or bus, and answers 404 for unknown paths', async () => {
  assert.equal((await app.request('http://a.example/healthz')).status, 200);
  assert.equal((await app.request('http://a.example/nothing')).status, 404);
});
