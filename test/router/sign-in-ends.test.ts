/**
 * How long somebody is let in whom the tenant's own system vouches for, and how that ends: their tokens of XEP-0484, what the policy says of
 * ways to sign in, and accounts that are disabled. Attempts with forged tokens are slowed as wrong passwords are.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
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

let ground: SignInGround;

beforeEach(async () => {
  ground = await openSignInGround();
  for (const domain of ['a.example', 'b.example']) {
    await ground.operate('tenant-set', { domain, jwtSecret: sharedSecret, jwtIssuer: issuer, signIn: ['password', 'jwt'] });
    await ground.set({}, domain); // what the router knows of the tenant is read again
  }
});
afterEach(() => ground.close());

const bearer = (token: string) => `n,,\u0001auth=Bearer ${token}\u0001\u0001`;

/** @returns what a client is told that signs in with a token of the tenant's system */
async function byJwt(token: string, domain = 'a.example'): Promise<string> {
  return (await ground.come(domain)).asks(authenticate('OAUTHBEARER', bearer(token)));
}

test('XEP-0484: no token is valid for longer than the one of the tenant, nor is any that follows from it', async () => {
  const exp = nowSeconds() + 3_600;
  const first = await byJwt(await signToken({ exp }));
  assert.equal(expiryIn(first), exp * 1_000);
  ground.shiftMs = 1_800_000;
  const second = await byToken(ground, 'juliet', tokenIn(first));
  assert.match(second, /^<success /);
  assert.equal(expiryIn(second), exp * 1_000);
  ground.shiftMs = 3_700_000;
  assert.match(await byToken(ground, 'juliet', tokenIn(second)), /<credentials-expired/);
  const longer = await byJwt(await signToken({ exp: nowSeconds() + 400 * 86_400 }));
  assert.ok(expiryIn(longer) <= Date.now() + ground.shiftMs + 21 * 86_400_000, 'the days of the policy still hold');
});

test('a token of XEP-0484 is void when the policy does not have the way any more by which it was got', async () => {
  await ground.stage.addAccount('romeo@a.example');
  const romeo = tokenIn(await (await ground.come()).asks(authenticate('PLAIN', '\0romeo\0secret')));
  const juliet = tokenIn(await byJwt(await signToken()));
  await ground.set({ signIn: ['jwt'] });
  assert.match(await byToken(ground, 'romeo', romeo), /<not-authorized/);
  assert.match(await byToken(ground, 'juliet', juliet), /^<success /);
  await ground.set({ signIn: ['password'] });
  assert.match(await byToken(ground, 'romeo', romeo), /^<success /);
  assert.match(await byToken(ground, 'juliet', juliet), /<not-authorized/);
});

for (const [way, come] of [
  ['password', async () => authenticate('PLAIN', '\0juliet\0secret')],
  ['jwt', async () => authenticate('OAUTHBEARER', bearer(await signToken()))],
] as const) {
  test(`who has signed in by ${way} and is disabled loses the session and the token, for good; the namesake elsewhere does not`, async () => {
    await ground.stage.addAccount('juliet@a.example');
    const other = tokenIn(await byJwt(await signToken({ aud: 'b.example' }), 'b.example'));
    const juliet = await ground.come();
    const token = tokenIn(await juliet.asks(await come()));
    await juliet.next();
    assert.match(
      await juliet.asks(`<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`),
      /<jid>juliet@/,
    );
    await ground.operate('user-disable', { jid: 'juliet@a.example' });
    assert.match(await juliet.next(), /the account is disabled/);
    assert.match(await (await ground.come()).asks(await come()), /<account-disabled/);
    assert.match(await byToken(ground, 'juliet', token), /<not-authorized/);
    await ground.operate('user-enable', { jid: 'juliet@a.example' });
    assert.match(await byToken(ground, 'juliet', token), /<not-authorized/);
    assert.match(await (await ground.come()).asks(await come()), /^<success /);
    assert.match(await byToken(ground, 'juliet', other, 'b.example'), /^<success /);
  });
}

test('forged tokens for an account are slowed after some, in both ways, and other accounts and tenants are not', async () => {
  const ip = '203.0.113.7';
  const forged = await signToken({}, 'another secret of at least 32 characters, I think');
  const oauth = async () => {
    const somebody = await ground.come('a.example', ip);
    const answer = await somebody.asks(auth('OAUTHBEARER', bearer(forged)));
    return answer.startsWith('<challenge') ? 'not-authorized' : outcomeOf(answer);
  };
  for (let count = 0; count < routerLimits.guessesFree / 2; count++) {
    assert.equal(await plain(ground, 'juliet', forged, 'a.example', ip), 'not-authorized');
    assert.equal(await oauth(), 'not-authorized');
  }
  assert.equal(await plain(ground, 'juliet', forged, 'a.example', ip), 'temporary-auth-failure');
  assert.equal(await oauth(), 'temporary-auth-failure');
  assert.equal(await plain(ground, 'juliet', await signToken(), 'a.example', '198.51.100.1'), 'success');
  assert.equal(await plain(ground, 'romeo', await signToken({ sub: 'romeo' }), 'a.example', ip), 'success');
  assert.equal(await plain(ground, 'juliet', await signToken({ aud: 'b.example' }), 'b.example', ip), 'success');
});

test('a token that is too old or for somebody else is refused as often as it is shown, and slows nobody', async () => {
  const old = await signToken({ exp: nowSeconds() - 3_600 });
  const foreign = await signToken({ sub: 'romeo' });
  for (let count = 0; count < routerLimits.guessesFree; count++) {
    assert.equal(await plain(ground, 'juliet', old), 'not-authorized');
    assert.equal(await plain(ground, 'juliet', foreign), 'not-authorized');
  }
  assert.equal(await plain(ground, 'juliet', await signToken()), 'success');
});
