/** XEP-0445: people come by an invite to a tenant whose registration is closed. Whatever is wrong with an invite, the answer is the same. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { linkId } from '../../lib/runtime/invite-wire.ts';
import { addAccount } from '../../services/router/accounts/add-account.ts';
import { deleteAccountRow, findAccount } from '../../services/router/core/accounts.ts';
import { takeUse } from '../../services/router/invites/invites.ts';
import { inviteLimits } from '../../services/router/invites/limits.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { InviteGround, outcomeOf, registration, tokenOf } from './invite-ground.ts';

let ground: InviteGround;
beforeEach(async () => {
  ground = await InviteGround.open();
});
afterEach(() => ground.stage.close());

const notFound = 'cancel item-not-found';
const tenant = async (domain = 'a.example') => (await ground.stage.dependencies.tenants.find(domain))!;

test('§3: the stream features stand where somebody may invite', async () => {
  const { features } = await ground.show('x');
  assert.match(
    features,
    /<register xmlns=['"]urn:xmpp:ibr-token:0['"]\/><register xmlns=['"]http:\/\/jabber.org\/features\/iq-register['"]\/>/,
  );
  await ground.set({ invites: 'nobody' });
  assert.doesNotMatch((await ground.show('x')).features, /<register/);
});

test('§4: who shows an invite registers once, and nobody else does', async () => {
  const { uri, id } = await ground.make();
  assert.match(uri, /^xmpp:a\.example\?register;preauth=[0-9a-f]{32}$/);
  const closed = ground.stage.newcomer('a.example');
  await closed.open();
  assert.equal(outcomeOf(await closed.asks(registration('mallory', 'x'))), 'cancel not-allowed');
  const first = await ground.show(tokenOf(uri));
  assert.equal(outcomeOf(first.answer), 'result');
  assert.equal(outcomeOf(await first.register('juliet')), 'result');
  assert.deepEqual(await ground.users(), ['juliet@a.example']);
  assert.equal(outcomeOf(await first.register('romeo')), notFound);
  assert.equal(outcomeOf((await ground.show(tokenOf(uri))).answer), notFound);
  const { invites } = await ground.operate<{ invites: { id: string; brought: string[] }[] }>('invite-list', {
    domain: 'a.example',
  });
  assert.deepEqual(
    invites.map((one) => [one.id, one.brought]),
    [[id, ['juliet@a.example']]],
  );
  const row = await findAccount(ground.stage.store, 'a.example', 'juliet');
  assert.equal(row?.invitedBy, undefined);
  assert.deepEqual(await ground.users('b.example'), []);
});

test('guessed, expired, used, revoked and another tenant’s invites are answered alike', async () => {
  const { dependencies } = ground.stage;
  const answers: string[] = [];
  const shown = async (token: string, domain?: string) => answers.push((await ground.show(token, domain)).answer);
  const used = await ground.make();
  assert.equal(outcomeOf(await (await ground.show(tokenOf(used.uri))).register('juliet')), 'result');
  await shown(tokenOf(used.uri));
  const revoked = await ground.make();
  await ground.operate('invite-revoke', { domain: 'a.example', id: revoked.id });
  await shown(tokenOf(revoked.uri));
  const others = await ground.make({ domain: 'b.example' });
  await shown(tokenOf(others.uri));
  await shown('0'.repeat(32));
  await shown('&quot;&lt;');
  const expired = await ground.make({ days: 1 });
  const wall = dependencies.clock.now();
  dependencies.clock.observe(wall + 24 * 60 * 60 * 1_000 + 1);
  await shown(tokenOf(expired.uri));
  assert.equal(answers.length, 6);
  assert.deepEqual(new Set(answers).size, 1, answers.join('\n'));
  assert.equal(outcomeOf(answers[0]!), notFound);
  assert.equal(outcomeOf((await ground.show(tokenOf(others.uri), 'b.example')).answer), 'result');
});

test('§4: an invite that was good when it was shown is good after its time', async () => {
  const { uri } = await ground.make({ days: 1 });
  const { register } = await ground.show(tokenOf(uri));
  const { clock } = ground.stage.dependencies;
  clock.observe(clock.now() + 24 * 60 * 60 * 1_000 + 1);
  assert.equal(outcomeOf(await register('juliet')), 'result');
});

test('of many who use one invite at once, one gets in', async () => {
  const { uri } = await ground.make();
  const streams = await Promise.all(Array.from({ length: 8 }, () => ground.show(tokenOf(uri))));
  const outcomes = await Promise.all(streams.map(({ register }, index) => register(`guest${index}`)));
  assert.deepEqual(outcomes.map(outcomeOf).toSorted(), [...Array<string>(7).fill(notFound), 'result']);
  assert.equal((await ground.users()).length, 1);
});

test('an invite for three brings three, and a use whose name was taken is given back', async () => {
  const { uri } = await ground.make({ uses: 3 });
  const names = ['anna', 'berta', 'anna', 'clara', 'dora'];
  const outcomes: string[] = [];
  for (const name of names) {
    const { answer, register } = await ground.show(tokenOf(uri));
    outcomes.push(outcomeOf(answer) === 'result' ? outcomeOf(await register(name)) : outcomeOf(answer));
  }
  assert.deepEqual(outcomes, ['result', 'result', 'cancel conflict', 'result', notFound]);
});

test('a use that a process began and did not end is free again after its time', async () => {
  const { uri } = await ground.make();
  const { dependencies } = ground.stage;
  const id = linkId('invite', tokenOf(uri));
  const use = { who: 'ghost', incarnation: 'x', atMs: dependencies.clock.now() };
  assert.ok(await takeUse(dependencies, await tenant(), id, use));
  assert.equal(outcomeOf((await ground.show(tokenOf(uri))).answer), notFound);
  dependencies.clock.observe(dependencies.clock.now() + inviteLimits.useMs + 1);
  const { register } = await ground.show(tokenOf(uri));
  assert.equal(outcomeOf(await register('juliet')), 'result');
});

test('an account that is removed does not free the use that it took', async () => {
  const { uri } = await ground.make();
  assert.equal(outcomeOf(await (await ground.show(tokenOf(uri))).register('juliet')), 'result');
  await deleteAccountRow(ground.stage.store, 'a.example', 'juliet');
  const { clock } = ground.stage.dependencies;
  clock.observe(clock.now() + inviteLimits.useMs + 1);
  assert.equal(outcomeOf((await ground.show(tokenOf(uri))).answer), notFound);
});

describe('a name that an invite keeps', () => {
  test('is for nobody else, and for nothing else', async () => {
    await ground.set({ registration: 'open' });
    const { uri } = await ground.make({ name: 'Juliet' });
    assert.match(uri, /^xmpp:juliet@a\.example\?register;/);
    const open = ground.stage.newcomer('a.example');
    await open.open();
    assert.equal(outcomeOf(await open.asks(registration('juliet', 'x'))), 'cancel conflict');
    assert.match(
      (await ground.ask('user-add', { jid: 'juliet@a.example', password: 'x' })).error!,
      /kept for whoever has an invite/,
    );
    assert.match((await ground.ask('invite-create', { domain: 'a.example', name: 'juliet' })).error!, /'juliet' is taken/);
    const { newcomer, register } = await ground.show(tokenOf(uri));
    const form = await newcomer.asks("<iq xmlns='jabber:client' type='get' id='f'><query xmlns='jabber:iq:register'/></iq>");
    assert.match(form, /<username>juliet<\/username>/);
    assert.equal(outcomeOf(await register('romeo')), 'modify not-acceptable');
    assert.equal(outcomeOf(await register('juliet')), 'result');
    assert.match((await ground.ask('invite-create', { domain: 'a.example', name: 'juliet' })).error!, /'juliet' is taken/);
    assert.ok((await ground.ask('invite-create', { domain: 'b.example', name: 'juliet' })).ok);
  });

  test('is free when the invite is over, or revoked', async () => {
    const { clock } = ground.stage.dependencies;
    const { id } = await ground.make({ name: 'juliet' });
    await ground.operate('invite-revoke', { domain: 'a.example', id });
    await ground.make({ name: 'juliet', days: 1 });
    clock.observe(clock.now() + 24 * 60 * 60 * 1_000 + 1);
    await ground.operate('user-add', { jid: 'juliet@a.example', password: 'x' });
  });

  test('may be one that nobody can choose', async () => {
    const { uri } = await ground.make({ name: 'support' });
    assert.equal(outcomeOf(await (await ground.show(tokenOf(uri))).register('support')), 'result');
    const { uri: another } = await ground.make();
    assert.equal(outcomeOf(await (await ground.show(tokenOf(another))).register('admin')), 'modify not-acceptable');
  });
});

test('who guesses is slowed down, and others are not', async () => {
  const outcomes: string[] = [];
  for (let tries = 0; tries <= routerLimits.inviteLooksBurst; tries++) {
    outcomes.push(outcomeOf((await ground.show(`${tries}`, 'a.example', '198.51.100.9')).answer));
  }
  assert.equal(outcomes.at(0), notFound);
  assert.equal(outcomes.at(-1), 'wait resource-constraint');
  const { uri } = await ground.make();
  assert.equal(outcomeOf((await ground.show(tokenOf(uri), 'a.example', '198.51.100.9')).answer), 'wait resource-constraint');
  assert.equal(outcomeOf((await ground.show(tokenOf(uri), 'a.example', '203.0.113.5')).answer), 'result');
});

test('a request that is badly built is refused', async () => {
  const newcomer = ground.stage.newcomer('a.example');
  await newcomer.open();
  for (const [iq, expected] of [
    ["<iq xmlns='jabber:client' type='get' id='p'><preauth xmlns='urn:xmpp:pars:0' token='x'/></iq>", 'modify bad-request'],
    ["<iq xmlns='jabber:client' type='set' id='p'><preauth xmlns='urn:xmpp:pars:0'/></iq>", 'modify bad-request'],
    [
      "<iq xmlns='jabber:client' type='set' id='p' to='b.example'><preauth xmlns='urn:xmpp:pars:0' token='x'/></iq>",
      'cancel not-allowed',
    ],
  ] as const)
    assert.equal(outcomeOf(await newcomer.asks(iq)), expected, iq);
});

test('the policy bounds how many people an invite brings, and for how long', async () => {
  await ground.set({ inviteDays: 3, inviteUses: 2 });
  for (const [given, error] of [
    [{ uses: 3 }, /brings at most 2 people/],
    [{ days: 4 }, /lasts at most 3 days/],
    [{ uses: 2, name: 'juliet' }, /with a name brings one person/],
    [{ name: '@' }, /cannot be a user name/],
  ] as const)
    assert.match((await ground.ask('invite-create', { domain: 'a.example', ...given })).error!, error);
  await ground.set({ invites: 'nobody' });
  assert.match((await ground.ask('invite-create', { domain: 'a.example' })).error!, /nobody may invite/);
});

test('an invite ends where the policy lets nobody invite any more', async () => {
  const { uri } = await ground.make();
  await ground.set({ invites: 'nobody' });
  assert.equal(outcomeOf((await ground.show(tokenOf(uri))).answer), notFound);
});

test('an account that registers while its name is being kept is not made twice over', async () => {
  const { dependencies } = ground.stage;
  const outcomes = await Promise.all([
    ground.ask('invite-create', { domain: 'a.example', name: 'juliet' }),
    addAccount(dependencies, await tenant(), 'juliet', 'secret', { network: '192.0.2.1' }),
  ]);
  const isKept = outcomes[0].ok;
  const isMade = (await findAccount(dependencies.store, 'a.example', 'juliet')) !== undefined;
  assert.ok(!(isKept && isMade), `kept ${isKept}, made ${isMade}`);
});
