/** Which names open registration gives out: none of operators, and none that looks like one that is taken. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { addAccount } from '../../services/router/accounts/add-account.ts';
import { registerBeforeAuth } from '../../services/router/features/xep0077-registration.ts';
import { removalsOf } from '../../services/router/removal/removals.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

const clock = steppedClock();
let dependencies: EmbeddedDependencies;
let here: Tenant;
let other: Tenant;

before(async () => {
  dependencies = await embeddedDependencies({ clock });
  here = await dependencies.tenants.add('example.org', { registration: 'open', retentionDays: 0 });
  other = await dependencies.tenants.add('example.net', { registration: 'open', retentionDays: 0 });
});
after(() => dependencies.close());

/** @returns 'result', or the error's condition */
async function register(name: string, tenant = here): Promise<string | undefined> {
  clock.advance(60_000);
  const fields = `<username>${name}</username><password>x</password>`;
  const iq = Stanza.parse(`<iq type='set' id='r'><query xmlns='jabber:iq:register'>${fields}</query></iq>`);
  const answer = await registerBeforeAuth(dependencies, tenant, iq, { address: '192.0.2.1' });
  return /type='result'/.test(answer) ? 'result' : /<error [^>]*><([a-z-]+)/.exec(answer)?.[1];
}

describe('names that only operators give out', () => {
  for (const name of [
    ...[
      'admin',
      'root',
      'postmaster',
      'abuse',
      'Administrator',
      'WebMaster',
      'hostmaster',
      'security',
      'support',
      'info',
      'noc',
      'xmpp',
    ],
    ...['аdmin', 'роstmаstеr', 'аbusе'], // Cyrillic
    ...[
      'ａｄｍｉｎ',
      'ádmin',
      'àdmïn',
      'ad.min',
      'a-d-m-i-n',
      '_root_',
      'adm1n',
      'admln',
      'r00t',
      '4buse',
      'αdmin',
      'no-reply',
      'mailer-daemon',
    ],
  ]) {
    test(`'${name}'`, async () => assert.equal(await register(name), 'not-acceptable'));
  }

  test('are added by operators all the same', async () => {
    assert.equal(await addAccount(dependencies, here, 'postmaster', 'x'), 'added');
  });

  for (const name of ['adminah', 'grootte', 'infos', 'wwwilson', 'abuser', 'romina', '4711', 'marlene']) {
    test(`not '${name}'`, async () => assert.equal(await register(name), 'result'));
  }
});

describe('names that look like one that is taken', () => {
  before(async () => {
    for (const name of ['anna', 'paypal', 'mark', 'оля', 'müller', 'boo', 'οδυσσέας']) {
      assert.equal(await addAccount(dependencies, here, name, 'x'), 'added', name);
    }
  });
  for (const name of [
    'аnna',
    'Аnna',
    'аnnа',
    'рaypal',
    'paypa1',
    'PAYPA1',
    'rnark',
    'оля',
    'b00',
    'bо0',
    'ᴀnna',
    'ａｎｎａ',
    'mаrk',
  ]) {
    test(`'${name}'`, async () => {
      assert.ok(['conflict', 'not-acceptable'].includes((await register(name)) ?? ''));
    });
  }
  test('say conflict when the letters are of one script', async () => {
    for (const name of ['paypa1', 'rnark', 'b00', 'ᴀnna']) assert.equal(await register(name), 'conflict', name);
  });
  test('are free at another tenant', async () => {
    assert.equal(await register('paypa1', other), 'result');
    assert.equal(await register('paypal', other), 'conflict');
  });
  test('of which two register at once: one gets it', async () => {
    const outcomes = await Promise.all(['carol', 'caro1', 'car0l', 'car01'].map((name) => register(name)));
    assert.deepEqual(outcomes.toSorted(), ['conflict', 'conflict', 'conflict', 'result']);
  });
  test('are free again when the account is gone', async () => {
    assert.equal(await register('do11y'), 'result');
    assert.equal(await register('dolly'), 'conflict');
    await removalsOf(dependencies).account(here, 'do11y');
    assert.equal(await register('dolly'), 'result');
    assert.equal(await register('dolly'), 'conflict');
  });
  test('are given out by operators', async () => {
    assert.equal(await addAccount(dependencies, here, 'аnna', 'x'), 'added');
    await removalsOf(dependencies).account(here, 'аnna');
    assert.equal(await register('ᴀnna'), 'conflict', 'anna keeps her look');
  });
});

describe('letters of scripts that nobody writes in one name', () => {
  for (const name of ['kоbе', 'jοhn', 'иvan', 'абc', 'αβγabc', 'שלוםx', 'ivanов']) {
    test(`'${name}' is refused`, async () => assert.equal(await register(name), 'not-acceptable'));
  }
  for (const name of [
    'иван',
    'γιώργος',
    'tanaka太郎',
    'さくらさん',
    '민준kim',
    'иван-1990',
    'd\u2019artagnan'.replace('\u2019', '-'),
    'żółw',
    'שלום',
  ]) {
    test(`'${name}' is taken`, async () => assert.equal(await register(name), 'result'));
  }
});
