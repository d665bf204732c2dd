/** What a CDN passes on: it alone is answered, and what it says of the client counts, whatever the client says itself. */
import assert from 'node:assert/strict';
import { type OutgoingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { Hono } from 'hono';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { addressOf, isFromHere, isSafe, isStreaming } from '../../lib/runtime/browser.ts';
import { consoleLimits } from '../../services/console/limits.ts';
import { type FrontServer, startFront } from '../../services/web/front.ts';
import { type Ground, openGround } from '../console/ground.ts';

const key = 'k'.repeat(64);
const host = 'chat.example';
type Headers = Readonly<Record<string, string | readonly string[]>>;
const fromCdn = (viewer: string): Headers => ({ 'x-skylark-front': key, 'x-skylark-viewer': viewer, 'x-skylark-host': host });

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends fields as they are: `fetch` joins those that are given twice. */
function ask({ address: { port } }: FrontServer, path: string, headers: Headers, form?: URLSearchParams): Promise<Answer> {
  const posted = form && { 'content-type': 'application/x-www-form-urlencoded', origin: `https://${host}` };
  return new Promise((resolve, reject) => {
    const sent = request({
      port,
      path,
      method: form ? 'POST' : 'GET',
      headers: { ...posted, ...headers } as OutgoingHttpHeaders,
      agent: false,
    });
    sent.once('error', reject).once('response', (response) => {
      void text(response).then((body) => resolve({ status: response.statusCode!, headers: response.headers, body }), reject);
    });
    sent.end(form?.toString());
  });
}

const start = (app: Hono) => startFront(app, { bind: '127.0.0.1', port: 0, key, clock, lingerMs: 0 });

describe('who is answered, and who it is', () => {
  let front: FrontServer;
  let asked = 0;
  before(async () => {
    const app = new Hono();
    app.all('/', (c) => {
      asked++;
      return c.json({ address: addressOf(c), isSafe: isSafe(c), isFromHere: isFromHere(c), isStreaming: isStreaming(c) });
    });
    front = await start(app);
  });
  after(() => front.stop());

  for (const [what, headers, status] of [
    ['without a key', { ...fromCdn('192.0.2.1'), 'x-skylark-front': '' }, 403],
    ['with another key', { ...fromCdn('192.0.2.1'), 'x-skylark-front': `${key.slice(1)}x` }, 403],
    ['with the key twice', { ...fromCdn('192.0.2.1'), 'x-skylark-front': [key, key] }, 403],
    ['without the address of the client', { ...fromCdn('') }, 400],
    ['with a list of addresses', { ...fromCdn('192.0.2.1, 192.0.2.2') }, 400],
    ['with two addresses', { ...fromCdn(''), 'x-skylark-viewer': ['192.0.2.1', '192.0.2.2'] }, 400],
    ['without a host', { ...fromCdn('192.0.2.1'), 'x-skylark-host': '' }, 400],
    ['with two hosts', { ...fromCdn('192.0.2.1'), 'x-skylark-host': ['chat.example', 'other.example'] }, 400],
  ] as const) {
    test(`${what} nothing of the app is asked`, async () => {
      const before = asked;
      const { status: given, headers: got } = await ask(front, '/', headers);
      assert.deepEqual([given, got['cache-control'], asked - before], [status, 'no-store', 0]);
    });
  }

  test('the address is the one that the CDN has seen, and the way was safe', async () => {
    const forged = { 'x-forwarded-for': '198.51.100.9', 'x-forwarded-proto': 'http', forwarded: 'for=198.51.100.9;proto=http' };
    for (const viewer of ['192.0.2.1', '2001:db8::7']) {
      const { body } = await ask(front, '/', { ...forged, ...fromCdn(viewer) });
      assert.deepEqual(JSON.parse(body), { address: viewer, isSafe: true, isFromHere: false, isStreaming: false });
    }
  });

  test('a form comes from here if its page has the host that the client has asked for, not the one of the way', async () => {
    for (const [origin, isHere] of [
      [`https://${host}`, true],
      ['https://elsewhere.example', false],
      [`http://127.0.0.1:${front.address.port}`, false],
    ] as const) {
      const { body } = await ask(front, '/', { ...fromCdn('192.0.2.1'), origin });
      assert.equal((JSON.parse(body) as { isFromHere: boolean }).isFromHere, isHere, origin);
    }
  });
});

describe('the console behind a CDN', () => {
  let ground: Ground;
  let front: FrontServer;
  before(async () => {
    ground = await openGround();
    front = await start(ground.app);
  });
  after(async () => {
    await front.stop();
    await ground.close();
  });

  async function enter(given: Readonly<Record<string, string>>, viewer: string): Promise<string> {
    const { status, headers } = await ask(front, '/console/enter', fromCdn(viewer), new URLSearchParams(given));
    assert.equal(status, 303);
    return headers['set-cookie']![0]!;
  }

  test('admins of two tenants come in, each to their own, with a cookie for https', async () => {
    for (const [mine, other] of [
      ['a.example', 'b.example'],
      ['b.example', 'a.example'],
    ] as const) {
      const cookie = await enter({ jid: `nurse@${mine}`, password: 'secret' }, '192.0.2.10');
      assert.match(cookie, /^__Host-skylark-console=[\w-]{43};.*; Secure/);
      const mineOnly = { ...fromCdn('192.0.2.10'), cookie: cookie.split(';', 1)[0]! };
      const page = await ask(front, `/console/tenants/${mine}`, mineOnly);
      assert.equal(page.status, 200);
      assert.match(`${page.headers['content-security-policy']}`, /frame-ancestors 'none'/);
      assert.equal(page.headers['cache-control'], 'no-store');
      assert.equal((await ask(front, `/console/tenants/${other}`, mineOnly)).status, 403);
    }
  });

  test('an operator comes in by a link, and is shown no figures that would have to stream', async () => {
    const link = (await ground.link()).split('/').at(-1)!;
    const cookie = (await enter({ link }, '192.0.2.11')).split(';', 1)[0]!;
    const overview = await ask(front, '/console', { ...fromCdn('192.0.2.11'), cookie });
    assert.equal(overview.status, 200);
    assert.ok(!overview.body.includes('/console/live'), 'the page asks for a stream');
    assert.equal((await ask(front, '/console/live', { ...fromCdn('192.0.2.11'), cookie })).status, 404);
  });

  test('whoever guesses is slowed down by the address that the CDN sees, and nobody else is', async () => {
    const guess = async (viewer: string, forwarded: string) => {
      const form = new URLSearchParams({ jid: 'nurse@a.example', password: 'wrong' });
      return (await ask(front, '/console/enter', { ...fromCdn(viewer), 'x-forwarded-for': forwarded }, form)).status;
    };
    const tries = Array.from({ length: consoleLimits.strangerBurst + 5 }, (_, at) => at);
    for (const at of tries) await guess('198.51.100.1', `203.0.113.${at}`);
    assert.equal(await guess('198.51.100.1', '203.0.113.250'), 429);
    assert.equal((await ask(front, '/console', fromCdn('198.51.100.2'))).status, 200);
  });
});
