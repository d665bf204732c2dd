/**
 * Sign-in by a webhook: the tenant's own system is asked over HTTPS whether a password is right. What it is sent, what its answers do, and what
 * hostile or broken ones do. The server is a real one on loopback, behind the guard that dials other servers.
 */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHmac, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { webhookUrl } from '../../lib/runtime/policy/webhook.ts';
import { Roots } from '../../lib/s2s/roots.ts';
import { GuardedHttps } from '../../services/federation/finding/guarded-https.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { outsideLimits } from '../../services/router/sasl/limits.ts';
import { address, finderWith, NameServer } from '../federation/finding-ground.ts';
import { identityOf, make } from '../federation/proof-certificates.ts';
import {
  authenticate,
  byToken,
  expiryIn,
  nowSeconds,
  openSignInGround,
  plain,
  type SignInGround,
  sharedSecret,
  tokenIn,
} from './sign-in-ground.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let dns: NameServer;
let server: Server;
let roots: Roots;
let url: string;
let ground: SignInGround;
const asked: Asked[] = [];
let answer: (response: ServerResponse, body: { readonly name: string; readonly password: string }) => void;

before(async () => {
  const root = await make('CN=Root', { ca: -1 });
  const leaf = await make('CN=id.example', { by: root, dns: ['id.example'] });
  roots = new Roots([new X509Certificate(root.der)]);
  server = createServer(await identityOf(leaf), async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    asked.push({ method: request.method!, url: request.url!, headers: request.headers, body });
    answer(response, JSON.parse(body));
  });
  await once(server.listen(0, '127.0.0.9'), 'listening');
  url = `https://id.example:${(server.address() as AddressInfo).port}/sign-in?tenant=a`;
  dns = await NameServer.start([address('id.example', '127.0.0.9'), address('inner.example', '10.1.2.3')]);
});

after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await dns[Symbol.asyncDispose]();
});

beforeEach(async () => {
  asked.length = 0;
  answer = (response, { password }) => response.end(JSON.stringify({ allowed: password === 'capulet' }));
  await open(['127.0.0.0/8']);
});
afterEach(() => ground.close());

async function open(networks: readonly string[]): Promise<void> {
  ground = await openSignInGround((parts) => {
    const https = new GuardedHttps({ finder: finderWith({ server: dns, networks }), roots, clock: systemClock });
    return { ...parts, postDocument: (at, posted, bounds) => https.post(at, posted, bounds) };
  });
  await ask({ signIn: ['webhook'], webhookUrl: url, webhookSecret: sharedSecret });
}

async function ask(policy: object, domain = 'a.example'): Promise<void> {
  await ground.operate('tenant-set', { domain, ...policy });
  await ground.set({}, domain); // what the router knows of the tenant is read again
}

const say = (value: unknown, status = 200) => {
  answer = (response) => response.writeHead(status).end(typeof value === 'string' ? value : JSON.stringify(value));
};

test('what it is asked: the exact bytes that docs/operations.md names, signed', async () => {
  assert.equal(await plain(ground, 'Juliet', 'capulet', 'a.example', '203.0.113.9'), 'success');
  const [{ method, url: path, headers, body }] = asked as [Asked];
  assert.deepEqual([method, path], ['POST', '/sign-in?tenant=a']);
  assert.equal(body, '{"domain":"a.example","name":"juliet","password":"capulet","address":"203.0.113.9"}');
  assert.equal(headers['content-type'], 'application/json');
  const time = String(headers['skylark-time']);
  assert.ok(Math.abs(Number(time) - nowSeconds()) < 10);
  const signature = createHmac('sha256', sharedSecret).update(`${time}.${body}`).digest('hex');
  assert.equal(headers['skylark-signature'], `v1=${signature}`);
});

test('an account appears at its first sign-in; a wrong password makes none; another tenant asks nobody', async () => {
  assert.equal(await plain(ground, 'juliet', 'montague'), 'not-authorized');
  await assert.rejects(ground.operate('user-show', { jid: 'juliet@a.example' }));
  assert.equal(await plain(ground, 'juliet', 'capulet'), 'success');
  await ground.operate('user-show', { jid: 'juliet@a.example' });
  assert.equal(await plain(ground, 'juliet', 'capulet', 'b.example'), 'not-authorized');
  assert.equal(asked.length, 2);
  await ask({ signIn: ['webhook'], webhookUrl: url }, 'b.example');
  assert.equal(await plain(ground, 'juliet', 'capulet', 'b.example'), 'temporary-auth-failure');
  assert.equal(asked.length, 2, 'without a secret nothing is sent');
});

test('only PLAIN is offered, also where passwords are kept, too; both are taken then, and a kept one is not sent', async () => {
  await ask({ signIn: ['password', 'webhook'] });
  await ground.stage.addAccount('romeo@a.example');
  const features = await ground.stage.newcomer('a.example').open('romeo@a.example');
  const names = new Set([...features.matchAll(/<mechanism>((?!HT)[^<]*)</g)].map(([, name]) => name));
  assert.deepEqual([...names], ['PLAIN']);
  assert.equal(await plain(ground, 'romeo', 'secret'), 'success');
  assert.equal(asked.length, 0);
  assert.equal(await plain(ground, 'romeo', 'capulet'), 'success');
  assert.equal(await plain(ground, 'romeo', 'neither'), 'not-authorized');
  server.closeAllConnections();
  say('down', 503);
  assert.equal(await plain(ground, 'romeo', 'secret'), 'success');
  assert.equal(await plain(ground, 'romeo', 'neither'), 'temporary-auth-failure');
});

describe('what the answer says', () => {
  test('the account, which must be one that the client may be', async () => {
    say({ allowed: true, name: 'Capulet' });
    assert.equal(await plain(ground, 'juliet', 'x'), 'success');
    await ground.operate('user-show', { jid: 'capulet@a.example' });
    await assert.rejects(ground.operate('user-show', { jid: 'juliet@a.example' }));
    const named = ground.stage.newcomer('a.example');
    await named.open('juliet@a.example');
    assert.match(await named.asks(authenticate('PLAIN', '\0juliet\0x')), /<not-authorized/);
    const acting = await (await ground.come()).asks(authenticate('PLAIN', 'juliet@a.example\0juliet\0x'));
    assert.match(acting, /<invalid-authzid/);
    for (const name of ['', 'a b', 'x@b.example', 'a'.repeat(1_100)]) {
      say({ allowed: true, name });
      assert.equal(await plain(ground, 'juliet', 'x'), 'temporary-auth-failure', name.slice(0, 20));
    }
  });

  test('the role, which stays where it says nothing', async () => {
    const role = async () => ((await ground.operate('user-show', { jid: 'juliet@a.example' })) as { role: string }).role;
    for (const [said, expected] of [
      [undefined, 'none'],
      ['admin', 'admin'],
      [undefined, 'admin'],
      ['none', 'none'],
    ] as const) {
      say({ allowed: true, role: said });
      assert.equal(await plain(ground, 'juliet', 'x'), 'success');
      assert.equal(await role(), expected);
    }
    say({ allowed: true, role: 'owner' });
    assert.equal(await plain(ground, 'juliet', 'x'), 'temporary-auth-failure');
  });

  test('until when: no token of XEP-0484 is valid for longer, and a time in the past lets nobody in', async () => {
    const expires = nowSeconds() + 600;
    say({ allowed: true, expires });
    const first = await (await ground.come()).asks(authenticate('PLAIN', '\0juliet\0x'));
    assert.equal(expiryIn(first), expires * 1_000);
    ground.shiftMs = 300_000;
    const second = await byToken(ground, 'juliet', tokenIn(first));
    assert.equal(expiryIn(second), expires * 1_000);
    ground.shiftMs = 700_000;
    assert.match(await byToken(ground, 'juliet', tokenIn(second)), /<credentials-expired/);
    say({ allowed: true, expires: nowSeconds() - 1 });
    assert.equal(await plain(ground, 'juliet', 'x'), 'not-authorized');
  });
});

test('a disabled account is not let in, whatever is answered, and loses session and token', async () => {
  const token = tokenIn(await (await ground.come()).asks(authenticate('PLAIN', '\0juliet\0capulet')));
  await ground.operate('user-disable', { jid: 'juliet@a.example' });
  assert.equal(await plain(ground, 'juliet', 'capulet'), 'account-disabled');
  await ground.operate('user-enable', { jid: 'juliet@a.example' });
  assert.match(await byToken(ground, 'juliet', token), /<not-authorized/);
});

describe('nobody is let in when it is broken or hostile', () => {
  for (const [what, hostile] of [
    ['status 500', (response) => response.writeHead(500).end('{"allowed":true}')],
    ['status 204', (response) => response.writeHead(204).end()],
    ['a redirect to an inner address', (response) => response.writeHead(307, { location: 'https://10.0.0.1/' }).end()],
    ['a redirect to itself', (response) => response.writeHead(302, { location: '/' }).end()],
    ['a page', (response) => response.end('<html></html>')],
    ['text for a truth', (response) => response.end('{"allowed":"true"}')],
    ['a number for a truth', (response) => response.end('{"allowed":1}')],
    ['nothing', (response) => response.end('{}')],
    ['a list', (response) => response.end('[true]')],
    ['an end that is text', (response) => response.end('{"allowed":true,"expires":"tomorrow"}')],
    ['10 MB', (response) => response.end(`{"allowed":true,"x":"${'x'.repeat(10_000_000)}"}`)],
    [
      'an answer that breaks off',
      (response) => response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy()),
    ],
    ['a connection that is cut', (response) => response.destroy()],
  ] as const satisfies readonly (readonly [string, typeof answer])[]) {
    test(what, async () => {
      answer = hostile;
      assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
      assert.equal(asked.length, 1, 'it is asked once');
      await assert.rejects(ground.operate('user-show', { jid: 'juliet@a.example' }));
    });
  }

  test('one that hangs is given up in time', async () => {
    answer = () => {};
    const began = performance.now();
    assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
    const tookMs = performance.now() - began;
    assert.ok(tookMs >= outsideLimits.outsideMs - 100 && tookMs < outsideLimits.outsideMs + 2_000, `${tookMs} ms`);
  });

  test('an address of an inner network is not dialled', async () => {
    await ground.close();
    await open([]);
    assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
    for (const webhookUrl of ['https://inner.example/', 'https://127.0.0.9/', 'https://localhost/', 'https://[::1]/']) {
      await ask({ webhookUrl });
      assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure', webhookUrl);
    }
    assert.equal(asked.length, 0);
  });

  test('a wrong password by status 401 or 403 is one', async () => {
    for (const status of [401, 403]) {
      say('', status);
      assert.equal(await plain(ground, 'juliet', 'capulet'), 'not-authorized');
    }
  });
});

test('wrong passwords are slowed as others are, and then it is not asked any more', async () => {
  const ip = '203.0.113.7';
  for (let count = 0; count < routerLimits.guessesFree; count++)
    assert.equal(await plain(ground, 'juliet', 'montague', 'a.example', ip), 'not-authorized');
  const before = asked.length;
  assert.equal(await plain(ground, 'juliet', 'montague', 'a.example', ip), 'temporary-auth-failure');
  assert.equal(asked.length, before);
  assert.equal(await plain(ground, 'juliet', 'capulet', 'a.example', '198.51.100.1'), 'success');
});

test('the policy takes an https address, and nothing that hides a user or a script', () => {
  for (const value of ['', 'https://id.example/sign-in?x=1'])
    assert.equal(webhookUrl.schema.safeParse(value).success, true, value);
  for (const value of [
    'http://id.example/',
    'https://u:p@id.example/',
    'https://',
    'file:///etc/passwd',
    'x',
    'https://id.example/#x',
  ])
    assert.equal(webhookUrl.schema.safeParse(value).success, false, value);
});
