/** What new accounts begin with: contacts in the roster and rooms among the bookmarks, by the policy of their tenant, whoever makes them. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { accounts, findAccount, setCredentials } from '../../services/router/core/accounts.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { accountOf } from '../../services/router/sasl/first-sign-in.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { InviteGround, registration, tokenOf } from './invite-ground.ts';

let ground: InviteGround;
beforeEach(async () => {
  ground = await InviteGround.open({ invites: 'members', registration: 'open' });
  await ground.operate('user-add', { jid: 'help@a.example', password: 'secret' });
  await ground.operate('user-add', { jid: 'help@b.example', password: 'secret' });
  await ground.set({
    newcomerContacts: ['help@a.example'],
    newcomerRooms: ['hall@conference.a.example', 'pub@rooms.elsewhere.example'],
  });
});
afterEach(() => ground.stage.close());

const add = (jid: string) => ground.operate('user-add', { jid, password: 'secret' });
const rowOf = async (jid: string) => {
  const [local, domain] = jid.split('@') as [string, string];
  return (await findAccount(ground.stage.store, domain, local))!;
};

/** `jid subscription`, as a client sees the roster. */
async function roster(who: StreamActor): Promise<string[]> {
  const answer = await who.ask('get', "<query xmlns='jabber:iq:roster'/>", `${who.jid.bare}`);
  return [...answer.matchAll(/<item [^>]*>/g)].map(([item]) => {
    const of = (name: string) => new RegExp(` ${name}=['"]([^'"]*)`).exec(item)?.[1];
    return [of('jid'), of('subscription'), of('ask'), of('approved') && 'approved'].filter(Boolean).join(' ');
  });
}

async function rooms(who: StreamActor): Promise<string[]> {
  const answer = await who.ask(
    'get',
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>",
    `${who.jid.bare}`,
  );
  return [...answer.matchAll(/<item [^>]*id=['"]([^'"]*)['"][^>]*>\s*<conference [^>]*autojoin=['"]true['"]/g)]
    .map(([, id]) => id!)
    .toSorted();
}

const bothRooms = ['hall@conference.a.example', 'pub@rooms.elsewhere.example'];

async function isFurnished(jid: string): Promise<void> {
  const juliet = await ground.stage.join(`${jid}/balcony`);
  assert.deepEqual(await roster(juliet), ['help@a.example both'], jid);
  assert.deepEqual(await rooms(juliet), bothRooms, jid);
  assert.equal((await rowOf(jid)).isUnfurnished, undefined);
}

describe('whoever makes the account', () => {
  test('an operator, by command or API', async () => {
    await add('juliet@a.example');
    assert.equal((await rowOf('juliet@a.example')).isUnfurnished, undefined, 'it is done when the operator is answered');
    await isFurnished('juliet@a.example');
  });

  test('somebody who registers (XEP-0077)', async () => {
    const newcomer = ground.stage.newcomer('a.example', { address: '198.51.100.7' });
    await newcomer.open();
    assert.match(await newcomer.asks(registration('juliet', 'secret')), /type=['"]result/);
    await isFurnished('juliet@a.example');
  });

  test('an invite (XEP-0401), whose inviter is a contact besides', async () => {
    await add('romeo@a.example');
    const { uri } = await ground.make({ by: 'romeo@a.example' }).catch(() => ground.make());
    await (await ground.show(tokenOf(uri))).register('juliet');
    const juliet = await ground.stage.join('juliet@a.example/balcony');
    assert.ok((await roster(juliet)).includes('help@a.example both'));
    assert.deepEqual(await rooms(juliet), bothRooms);
  });

  test('a sign-in by which an account appears, when its session binds', async () => {
    const { dependencies, store } = ground.stage;
    await add('romeo@a.example');
    const { scram } = await rowOf('romeo@a.example');
    await accountOf(dependencies, (await dependencies.tenants.find('a.example'))!, 'juliet');
    await setCredentials(store, 'a.example', 'juliet', scram);
    assert.equal((await rowOf('juliet@a.example')).isUnfurnished, true);
    await isFurnished('juliet@a.example');
  });

  test('a router that died before it was done: the first session does the rest, once', async () => {
    const { store } = ground.stage;
    await add('juliet@a.example');
    const rows = Rows.ofAccount(store, 'a.example', 'juliet');
    await rows.put(accounts, '', { ...(await rowOf('juliet@a.example')), isUnfurnished: true });
    await isFurnished('juliet@a.example');
    const help = await ground.stage.join('help@a.example/desk');
    assert.deepEqual(await roster(help), ['juliet@a.example both']);
  });
});

test('the contact is told, and each sees the other at once', async () => {
  const help = await ground.stage.appear('help@a.example/desk');
  await add('juliet@a.example');
  assert.match(await help.next(), /<item (?=[^>]*jid=['"]juliet@a\.example['"])(?=[^>]*subscription=['"]both['"])/);
  const juliet = await ground.stage.appear('juliet@a.example/balcony');
  assert.match(await help.next(), /<presence [^>]*from=['"]juliet@a\.example\/balcony/);
  assert.ok(juliet);
});

test('accounts of another tenant, and those that were there before, get nothing', async () => {
  await add('romeo@b.example');
  for (const jid of ['romeo@b.example/orchard', 'help@a.example/desk']) {
    const who = await ground.stage.join(jid);
    assert.deepEqual([await roster(who), await rooms(who)], [[], []], jid);
  }
});

test('a contact of another tenant is asked, has nothing in the roster until it accepts, and is approved in advance', async () => {
  await ground.set({ newcomerContacts: ['help@b.example'], newcomerRooms: [] });
  const help = await ground.stage.appear('help@b.example/desk');
  await add('juliet@a.example');
  assert.match(await help.next(), /<presence (?=[^>]*type=['"]subscribe)(?=[^>]*from=['"]juliet@a\.example['"])/);
  assert.deepEqual(await roster(help), []);
  const juliet = await ground.stage.join('juliet@a.example/balcony');
  assert.deepEqual(await roster(juliet), ['help@b.example none subscribe approved']);
  await help.send("<presence type='subscribed' to='juliet@a.example'/>");
  await help.send("<presence type='subscribe' to='juliet@a.example'/>");
  await ground.stage.settle();
  assert.deepEqual(await roster(juliet), ['help@b.example both approved']);
  assert.equal(await rooms(juliet).then((list) => list.length), 0);
});

test('what is not there, is the account itself, or has no room in its roster keeps nobody from an account', async () => {
  await ground.set({ newcomerContacts: ['nobody@a.example', 'juliet@a.example', 'help@a.example'], newcomerRooms: [] });
  const full = routerLimits as { rosterItemsMax: number };
  const before = full.rosterItemsMax;
  await add('romeo@a.example');
  full.rosterItemsMax = 1;
  try {
    await add('juliet@a.example');
  } finally {
    full.rosterItemsMax = before;
  }
  const juliet = await ground.stage.join('juliet@a.example/balcony');
  assert.deepEqual(await roster(juliet), ['nobody@a.example none approved']);
  await add('nurse@a.example');
  const nurse = await ground.stage.join('nurse@a.example/hall');
  assert.ok((await roster(nurse)).includes('help@a.example both'));
});

test('a contact that the owner has removed stays away', async () => {
  await add('juliet@a.example');
  const juliet = await ground.stage.join('juliet@a.example/balcony');
  await juliet.ask(
    'set',
    "<query xmlns='jabber:iq:roster'><item jid='help@a.example' subscription='remove'/></query>",
    'juliet@a.example',
  );
  const again = await ground.stage.join('juliet@a.example/tomb');
  assert.deepEqual(await roster(again), []);
});

describe('the policy', () => {
  const set = (policy: object) => ground.ask('tenant-set', { domain: 'a.example', ...policy });
  test('takes addresses of people and of rooms, each once, prepared', async () => {
    await ground.operate('tenant-set', {
      domain: 'a.example',
      newcomerContacts: ['Help@A.example', 'help@a.example', 'irc.a.example'],
    });
    const { policy } = await ground.operate<{ policy: { newcomerContacts: string[] } }>('tenant-show', { domain: 'a.example' });
    assert.deepEqual(policy.newcomerContacts, ['help@a.example', 'irc.a.example']);
  });

  for (const [what, policy] of [
    ['a resource', { newcomerContacts: ['help@a.example/desk'] }],
    ['no address', { newcomerContacts: ['a b@c'] }],
    ['a room without a name', { newcomerRooms: ['conference.a.example'] }],
    [
      'too many',
      { newcomerRooms: Array.from({ length: runtimeLimits.newcomerRoomsMax + 1 }, (_, at) => `r${at}@conference.a.example`) },
    ],
    ['one that is too long', { newcomerContacts: [`${'a'.repeat(600)}@a.example`] }],
    ['what is not a list', { newcomerContacts: 'help@a.example' }],
  ] as const)
    test(`refuses ${what}`, async () => {
      const { ok, error } = await set(policy);
      assert.equal(ok, false);
      assert.ok(error);
    });
});
