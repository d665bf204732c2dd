/**
 * Sign-in with tokens that an authorization server is asked about (RFC 7662), as OAUTHBEARER (RFC 7628) and as the password of PLAIN. The server is a
 * real one on loopback, behind the guard that dials other servers: what it is asked, what its answers do, and what hostile ones do.
 */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { oauthUrl } from '../../lib/runtime/policy/oauth.ts';
import { Roots } from '../../lib/s2s/roots.ts';
import { GuardedHttps } from '../../services/federation/finding/guarded-https.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { Introspections } from '../../services/router/sasl/introspection.ts';
import { outsideLimits } from '../../services/router/sasl/limits.ts';
import { address, finderWith, NameServer } from '../federation/finding-ground.ts';
import { identityOf, make } from '../federation/proof-certificates.ts';
import { base64 } from '../support/stage/newcomer.ts';
import {
  auth,
  authenticate,
  byToken,
  expiryIn,
  issuer,
  nowSeconds,
  openSignInGround,
  outcomeOf,
  plain,
  type SignInGround,
  sharedSecret,
  signToken,
  tokenIn,
} from './sign-in-ground.ts';

interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let dns: NameServer;
let server: Server;
let roots: Roots;
let url: string;
let ground: SignInGround;
const asked: Asked[] = [];
let answer: (response: ServerResponse, token: string) => void;

before(async () => {
  const root = await make('CN=Root', { ca: -1 });
  const leaf = await make('CN=id.example', { by: root, dns: ['id.example'] });
  roots = new Roots([new X509Certificate(root.der)]);
  server = createServer(await identityOf(leaf), async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    asked.push({ headers: request.headers, body });
    answer(response, new URLSearchParams(body).get('token')!);
  });
  await once(server.listen(0, '127.0.0.9'), 'listening');
  url = `https://id.example:${(server.address() as AddressInfo).port}/introspect`;
  dns = await NameServer.start([address('id.example', '127.0.0.9'), address('inner.example', '10.1.2.3')]);
});

after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await dns[Symbol.asyncDispose]();
});

const active = (more: object = {}) => ({
  active: true,
  username: 'juliet',
  aud: 'a.example',
  exp: nowSeconds() + 3_600,
  ...more,
});
const say = (value: unknown, status = 200) => {
  answer = (response) => response.writeHead(status).end(typeof value === 'string' ? value : JSON.stringify(value));
};

beforeEach(async () => {
  asked.length = 0;
  answer = (response, token) => response.end(JSON.stringify(token.startsWith('good') ? active() : { active: false }));
  await open(['127.0.0.0/8']);
});
afterEach(() => ground.close());

async function open(networks: readonly string[]): Promise<void> {
  ground = await openSignInGround((parts) => {
    const https = new GuardedHttps({ finder: finderWith({ server: dns, networks }), roots, clock: systemClock });
    const postDocument: typeof parts.postDocument = (at, posted, bounds) => https.post(at, posted, bounds);
    return { ...parts, postDocument, introspections: new Introspections() };
  });
  await ask({ signIn: ['oauth'], oauthUrl: url, oauthClient: 'skylark:1', oauthSecret: sharedSecret });
}

async function ask(policy: object, domain = 'a.example'): Promise<void> {
  await ground.operate('tenant-set', { domain, ...policy });
  await ground.set({}, domain); // what the router knows of the tenant is read again
}

/** @returns 'success', or the condition of the failure */
async function bearer(token: string, named = '', domain = 'a.example', ip?: string): Promise<string> {
  const somebody = await ground.come(domain, ip);
  const head = named === '' ? 'n,,' : `n,a=${named},`;
  const said = await somebody.asks(auth('OAUTHBEARER', `${head}\u0001auth=Bearer ${token}\u0001\u0001`));
  if (!said.startsWith('<challenge')) return outcomeOf(said);
  return outcomeOf(await somebody.asks(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64('\u0001')}</response>`));
}

const accountsOf = async (domain = 'a.example') => JSON.stringify(await ground.operate('user-list', { domain }));

test('RFC 7662 §2.1: what it is asked, with the credentials of RFC 6749 §2.3.1', async () => {
  assert.equal(await bearer('good/1+2='), 'success');
  const [{ headers, body }] = asked as [Asked];
  assert.equal(body, 'token=good%2F1%2B2%3D&token_type_hint=access_token');
  assert.equal(headers['content-type'], 'application/x-www-form-urlencoded');
  const [, credentials = ''] = String(headers.authorization).split('Basic ');
  const [id, secret] = Buffer.from(credentials, 'base64').toString().split(':');
  assert.deepEqual([id, secret?.replaceAll('+', ' ').replaceAll('%2C', ',')], ['skylark%3A1', sharedSecret]);
  await ask({ oauthClient: '' });
  assert.equal(await bearer('good-2'), 'success');
  assert.equal(asked[1]!.headers.authorization, `Bearer ${sharedSecret}`);
});

test('the account appears at its first sign-in, by both mechanisms; a token that is not active makes none', async () => {
  assert.equal(await bearer('bad'), 'not-authorized');
  assert.equal(await plain(ground, 'juliet', 'bad'), 'not-authorized');
  assert.doesNotMatch(await accountsOf(), /juliet/);
  for (const named of ['', 'juliet@a.example']) assert.equal(await bearer('good', named), 'success', named);
  assert.match(await accountsOf(), /juliet/);
  assert.equal(await plain(ground, 'juliet', 'good'), 'success');
  assert.equal(await plain(ground, 'romeo', 'good'), 'not-authorized');
  assert.equal(await bearer('good', 'romeo@a.example'), 'not-authorized');
  assert.equal(await bearer('good', 'juliet@b.example'), 'invalid-authzid');
});

test('another tenant asks nobody, and takes no token for its neighbour; without a secret nothing is sent', async () => {
  assert.equal(await bearer('good', '', 'b.example'), 'invalid-mechanism');
  assert.equal(await plain(ground, 'juliet', 'good', 'b.example'), 'not-authorized');
  await ask({ signIn: ['oauth'], oauthUrl: url }, 'b.example');
  assert.equal(await bearer('good', '', 'b.example'), 'temporary-auth-failure');
  assert.equal(asked.length, 0);
  await ask({ oauthSecret: sharedSecret }, 'b.example');
  assert.equal(await bearer('good', '', 'b.example'), 'not-authorized');
  say(active({ aud: 'b.example', username: 'juliet@a.example' }));
  assert.equal(await bearer('good-2', '', 'b.example'), 'not-authorized');
  assert.doesNotMatch(await accountsOf('b.example'), /juliet/);
  say(active({ aud: ['other', 'b.example'] }));
  assert.equal(await bearer('good-3', '', 'b.example'), 'success');
});

test('what is offered, and which tokens go where', async () => {
  const names = async () =>
    [...(await ground.stage.newcomer('a.example').open()).matchAll(/<mechanism>((?!HT)[^<]*)</g)].map(([, name]) => name);
  assert.deepEqual([...new Set(await names())], ['OAUTHBEARER', 'PLAIN']);
  await ask({ signIn: ['password', 'jwt', 'oauth'], jwtIssuer: issuer, jwtSecret: sharedSecret });
  assert.equal(await bearer(await signToken()), 'success');
  assert.equal(await bearer(await signToken({}, 'another secret of at least 32 characters')), 'not-authorized');
  await ground.stage.addAccount('romeo@a.example');
  assert.equal(await plain(ground, 'romeo', 'secret'), 'success');
  assert.equal(await plain(ground, 'romeo', 'no token!'), 'not-authorized');
  assert.equal(asked.length, 0);
  assert.equal(await bearer('good'), 'success');
  await ask({ signIn: ['oauth'] });
  say(active({ iss: issuer }));
  assert.equal(await bearer(await signToken()), 'success');
  assert.equal(await plain(ground, 'juliet', await signToken({ exp: 1 })), 'success', 'the server says what counts');
});

describe('RFC 7662 §2.2: an active token counts only if', () => {
  for (const [what, more, policy, expected] of [
    ['it is for us', { aud: 'elsewhere' }, {}, 'not-authorized'],
    ['it is for us, and says so', { aud: undefined }, {}, 'not-authorized'],
    ['it has the audience of the policy', { aud: ['x', 'chat'] }, { jwtAudience: 'chat' }, 'success'],
    ['it has the scope of the policy', { aud: undefined, scope: 'openid chat' }, { oauthScope: 'chat' }, 'success'],
    ['its scope is whole', { scope: 'chatter' }, { oauthScope: 'chat' }, 'not-authorized'],
    ['its issuer is ours', { iss: 'https://evil.example' }, { jwtIssuer: issuer }, 'not-authorized'],
    ['its issuer is ours: it is', { iss: issuer }, { jwtIssuer: issuer }, 'success'],
    ['it is a bearer token', { token_type: 'DPoP' }, {}, 'not-authorized'],
    ['it is a bearer token: it is', { token_type: 'bearer' }, {}, 'success'],
    ['it ends', { exp: undefined }, {}, 'not-authorized'],
    ['it has not ended', { exp: 1 }, {}, 'not-authorized'],
    ['it has begun', { nbf: nowSeconds() + 600 }, {}, 'not-authorized'],
    ['it names somebody', { username: undefined, sub: 'juliet' }, {}, 'not-authorized'],
    ['it names somebody in the member of the policy', { username: 'x', sub: 'juliet' }, { oauthClaim: 'sub' }, 'success'],
    ['the name is a text', { username: ['juliet'] }, {}, 'not-authorized'],
    ['the name can be one', { username: 'a b' }, {}, 'not-authorized'],
    ['the member is of the answer', {}, { oauthClaim: 'constructor' }, 'not-authorized'],
  ] as const) {
    test(`${what}: ${expected}`, async () => {
      await ask({ oauthClient: 'skylark', ...policy });
      say(active(more));
      assert.equal(await bearer('good'), expected);
      assert.equal((await accountsOf()).includes('juliet'), expected === 'success');
    });
  }
});

test('an answer is used again for a minute, never past the end of the token, and not under another policy', async () => {
  say(active({ exp: nowSeconds() + 30 }));
  for (let count = 0; count < 3; count++) assert.equal(await bearer('good'), 'success');
  assert.equal(asked.length, 1);
  await ask({ oauthClaim: 'sub' });
  assert.equal(await bearer('good'), 'not-authorized');
  assert.equal(asked.length, 2);
  await ask({ oauthClaim: 'username' });
  ground.shiftMs = 31_000;
  assert.equal(await bearer('good'), 'not-authorized', 'it has ended');
  assert.equal(asked.length, 2);
  const kept = new Introspections();
  const said = { name: 'juliet', isForUs: true, fromMs: 0, untilMs: 1e15 };
  kept.keep('first', said, 0);
  assert.equal(kept.find('first', outsideLimits.introspectionKeepMs - 1), said);
  assert.equal(kept.find('first', outsideLimits.introspectionKeepMs), undefined);
  for (let count = 0; count < outsideLimits.introspectionsMax; count++) kept.keep(`${count}`, said, 0);
  assert.equal(kept.find('first', 0), undefined);
});

test('tokens of XEP-0484 end with the token, and a disabled account is not let in', async () => {
  const exp = nowSeconds() + 600;
  say(active({ exp }));
  const message = 'n,,\u0001auth=Bearer good\u0001\u0001';
  const first = await (await ground.come()).asks(authenticate('OAUTHBEARER', message));
  assert.equal(expiryIn(first), exp * 1_000);
  assert.equal(expiryIn(await byToken(ground, 'juliet', tokenIn(first))), exp * 1_000);
  await ground.operate('user-disable', { jid: 'juliet@a.example' });
  assert.equal(await bearer('good'), 'account-disabled');
});

test('the client is told where to get a token, and asks with an empty one (XEP-0493), which nobody is asked about', async () => {
  await ask({ jwtIssuer: issuer });
  for (const token of ['', 'bad']) {
    const said = await (await ground.come()).asks(auth('OAUTHBEARER', `n,,\u0001auth=Bearer ${token}\u0001\u0001`));
    const [, challenge = ''] = /^<challenge [^>]*>([^<]*)</.exec(said) ?? [];
    assert.match(Buffer.from(challenge, 'base64').toString(), /openid-configuration/);
  }
  assert.equal(asked.length, 1);
});

describe('nobody is let in when it is broken or hostile', () => {
  for (const [what, hostile] of [
    ['status 500', (response) => response.writeHead(500).end(JSON.stringify(active()))],
    ['status 401: it does not take our secret', (response) => response.writeHead(401).end()],
    ['a redirect to an inner address', (response) => response.writeHead(307, { location: 'https://10.0.0.1/' }).end()],
    ['a redirect to itself', (response) => response.writeHead(302, { location: '/' }).end()],
    ['a page', (response) => response.end('<html></html>')],
    ['text for a truth', (response) => response.end(JSON.stringify(active({ active: 'true' })))],
    ['nothing', (response) => response.end('{}')],
    ['a list', (response) => response.end('[true]')],
    ['an end that is text', (response) => response.end(JSON.stringify(active({ exp: '9999999999' })))],
    ['10 MB', (response) => response.end(JSON.stringify(active({ x: 'x'.repeat(10_000_000) })))],
    ['a connection that is cut', (response) => response.destroy()],
  ] as const satisfies readonly (readonly [string, typeof answer])[]) {
    test(what, async () => {
      answer = hostile;
      assert.equal(await bearer('good'), 'temporary-auth-failure');
      assert.equal(asked.length, 1, 'it is asked once');
      assert.equal(await plain(ground, 'juliet', 'good'), 'temporary-auth-failure');
      assert.doesNotMatch(await accountsOf(), /juliet/);
    });
  }

  test('one that hangs is given up in time', async () => {
    answer = () => {};
    const began = performance.now();
    assert.equal(await bearer('good'), 'temporary-auth-failure');
    const tookMs = performance.now() - began;
    assert.ok(tookMs >= outsideLimits.outsideMs - 100 && tookMs < outsideLimits.outsideMs + 2_000, `${tookMs} ms`);
  });

  test('an address of an inner network is not dialled', async () => {
    await ground.close();
    await open([]);
    assert.equal(await bearer('good'), 'temporary-auth-failure');
    for (const inner of ['https://inner.example/', 'https://127.0.0.9/', 'https://localhost/', 'https://[::1]/']) {
      await ask({ oauthUrl: inner });
      assert.equal(await bearer('good'), 'temporary-auth-failure', inner);
    }
    assert.equal(asked.length, 0);
  });

  test('what is not a token, or too long for one, is not sent', async () => {
    for (const token of ['a b', 'x'.repeat(7_001), 'tökén', '<x/>']) {
      assert.notEqual(await bearer(token), 'success');
      assert.equal(await plain(ground, 'juliet', token), 'not-authorized');
    }
    assert.equal(asked.length, 0);
  });
});

test('tokens that are not active are slowed: by the account that is named, and else by network', async () => {
  for (const named of ['juliet@a.example', '']) {
    const ip = named === '' ? '203.0.113.7' : '203.0.113.8';
    let tries = 0;
    let outcome = '';
    for (; outcome !== 'temporary-auth-failure' && tries <= 2 * routerLimits.networkGuessesBurst; tries++)
      outcome = await bearer(`bad-${tries}`, named, 'a.example', ip);
    assert.equal(outcome, 'temporary-auth-failure', named);
    const before = asked.length;
    await bearer('bad-again', named, 'a.example', ip);
    assert.equal(asked.length, before, 'nobody is asked any more');
    assert.equal(await bearer('good', '', 'a.example', '198.51.100.1'), 'success');
  }
});

test('the policy takes an https address, and nothing that hides a user', () => {
  for (const value of ['', 'https://id.example/introspect?x=1'])
    assert.equal(oauthUrl.schema.safeParse(value).success, true, value);
  for (const value of ['http://id.example/', 'https://u:p@id.example/', 'file:///etc/passwd', 'x', 'https://id.example/#x'])
    assert.equal(oauthUrl.schema.safeParse(value).success, false, value);
});
