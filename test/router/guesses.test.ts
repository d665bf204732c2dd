/**
 * Guessing of passwords: how many wrong ones are looked at, from where, and that the owner gets in meanwhile. The clock stands until the
 * test moves it, so nothing here depends on how fast the machine is.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { pino } from 'pino';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { Shares } from '../../services/router/core/shares.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { type SaslResult, saslStep } from '../../services/router/sasl/exchange.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { base64, binding, Client, conditionOf, dataOf, ns, openServer } from './sasl-client.ts';

const attacker = '203.0.113.66';
const elsewhere = '192.0.2.1';
// The store's own clock is the system's, and rows of the past would have expired.
const stepped = steppedClock();
const startMs = systemClock.now() - stepped.now();
const clock = { ...stepped, now: () => startMs + stepped.now() };
let server: Awaited<ReturnType<typeof openServer>>;
let lines: { account: string; address: string; msg: string }[];

beforeEach(async () => {
  lines = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  server = await openServer({ clock, log });
});
afterEach(() => server.dependencies.close());

/** What a node asks when a client tries PLAIN. */
function tryPlain(local: string, password: string, address: string, tenant: Tenant = server.tenant): Promise<SaslResult> {
  const auth = `<auth xmlns='${ns}' mechanism='PLAIN'>${base64(`\0${local}\0${password}`)}</auth>`;
  return saslStep(server.dependencies, tenant, undefined, Stanza.parse(auth), { secure: true, binding: {}, address });
}

async function tryScram(local: string, password: string, address: string): Promise<SaslResult> {
  const client = new Client('SCRAM-SHA-256', local, password);
  const context = { secure: true, binding: {}, address };
  const first = await server.auth('SCRAM-SHA-256', client.first, context);
  return server.respond(first.state, client.final(dataOf(first, 'challenge')), context);
}

type Try = (local: string, password: string, address: string) => Promise<SaslResult>;

/** @returns how many were looked at before the first that was not */
async function guessUntilRefused(attempt: Try, address: (n: number) => string, local = 'juliet'): Promise<number> {
  for (let n = 0; n < 1_390; n++) {
    const condition = conditionOf(await attempt(local, `wrong ${n}`, address(n)));
    if (condition === 'temporary-auth-failure') return n;
    assert.equal(condition, 'not-authorized');
  }
  return Number.POSITIVE_INFINITY;
}

const isIn = async (result: Promise<SaslResult>) => (await result).local !== undefined;

describe('wrong passwords for one account from one address', () => {
  for (const [what, attempt] of [
    ['PLAIN', tryPlain],
    ['SCRAM', tryScram],
  ] as const) {
    test(`with ${what}: a few are looked at, then no more, and the right one from there is not either`, async () => {
      assert.equal(await guessUntilRefused(attempt, () => attacker), routerLimits.guessesFree);
      assert.equal(conditionOf(await attempt('juliet', 'pencil', attacker)), 'temporary-auth-failure');
      assert.ok(await isIn(attempt('juliet', 'pencil', elsewhere)), 'the owner gets in from elsewhere');
    });
  }

  test('each further wrong one doubles the delay, up to a cap', async () => {
    await guessUntilRefused(tryPlain, () => attacker);
    let delayMs: number = routerLimits.guessDelayMs;
    for (let n = 0; n < 12; n++) {
      clock.advance(delayMs - 1);
      assert.equal(conditionOf(await tryPlain('juliet', 'wrong', attacker)), 'temporary-auth-failure', `after ${delayMs - 1} ms`);
      clock.advance(1);
      assert.equal(conditionOf(await tryPlain('juliet', 'wrong', attacker)), 'not-authorized', `after ${delayMs} ms`);
      delayMs = Math.min(2 * delayMs, routerLimits.guessDelayMaxMs);
    }
  });

  test('attempts that were refused do not lengthen the delay', async () => {
    await guessUntilRefused(tryPlain, () => attacker);
    for (let n = 0; n < 100; n++) await tryPlain('juliet', 'wrong', attacker);
    clock.advance(routerLimits.guessDelayMs);
    assert.ok(await isIn(tryPlain('juliet', 'pencil', attacker)));
  });

  test('many at the same time do not get around it', async () => {
    const results = await Promise.all(Array.from({ length: 30 }, (_, n) => tryPlain('juliet', `wrong ${n}`, attacker)));
    const looked = results.map(conditionOf).filter((condition) => condition === 'not-authorized');
    assert.equal(looked.length, routerLimits.guessesFree);
  });

  test('nor are other writings of the name and addresses of the same network', async () => {
    const names = ['juliet', 'Juliet', 'JULIET', 'jUlIeT'];
    const attempt: Try = (_, password, address) => tryPlain(names[Number(password.split(' ')[1]) % 4]!, password, address);
    const looked = await guessUntilRefused(attempt, (n) => `2001:db8::${n.toString(16)}`);
    assert.equal(looked, routerLimits.guessesFree);
    assert.ok(await isIn(tryPlain('juliet', 'pencil', '2001:db8:0:1::1')));
    assert.equal(conditionOf(await tryPlain('juliet', 'pencil', '2001:db8::1:0:0:1')), 'temporary-auth-failure');
  });

  test('another process knows of them', async () => {
    await guessUntilRefused(tryPlain, () => attacker);
    Object.assign(server.dependencies, { shares: new Shares(clock) });
    assert.equal(conditionOf(await tryPlain('juliet', 'pencil', attacker)), 'temporary-auth-failure');
  });

  test('a clock that steps by a day neither locks anybody out nor opens the door for long', async () => {
    await guessUntilRefused(tryPlain, () => attacker);
    const back = { ...clock, now: () => clock.now() - 24 * 60 * 60 * 1_000 };
    Object.assign(server.dependencies, { clock: back });
    assert.equal(conditionOf(await tryPlain('juliet', 'wrong', attacker)), 'temporary-auth-failure');
    assert.ok(await isIn(tryPlain('juliet', 'pencil', elsewhere)));
  });

  test('the right password makes them forgotten', async () => {
    for (let n = 0; n < routerLimits.guessesFree - 1; n++) await tryPlain('juliet', 'mistyped', attacker);
    assert.ok(await isIn(tryPlain('juliet', 'pencil', attacker)));
    for (let n = 0; n < routerLimits.guessesFree; n++)
      assert.equal(conditionOf(await tryPlain('juliet', 'x', attacker)), 'not-authorized');
  });
});

describe('the owner', () => {
  test('who has signed in from an address before waits a few seconds there at most', async () => {
    assert.ok(await isIn(tryPlain('juliet', 'pencil', attacker)));
    for (let n = 0; n < 200; n++) {
      await tryPlain('juliet', 'wrong', attacker);
      clock.advance(1_000);
    }
    clock.advance(routerLimits.guessDelayFamiliarMaxMs);
    assert.ok(await isIn(tryPlain('juliet', 'pencil', attacker)));
  });

  test('gets in at a known address at once, however many addresses guess', async () => {
    assert.ok(await isIn(tryPlain('juliet', 'pencil', elsewhere)));
    await guessUntilRefused(tryPlain, (n) => `203.0.${n >> 8}.${n & 255}`);
    assert.ok(await isIn(tryPlain('juliet', 'pencil', elsewhere)));
  });

  test('gets in from a new address while some addresses go on guessing', async () => {
    for (let n = 0; n < 200; n++) await tryPlain('juliet', `wrong ${n}`, `203.0.113.${n % 10}`);
    assert.ok(await isIn(tryPlain('juliet', 'pencil', elsewhere)));
  });
});

describe('spread guesses', () => {
  test('from many addresses for one account: at a rate', async () => {
    assert.equal(await guessUntilRefused(tryPlain, (n) => `203.0.${n >> 8}.${n & 255}`), routerLimits.firstGuessesBurst);
    clock.advance(10_000);
    const after = await guessUntilRefused(tryPlain, (n) => `203.1.${n >> 8}.${n & 255}`);
    assert.equal(after, 10 * routerLimits.firstGuessesPerSecond);
  });

  test('from one address for many accounts: at a rate, known or not', async () => {
    const attempt: Try = (_, password, address) => tryPlain(`person${password.split(' ')[1]}`, password, address);
    assert.equal(await guessUntilRefused(attempt, () => attacker), routerLimits.networkGuessesBurst);
    assert.equal(conditionOf(await tryPlain('juliet', 'pencil', attacker)), 'temporary-auth-failure');
    assert.ok(await isIn(tryPlain('juliet', 'pencil', elsewhere)));
  });

  test('of one address, whoever has signed in from there before does not notice', async () => {
    assert.ok(await isIn(tryPlain('juliet', 'pencil', attacker)));
    for (let n = 0; n < 2 * routerLimits.networkGuessesBurst; n++) await tryPlain(`person${n}`, 'x', attacker);
    assert.ok(await isIn(tryPlain('juliet', 'pencil', attacker)));
  });

  test('at one tenant are nothing to another', async () => {
    const other = await server.dependencies.tenants.add('example.net', { registration: 'closed', retentionDays: 0 });
    await guessUntilRefused(tryPlain, () => attacker);
    assert.equal(conditionOf(await tryPlain('juliet', 'x', attacker, other)), 'not-authorized');
  });
});

test('a name without an account is treated the same', async () => {
  const told = async (local: string) => {
    const replies: string[] = [];
    for (let n = 0; n < routerLimits.guessesFree + 3; n++) replies.push((await tryPlain(local, 'wrong', '203.0.113.7')).reply);
    return replies;
  };
  assert.deepEqual(await told('nobody'), await told('juliet'));
});

test('a store that cannot be written keeps nobody out, and guesses are counted all the same', async () => {
  const put = () => Promise.reject(new Unavailable('the disk is full'));
  Object.assign(server.dependencies, { store: withPut(server.dependencies.store, put) });
  const looked = await guessUntilRefused(tryPlain, (n) => `203.0.${n >> 8}.${n & 255}`);
  assert.equal(looked, routerLimits.furtherGuessesBurst);
  clock.advance(60_000);
  assert.ok(await isIn(tryPlain('juliet', 'pencil', elsewhere)));
});

function withPut(store: Store, put: Store['put']): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = name === 'put' ? put : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('failures that are not of the password', () => {
  const bindings = { secure: true, binding, address: attacker };
  test('count for nothing: wrong channels, malformed messages, mechanisms that are not there', async () => {
    for (let n = 0; n < 3 * routerLimits.guessesFree; n++) {
      const cut = new Client('SCRAM-SHA-256-PLUS', 'juliet', 'pencil', {
        header: 'p=tls-exporter,,',
        bindingData: base64('other'),
      });
      const first = await server.auth('SCRAM-SHA-256-PLUS', cut.first, bindings);
      const channel = await server.respond(first.state, cut.final(dataOf(first, 'challenge')), bindings);
      const others = [
        channel,
        await server.auth('SCRAM-SHA-256', 'y,,n=juliet,r=abc', bindings),
        await server.auth('SCRAM-SHA-256-PLUS', 'p=tls-unique,,n=juliet,r=abc', bindings),
        await server.auth('SCRAM-SHA-512', 'n,,n=juliet,r=abc', bindings),
        await server.auth('PLAIN', 'nonsense', bindings),
        await server.step(`<abort xmlns='${ns}'/>`, bindings),
      ];
      assert.deepEqual(others.map(conditionOf), [
        'not-authorized',
        'not-authorized',
        'malformed-request',
        'invalid-mechanism',
        'malformed-request',
        'aborted',
      ]);
      assert.deepEqual(new Set(others.map(({ isGuess }) => isGuess)), new Set([false]));
    }
    assert.ok(await isIn(tryPlain('juliet', 'pencil', attacker)));
    assert.deepEqual(lines, []);
  });
});

describe('the log', () => {
  test('has one line for each failure, with account and address', async () => {
    await tryPlain('Juliet', 'wrong', '203.0.113.9');
    await tryPlain('nobody', 'wrong', '::ffff:203.0.113.10');
    await tryScram('juliet', 'wrong', '2001:db8::9');
    assert.deepEqual(
      lines.map(({ account, address }) => [account, address]),
      [
        ['juliet@example.org', '203.0.113.9'],
        ['nobody@example.org', '203.0.113.10'],
        ['juliet@example.org', '2001:db8::9'],
      ],
    );
  });

  test('has lines at a rate', async () => {
    for (let n = 0; n < 100; n++) await tryPlain('juliet', 'wrong', attacker);
    assert.equal(lines.length, routerLimits.failureLinesBurst);
    assert.ok(lines.some(({ msg }) => msg.includes('temporary-auth-failure')));
  });
});
