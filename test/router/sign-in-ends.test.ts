/**
 * How long somebody is let in whom the tenant's own system vouches for, and how that ends: their tokens of XEP-0484, what the policy says of
 * ways to sign in, and accounts that are disabled. Attempts with forged tokens are slowed as wrong passwords are.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import { leftMs } from '../../services/router/sasl/expiry.ts';
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

const bindRequest = `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`;
const ping = `<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>`;
const ends = /<reset xmlns=.*what you have signed in with has expired/;

/** Signs in with a token that is good for so many seconds, and binds. */
async function comesFor(seconds: number, domain = 'a.example') {
  const token = await signToken({ exp: nowSeconds() + seconds, aud: domain });
  const juliet = await ground.come(domain);
  assert.match(await juliet.asks(authenticate('OAUTHBEARER', bearer(token))), /^<success /);
  await juliet.next();
  assert.match(await juliet.asks(bindRequest), /<jid>juliet@/);
  return juliet;
}

test('an open session stays when its token is over, unless the policy of the tenant ends it', async () => {
  await ground.set({ expiredSessions: 'end' }, 'b.example');
  const staying = await comesFor(2);
  const ending = await comesFor(2, 'b.example');
  assert.match(await ending.next(), ends);
  assert.match(await staying.asks(ping), /type='result'/);
});

test('RFC 6120 §6: as the password of PLAIN, without XEP-0388, it is the same', async () => {
  await ground.set({ expiredSessions: 'end' });
  const juliet = await ground.come();
  const token = await signToken({ exp: nowSeconds() + 2 });
  assert.equal(outcomeOf(await juliet.asks(auth('PLAIN', `\0juliet\0${token}`))), 'success');
  await juliet.open();
  assert.match(await juliet.asks(bindRequest), /<jid>juliet@/);
  assert.match(await juliet.next(), ends);
});

test('XEP-0484: who comes back with a token that followed from the tenant’s own is sent away with that one', async () => {
  await ground.set({ expiredSessions: 'end' });
  const first = await byJwt(await signToken({ exp: nowSeconds() + 3_600 }));
  ground.shiftMs = 3_600_000 - 2_500;
  const somebody = ground.stage.newcomer('a.example');
  await somebody.open('juliet@a.example');
  const proof = createHmac('sha256', tokenIn(first)).update('Initiator').digest();
  const data = Buffer.concat([Buffer.from('juliet\0'), proof]);
  assert.match(await somebody.asks(authenticate('HT-SHA-256-NONE', data, "<fast xmlns='urn:xmpp:fast:0'/>")), /^<success /);
  await somebody.next();
  assert.match(await somebody.asks(bindRequest), /<jid>juliet@/);
  assert.match(await somebody.next(), ends);
});

test('how long somebody may stay: by the policy, and not at all beyond what clocks may differ by', async () => {
  const { dependencies } = ground.stage;
  await ground.set({ expiredSessions: 'end' });
  const [a, b] = await Promise.all(['a.example', 'b.example'].map((domain) => dependencies.tenants.find(domain)));
  const now = dependencies.clock.timeOfDay();
  for (const [untilMs, seconds] of [
    [now + 60_000, 60],
    [now - 10_000, 20],
    [now - 60_000, 0],
    [undefined, undefined],
  ] as const) {
    const left = leftMs(dependencies, a!, { untilMs });
    assert.equal(left === undefined ? undefined : Math.round(left / 1_000), seconds);
    assert.equal(leftMs(dependencies, b!, { untilMs }), undefined, 'the other tenant has sessions stay');
  }
});
