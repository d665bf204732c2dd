/** The pages, host-meta and the web client's files, through the app's own door. */
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
  app = webApp({ tenants, log: pino({ level: 'silent' }), defaultDomain: 'a.example', clientFolder });
});

after(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the page is that of the domain asked for, else of the first', async () => {
  for (const [url, domain] of [
    ['http://b.example/', 'b.example'],
    ['http://localhost:5280/', 'a.example'],
  ] as const) {
    const page = await (await app.request(url)).text();
    assert.match(page, new RegExp(`data-domain="${domain}"`), url);
  }
});

test('a page asks no other host for anything', async () => {
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
    links: [{ rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://b.example/xmpp-websocket' }],
  });
  const xml = await app.request('http://a.example:5280/.well-known/host-meta');
  assert.equal(xml.headers.get('content-type'), 'application/xrd+xml');
  assert.equal(xml.headers.get('access-control-allow-origin'), '*');
  assert.match(
    await xml.text(),
    /<Link rel='urn:xmpp:alt-connections:websocket' href='ws:\/\/a\.example:5280\/xmpp-websocket'\/>/,
  );
});

test('the client’s files are served, and nothing beside them', async () => {
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

test('it is well without asking anybody, and says so of what is not there', async () => {
  assert.equal((await app.request('http://a.example/healthz')).status, 200);
  assert.equal((await app.request('http://a.example/nothing')).status, 404);
});
