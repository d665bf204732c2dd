/**
 * Sign-in with tokens of a tenant's own system (RFC 7519), as OAUTHBEARER (RFC 7628) and as the password of PLAIN: what is taken, whose account
 * it is, and what hostile tokens get.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import type { PolicyChange } from '../../lib/runtime/policy/tenant-policy.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { tokenSecrets } from '../../services/router/sasl/tokens.ts';
import { base64, type Newcomer } from '../support/stage/newcomer.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const issuer = 'https://id.example.org';
const algorithms = ['RS256', 'PS384', 'ES256', 'ES384', 'EdDSA'] as const;
type Algorithm = (typeof algorithms)[number];
const pairs = new Map<Algorithm, { privateKey: CryptoKey; publicKey: CryptoKey }>();
const publicKeys: JWK[] = [];
let stranger: CryptoKey;

let stage: WholeStage;
let folder: string;

before(async () => {
  for (const algorithm of algorithms) {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    pairs.set(algorithm, pair);
    publicKeys.push({ ...(await exportJWK(pair.publicKey)), kid: algorithm, alg: algorithm });
  }
  stranger = (await generateKeyPair('ES256')).privateKey;
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skylark-jwt-'));
  stage = await openStage({
    wrap: (parts) => {
      const keys = openFileKeys({ path: join(folder, 'key'), clock: parts.clock });
      return { ...parts, keys, tokenSecrets: tokenSecrets({ store: parts.store, clock: parts.clock, keys }) };
    },
  });
  await set({ signIn: ['password', 'jwt'], jwtIssuer: issuer, jwtKeys: JSON.stringify({ keys: publicKeys }) });
});
afterEach(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

async function set(policy: PolicyChange, domain = 'a.example'): Promise<void> {
  await stage.dependencies.tenants.setPolicy(domain, policy);
}

interface Claims {
  readonly sub?: unknown;
  readonly iss?: string;
  readonly aud?: string | string[];
  readonly exp?: number | undefined;
  readonly nbf?: number;
  readonly [name: string]: unknown;
}

const now = () => Math.floor(Date.now() / 1_000);

async function sign(claims: Claims = {}, algorithm: Algorithm = 'ES256', key?: CryptoKey): Promise<string> {
  const payload = { sub: 'juliet', iss: issuer, aud: 'a.example', exp: now() + 60, ...claims };
  const header = { alg: algorithm, kid: algorithm };
  return new SignJWT(payload as Record<string, unknown>).setProtectedHeader(header).sign(key ?? pairs.get(algorithm)!.privateKey);
}

const ns = 'urn:ietf:params:xml:ns:xmpp-sasl';
const auth = (mechanism: string, data: string) => `<auth xmlns='${ns}' mechanism='${mechanism}'>${base64(data)}</auth>`;
const bearer = (token: string, head = 'n,,') => `${head}\u0001auth=Bearer ${token}\u0001\u0001`;

async function come(domain = 'a.example'): Promise<Newcomer> {
  const somebody = stage.newcomer(domain);
  await somebody.open();
  return somebody;
}

/** @returns 'success', or the condition of the failure */
function outcomeOf(answer: string): string {
  return /^<success/.test(answer) ? 'success' : (/<failure [^>]*><([\w-]+)/.exec(answer)?.[1] ?? answer);
}

async function plain(token: string, name = 'juliet', domain = 'a.example'): Promise<string> {
  return outcomeOf(await (await come(domain)).asks(auth('PLAIN', `\0${name}\0${token}`)));
}

/** What the client is told in the challenge is in `told`. */
async function oauth(token: string, head?: string, domain = 'a.example'): Promise<{ outcome: string; told?: unknown }> {
  const somebody = await come(domain);
  const answer = await somebody.asks(auth('OAUTHBEARER', bearer(token, head)));
  const [, challenge] = /^<challenge [^>]*>([^<]*)</.exec(answer) ?? [];
  if (challenge === undefined) return { outcome: outcomeOf(answer) };
  const end = await somebody.asks(`<response xmlns='${ns}'>${base64('\u0001')}</response>`);
  return { outcome: outcomeOf(end), told: JSON.parse(Buffer.from(challenge, 'base64').toString()) };
}

for (const algorithm of algorithms) {
  test(`RFC 7519: a token of ${algorithm} signs in both ways, and the account appears`, async () => {
    const token = await sign({ sub: `juliet-${algorithm}` }, algorithm);
    assert.equal(await plain(token, `juliet-${algorithm}`), 'success');
    assert.deepEqual(await oauth(token), { outcome: 'success' });
  });
}

test('a token of HS256 signs in by the secret that the policy has sealed', async () => {
  const { ok } = await perform(stage.dependencies, {
    kind: 'admin',
    operation: 'tenant-set',
    arguments: { domain: 'a.example', jwtSecret: 'a secret of at least 32 characters, as it should be' },
  });
  assert.ok(ok);
  await set({}); // what the router knows of the tenant is read again
  const payload = { sub: 'juliet', iss: issuer, aud: 'a.example', exp: now() + 60 };
  const hs = (secret: string) => new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret));
  assert.equal(await plain(await hs('a secret of at least 32 characters, as it should be')), 'success');
  assert.equal(await plain(await hs('another secret of at least 32 characters, I think')), 'not-authorized');
});

test('RFC 7628 §3.2.2: who is refused is told where to get a token, and fails with the next answer', async () => {
  const found = await oauth(await sign({ exp: now() - 3_600 }));
  assert.deepEqual(found, {
    outcome: 'not-authorized',
    told: { status: 'invalid_token', 'openid-configuration': `${issuer}/.well-known/openid-configuration` },
  });
  await set({ jwtIssuer: 'my own system' });
  assert.deepEqual((await oauth(await sign())).told, { status: 'invalid_token' });
});

test('XEP-0493: who comes with an empty token, and by the other profile too, is told where to get one', async () => {
  const told = { status: 'invalid_token', 'openid-configuration': `${issuer}/.well-known/openid-configuration` };
  for (const value of ['', 'Bearer', 'Bearer ']) {
    const somebody = await come();
    const answer = await somebody.asks(auth('OAUTHBEARER', `n,a=juliet@a.example,\u0001auth=${value}\u0001\u0001`));
    const [, challenge = ''] = /^<challenge [^>]*>([^<]*)</.exec(answer) ?? [];
    assert.deepEqual(JSON.parse(Buffer.from(challenge, 'base64').toString()), told);
    assert.equal(outcomeOf(await somebody.asks(`<response xmlns='${ns}'>${base64('\u0001')}</response>`)), 'not-authorized');
  }
});

test('RFC 7628 §3.1: a message of another shape is malformed', async () => {
  const token = await sign();
  for (const message of [
    token,
    'n,,',
    `n,,\u0001auth=Bearer ${token}`,
    `n,,\u0001auth=Basic ${token}\u0001\u0001`,
    `n,,\u0001\u0001\u0001`,
    `n,,\u0001auth\u0001\u0001`,
    `n,,\u0001auth=Bearertoken\u0001\u0001`,
    `p=tls-unique,,\u0001auth=Bearer ${token}\u0001\u0001`,
    `n,,x\u0001auth=Bearer ${token}\u0001\u0001`,
  ]) {
    assert.equal(outcomeOf(await (await come()).asks(auth('OAUTHBEARER', message))), 'malformed-request', message);
  }
});

test('the authorization identity is the account of the token', async () => {
  const token = await sign();
  assert.equal((await oauth(token, 'n,a=juliet@a.example,')).outcome, 'success');
  for (const other of ['romeo@a.example', 'juliet@b.example'])
    assert.equal((await oauth(token, `n,a=${other},`)).outcome, 'invalid-authzid');
  assert.equal(await plain(token, 'romeo'), 'not-authorized');
});

describe('a claim names the account', () => {
  for (const [sub, expected] of [
    ['Juliet', 'success'],
    ['juliet@a.example', 'success'],
    ['juliet@b.example', 'not-authorized'],
    ['juliet@a.example/balcony', 'not-authorized'],
    ['', 'not-authorized'],
    ['a b', 'not-authorized'],
    ['a'.repeat(1_100), 'not-authorized'],
    [7, 'not-authorized'],
    [['juliet'], 'not-authorized'],
    [undefined, 'not-authorized'],
  ] as const) {
    test(`${JSON.stringify(sub)?.slice(0, 40)}: ${expected}`, async () => {
      assert.equal((await oauth(await sign({ sub }))).outcome, expected);
    });
  }

  test('another claim, if the policy says so', async () => {
    await set({ jwtClaim: 'preferred_username' });
    assert.equal((await oauth(await sign({ preferred_username: 'nurse', sub: '7' }), 'n,a=nurse@a.example,')).outcome, 'success');
    assert.equal((await oauth(await sign())).outcome, 'not-authorized');
  });
});

describe('a hostile token gets nothing, and makes no account', () => {
  const rsa = () => pairs.get('RS256')!;
  const claims = () => ({ sub: 'juliet', iss: issuer, aud: 'a.example', exp: now() + 60 });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const [what, make] of [
    ['alg none', async () => new UnsecuredJWT(claims()).encode()],
    ['alg None, with a signature', async () => `${part({ alg: 'None' })}.${part(claims())}.x`],
    [
      'HS256 with the public key of RSA as the secret',
      async () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'HS256', kid: 'RS256' })
          .sign(Buffer.from(await exportSPKI(rsa().publicKey))),
    ],
    [
      'HS256 with the JWK of RSA as the secret',
      async () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(JSON.stringify(publicKeys[0]))),
    ],
    ['HS256 with an empty secret', async () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32))],
    [
      'a key that it brings along',
      async () => {
        const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
        const jwk = await exportJWK(publicKey);
        return new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', jwk, jku: 'https://evil.example/keys' }).sign(privateKey);
      },
    ],
    ['a key of somebody else under our kid', () => sign({}, 'ES256', stranger)],
    ['another issuer', () => sign({ iss: 'https://id.example.com' })],
    ['no issuer', () => sign({ iss: undefined as never })],
    ['another audience', () => sign({ aud: 'b.example' })],
    ['a list of audiences without ours', () => sign({ aud: ['b.example', 'A.example'] })],
    ['an end in the past', () => sign({ exp: now() - 60 })],
    ['no end', () => sign({ exp: undefined })],
    ['a beginning in the future', () => sign({ nbf: now() + 120 })],
    ['a signature cut off', async () => (await sign()).slice(0, -4)],
    [
      'another payload under the signature',
      async () => {
        const [head, , signature] = (await sign({ sub: 'romeo' })).split('.');
        return `${head}.${part(claims())}.${signature}`;
      },
    ],
    ['an unknown critical header', async () => `${part({ alg: 'ES256', crit: ['x'], x: 1 })}.${part(claims())}.x`],
    ['a header that is not JSON', async () => 'eyJ.eyJ.eyJ'],
    ['more than is taken', async () => sign({ pad: 'x'.repeat(5_200) })],
  ] as const satisfies readonly (readonly [string, () => Promise<string>])[]) {
    test(what, async () => {
      const token = await make();
      assert.equal(await plain(token), 'not-authorized');
      assert.equal((await oauth(token)).outcome, 'not-authorized');
      const { result } = await perform(stage.dependencies, {
        kind: 'admin',
        operation: 'user-list',
        arguments: { domain: 'a.example' },
      });
      assert.doesNotMatch(JSON.stringify(result), /juliet/);
    });
  }
});

test('another tenant takes no token that it has not asked for, nor one for its neighbour', async () => {
  const token = await sign({ aud: 'b.example' });
  assert.equal(await plain(token, 'juliet', 'b.example'), 'not-authorized');
  assert.equal(outcomeOf(await (await come('b.example')).asks(auth('OAUTHBEARER', bearer(token)))), 'invalid-mechanism');
  await set({ signIn: ['jwt'], jwtIssuer: issuer, jwtKeys: JSON.stringify({ keys: publicKeys }) }, 'b.example');
  assert.equal((await oauth(token, undefined, 'b.example')).outcome, 'success');
  assert.equal((await oauth(await sign(), undefined, 'b.example')).outcome, 'not-authorized');
});

test('the ways of the policy are what is offered, and a password is refused where there are none', async () => {
  const mechanisms = async (domain: string) =>
    [...(await stage.newcomer(domain).open()).matchAll(/<mechanism>([^<]*)</g)].map(([, name]) => name);
  assert.deepEqual(
    [...new Set(await mechanisms('b.example'))].filter((name) => !name!.startsWith('HT')),
    ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'],
  );
  assert.ok((await mechanisms('a.example')).includes('OAUTHBEARER'));
  await stage.addAccount('romeo@a.example');
  assert.equal(await plain('secret', 'romeo'), 'success');
  await set({ signIn: ['jwt'] });
  assert.equal(await plain('secret', 'romeo'), 'not-authorized');
  const named = await stage.newcomer('a.example').open('romeo@a.example'); // such features are not given to other streams
  assert.deepEqual(
    [...new Set([...named.matchAll(/<mechanism>((?!HT)[^<]*)</g)].map(([, name]) => name))],
    ['OAUTHBEARER', 'PLAIN'],
  );
});

test('somebody with a token binds, is an account like any other, and gets a token of XEP-0484 for the next time', async () => {
  const agent = `<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>`;
  const request = `<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>`;
  const data = `<initial-response>${base64(bearer(await sign()))}</initial-response>`;
  const somebody = stage.newcomer('a.example');
  await somebody.open();
  const answer = await somebody.asks(
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='OAUTHBEARER'>${data}${agent}${request}</authenticate>`,
  );
  assert.match(answer, /<authorization-identifier>juliet@a\.example</);
  assert.match(answer, /<token [^>]*token='/);
});

test('an account without a password looks like any other to strangers', async () => {
  assert.equal(await plain(await sign()), 'success');
  const offered = async (from: string) => stage.newcomer('a.example').open(from);
  const strip = (features: string) => features.replace(/ id='[^']*'/g, '');
  assert.equal(strip(await offered('juliet@a.example')), strip(await offered('nobody@a.example')));
  assert.equal(await plain('secret'), 'not-authorized');
});

test('RFC 6120 §6.5.2: a disabled account is not let in by a token of its tenant either, and its namesake elsewhere is', async () => {
  await set({ signIn: ['jwt'], jwtIssuer: issuer, jwtKeys: JSON.stringify({ keys: publicKeys }) }, 'b.example');
  assert.equal(await plain(await sign()), 'success');
  await perform(stage.dependencies, { kind: 'admin', operation: 'user-disable', arguments: { jid: 'juliet@a.example' } });
  assert.equal(await plain(await sign()), 'account-disabled');
  assert.equal((await oauth(await sign())).outcome, 'account-disabled');
  assert.equal(await plain(await sign({ aud: 'b.example' }), 'juliet', 'b.example'), 'success');
});

after(() => pairs.clear());
