/** Sets of keys at addresses that tenants name: how often they are got, and what hostile hosts can do. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { addressOfKeys, jwtKeys } from '../../lib/runtime/policy/jwt-keys.ts';
import { Roots } from '../../lib/s2s/roots.ts';
import { GuardedHttps } from '../../services/federation/finding/guarded-https.ts';
import { JwkSets, keySet } from '../../services/router/sasl/jwks.ts';
import { jwtLimits } from '../../services/router/sasl/limits.ts';
import { address, finderWith, NameServer } from '../federation/finding-ground.ts';
import { identityOf, make } from '../federation/proof-certificates.ts';
import { steppedClock } from '../support/stage/clocks.ts';

let dns: NameServer;
let server: Server;
let url: URL;
let roots: Roots;
let requests = 0;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

before(async () => {
  const root = await make('CN=Root', { ca: -1 });
  const leaf = await make('CN=id.example', { by: root, dns: ['id.example'] });
  roots = new Roots([new X509Certificate(root.der)]);
  server = createServer(await identityOf(leaf), (request, response) => {
    requests++;
    answer(request, response);
  });
  await once(server.listen(0, '127.0.0.9'), 'listening');
  url = new URL(`https://id.example:${(server.address() as AddressInfo).port}/keys`);
  dns = await NameServer.start([address('id.example', '127.0.0.9')]);
});

after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await dns[Symbol.asyncDispose]();
});

function open(networks: readonly string[] = ['127.0.0.0/8']) {
  requests = 0;
  const https = new GuardedHttps({ finder: finderWith({ server: dns, networks }), roots, clock: systemClock });
  const clock = steppedClock();
  return { clock, sets: new JwkSets((at, bytesMax) => https.get(at, bytesMax), clock) };
}

async function pair(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid };
  return { jwk, sign: () => new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey) };
}

const serve = (...keys: object[]) => {
  answer = (_request, response) => response.end(JSON.stringify({ keys }));
};

test('a set is got once for all who ask, and again when it is old or a key is unknown, but not for each guess', async () => {
  const [first, second] = [await pair('1'), await pair('2')];
  serve(first.jwk);
  const { clock, sets } = open();
  await Promise.all(Array.from({ length: 50 }, () => sets.keysAt(url)));
  assert.equal(requests, 1);
  await jwtVerify(await first.sign(), await sets.keysAt(url));
  serve(first.jwk, second.jwk);
  for (let count = 0; count < 50; count++) await sets.keysAt(url, true);
  assert.equal(requests, 1, 'it was got just now');
  clock.advance(jwtLimits.jwksPauseMs);
  for (let count = 0; count < 50; count++) await sets.keysAt(url, true);
  assert.equal(requests, 2);
  await jwtVerify(await second.sign(), await sets.keysAt(url));
  clock.advance(jwtLimits.jwksKeepMs);
  await sets.keysAt(url);
  assert.equal(requests, 3);
});

test('when a set cannot be got again, the one before is in force for a day', async () => {
  const { jwk } = await pair('1');
  serve(jwk);
  const { clock, sets } = open();
  await sets.keysAt(url);
  answer = (_request, response) => response.writeHead(500).end();
  clock.advance(jwtLimits.jwksKeepMs);
  await sets.keysAt(url);
  await sets.keysAt(url);
  assert.equal(requests, 2, 'it is not tried again at once');
  clock.advance(jwtLimits.jwksStaleMs);
  await assert.rejects(sets.keysAt(url), /there are no keys at id\.example/);
  serve(jwk);
  clock.advance(jwtLimits.jwksPauseMs);
  await sets.keysAt(url);
});

for (const [what, hostile] of [
  ['a set of 10 MB', (_request, response) => response.end(`{"keys":[${'{},'.repeat(3_500_000)}{}]}`)],
  [
    'a redirect to an inner address',
    (_request, response) => response.writeHead(302, { location: 'https://127.0.0.1/keys' }).end(),
  ],
  ['a page', (_request, response) => response.end('<html></html>')],
  ['a set that is none', (_request, response) => response.end('{"keys":{"kty":"EC"}}')],
  ['more keys than anybody has', (_request, response) => response.end(JSON.stringify({ keys: Array(101).fill({ kty: 'EC' }) }))],
  [
    'an answer that breaks off',
    (_request, response) => response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy()),
  ],
] as const satisfies readonly (readonly [string, typeof answer])[]) {
  test(`${what} gives no keys, and is not asked for again at once`, async () => {
    answer = hostile;
    const { sets } = open();
    await assert.rejects(sets.keysAt(url), /there are no keys at id\.example/);
    await assert.rejects(sets.keysAt(url), /there are no keys at id\.example/);
    assert.equal(requests, 1);
  });
}

test('an address of an inner network is not asked', async () => {
  serve((await pair('1')).jwk);
  await assert.rejects(open([]).sets.keysAt(url), /there are no keys/);
  assert.equal(requests, 0);
});

test('a secret in a public set signs nothing', async () => {
  const k = Buffer.alloc(32, 1).toString('base64url');
  const keys = keySet(JSON.stringify({ keys: [{ kty: 'oct', k, kid: '1', alg: 'HS256' }] }));
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'HS256', kid: '1' }).sign(Buffer.alloc(32, 1));
  await assert.rejects(jwtVerify(token, keys));
});

test('the policy takes an https address or a set of public keys', async () => {
  const { jwk } = await pair('1');
  for (const value of ['', 'https://id.example/keys', JSON.stringify({ keys: [jwk] })])
    assert.equal(jwtKeys.schema.safeParse(value).success, true, value);
  for (const value of [
    'http://id.example/keys',
    'https://',
    'x',
    '{}',
    '{"keys":[]}',
    JSON.stringify({ keys: [{ ...jwk, d: 'x' }] }),
    '{"keys":[{"kty":"oct","k":"x"}]}',
    'x'.repeat(9_000),
  ])
    assert.equal(jwtKeys.schema.safeParse(value).success, false, value);
  assert.equal(addressOfKeys('https://id.example/keys')?.host, 'id.example');
  assert.equal(addressOfKeys(JSON.stringify({ keys: [jwk] })), undefined);
});
