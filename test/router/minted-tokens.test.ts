/** Tokens that an app's own server gets over the API: they sign in one account of one tenant, for minutes, and end with whatever ends it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { SignJWT } from 'jose';
import { base64 } from '../support/stage/newcomer.ts';
import {
  auth,
  authenticate,
  byToken,
  openSignInGround,
  outcomeOf,
  plain,
  type SignInGround,
  sharedSecret,
  signToken,
  tokenIn,
} from './sign-in-ground.ts';

const ns = 'urn:ietf:params:xml:ns:xmpp-sasl';
let ground: SignInGround;

beforeEach(async () => {
  ground = await openSignInGround();
  for (const domain of ['a.example', 'b.example']) {
    await ground.stage.addAccount(`juliet@${domain}`);
    await ground.set({ signIn: ['password', 'api'] }, domain);
  }
});
afterEach(() => ground.close());

async function mint(jid: string, more: object = {}): Promise<string> {
  return ((await ground.operate('token-create', { jid, ...more })) as { token: string }).token;
}

/** @returns 'success', or the condition of the failure */
async function bearer(token: string, domain = 'a.example'): Promise<string> {
  const somebody = await ground.come(domain);
  const answer = await somebody.asks(auth('OAUTHBEARER', `n,,\u0001auth=Bearer ${token}\u0001\u0001`));
  if (!answer.startsWith('<challenge')) return outcomeOf(answer);
  return outcomeOf(await somebody.asks(`<response xmlns='${ns}'>${base64('\u0001')}</response>`));
}

test('RFC 7628: a token signs its account in, by OAUTHBEARER and as the password of PLAIN, and no other', async () => {
  await ground.stage.addAccount('romeo@a.example');
  const token = await mint('juliet@a.example');
  assert.equal(await bearer(token), 'success');
  assert.equal(await plain(ground, 'juliet', token), 'success');
  assert.equal(await plain(ground, 'romeo', token), 'not-authorized');
  assert.equal(await bearer(token, 'b.example'), 'not-authorized', 'the account of the same name at another tenant');
  assert.equal(await plain(ground, 'juliet', token, 'b.example'), 'not-authorized');
});

test('it is good for minutes', async () => {
  const [short, long] = [await mint('juliet@a.example', { seconds: 60 }), await mint('juliet@a.example', { seconds: 600 })];
  ground.shiftMs = 61_000;
  assert.deepEqual([await bearer(short), await bearer(long)], ['not-authorized', 'success']);
  ground.shiftMs = 601_000;
  assert.equal(await bearer(long), 'not-authorized');
  await assert.rejects(mint('juliet@a.example', { seconds: 3_601 }), /'seconds' is not allowed as it is/);
});

for (const [what, end] of [
  ['another password', (g: SignInGround) => g.operate('user-password', { jid: 'juliet@a.example', password: 'another' })],
  [
    'its removal, also when the name is given again',
    async (g: SignInGround) => {
      await g.operate('user-remove', { jid: 'juliet@a.example' });
      await g.operate('user-add', { jid: 'juliet@a.example', password: 'secret' });
    },
  ],
  [
    'being disabled, also when it is enabled again',
    async (g: SignInGround) => {
      await g.operate('user-disable', { jid: 'juliet@a.example' });
      await g.operate('user-enable', { jid: 'juliet@a.example' });
    },
  ],
  ['a revocation', (g: SignInGround) => g.operate('token-revoke', { jid: 'juliet@a.example' })],
  ['the policy', (g: SignInGround) => g.set({ signIn: ['password', 'jwt'] })],
] as const)
  test(`it ends with ${what}`, async () => {
    const token = await mint('juliet@a.example');
    await end(ground);
    assert.equal(await plain(ground, 'juliet', token), 'not-authorized');
    if (what === 'the policy') return;
    ground.shiftMs = 1_000;
    assert.equal(await bearer(await mint('juliet@a.example')), 'success', 'and the next one is good');
  });

test('while the account is disabled, its client is told so, and none is made', async () => {
  await ground.operate('user-disable', { jid: 'juliet@a.example' });
  await assert.rejects(mint('juliet@a.example'), /is disabled/);
});

test('an account without a password is made for it only if that is said, and takes part as any other', async () => {
  await assert.rejects(mint('rosaline@a.example'), /there is no account/);
  assert.equal(await plain(ground, 'rosaline', await mint('rosaline@a.example', { makes: true })), 'success');
  assert.equal(await plain(ground, 'rosaline', ''), 'malformed-request');
  const { users } = (await ground.operate('user-list', { domain: 'a.example' })) as { users: string[] };
  assert.deepEqual(users, ['juliet@a.example', 'rosaline@a.example']);
  await assert.rejects(mint('a@nowhere.example', { makes: true }), /there is no tenant/);
});

test('whoever came with one comes back with tokens of XEP-0484, until these are revoked', async () => {
  const somebody = await ground.come();
  const answer = await somebody.asks(authenticate('PLAIN', `\0juliet\0${await mint('juliet@a.example')}`));
  const fast = tokenIn(answer);
  assert.ok(fast);
  ground.shiftMs = 24 * 60 * 60 * 1_000;
  const next = await byToken(ground, 'juliet', fast);
  assert.match(next, /<success/);
  await ground.operate('token-revoke', { jid: 'juliet@a.example' });
  assert.match(await byToken(ground, 'juliet', tokenIn(next) || fast), /not-authorized/);
});

test('what is forged, changed or made elsewhere is a wrong password', async () => {
  const token = await mint('juliet@a.example');
  const [head, payload, signature] = token.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const write = (changed: object) => Buffer.from(JSON.stringify({ ...claims, ...changed })).toString('base64url');
  const forged = (changed: object, key = 'a key that somebody has guessed, of 32 bytes') =>
    new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(key));
  for (const [what, wrong] of [
    ['another name under the same signature', [head, write({ sub: 'romeo' }), signature].join('.')],
    ['a longer life', [head, write({ exp: 9_999_999_999 }), signature].join('.')],
    ['no signature', [Buffer.from('{"alg":"none"}').toString('base64url'), payload, ''].join('.')],
    ['another key', await forged({})],
    ['no mark', await forged({ mark: undefined })],
    ['a token of the tenant’s own system', await signToken({}, sharedSecret)],
  ] as const) {
    assert.equal(await plain(ground, 'juliet', wrong), 'not-authorized', what);
    ground.shiftMs += 60_000; // so that guessing is not what refuses
  }
});

test('none is made where the policy does not say so, and it is kept nowhere', async () => {
  await ground.set({ signIn: ['password'] });
  await assert.rejects(mint('juliet@a.example'), /do not have 'api'/);
  await ground.set({ signIn: ['api'] });
  const token = await mint('juliet@a.example');
  const { store } = ground.stage.dependencies;
  for (const partition of ['a.example/a/juliet', 'a.example/t', '#audit'])
    for (const { value } of await store.query({ table: 'core', partition, limit: 1_000, consistent: true }))
      assert.ok(!value.includes(token.split('.')[2]!), partition);
  assert.equal(await plain(ground, 'juliet', 'secret'), 'not-authorized', 'a password is not a way any more');
});
