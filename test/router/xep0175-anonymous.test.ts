/** XEP-0175 and RFC 4505: guests, who sign in without an account. What they may do, that they leave nothing, and how many there may be. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { collection } from '../../lib/runtime/collection.ts';
import { guestName, isGuestName } from '../../lib/runtime/guest-names.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { guests, guestTenants } from '../../services/router/core/guests.ts';
import { lookForGuests } from '../../services/router/removal/guests.ts';
import { signInAsGuest } from '../../services/router/sasl/anonymous.ts';
import { guestLimits } from '../../services/router/sasl/limits.ts';
import type { Newcomer } from '../support/stage/newcomer.ts';
import { auth, authenticate, openSignInGround, outcomeOf, plain, type SignInGround, until } from './sign-in-ground.ts';

let ground: SignInGround;

beforeEach(async () => {
  ground = await openSignInGround();
  await ground.set({ signIn: ['password', 'anonymous'] });
});
afterEach(() => ground.close());

const late = collection<string>('late', 'account');
const NS = 'urn:ietf:params:xml:ns:xmpp-sasl';
const bindIq = `<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`;

interface Guest {
  readonly jid: string;
  readonly local: string;
  readonly stream: Newcomer;
  ask(xml: string): Promise<string>;
}

/** Signs in as a guest and binds a resource. */
async function enter(domain = 'a.example', ip?: string): Promise<Guest> {
  const stream = await ground.come(domain, ip);
  assert.match(await stream.asks(`<auth xmlns='${NS}' mechanism='ANONYMOUS'>=</auth>`), /^<success/);
  await stream.open();
  const [, jid = ''] = /<jid>([^<]+)</.exec(await stream.asks(bindIq)) ?? [];
  assert.match(jid, /^guest-[0-9a-f]{28}@a\.example\/./);
  const ask = (xml: string) => stream.asks(xml.replace(/^<(\w+)/, "<$1 xmlns='jabber:client'"));
  return { jid, local: jid.split('@')[0]!, stream, ask };
}

async function rowsLeft(local: string, domain = 'a.example'): Promise<string[]> {
  const { store } = ground.stage.dependencies;
  const tables = ['core', 'archive', 'live'] as const;
  const { partition } = Rows.ofAccount(store, domain, local);
  const pages = await Promise.all(tables.map((table) => store.query({ table, partition, limit: 100, consistent: true })));
  return pages.flat().map(({ sort }) => sort);
}

const listed = () => Rows.ofTenant(ground.stage.dependencies.store, 'a.example').list(guests, { limit: 1_000 });

describe('RFC 4505: signing in', () => {
  test('both profiles, with and without a trace; the mechanism is offered where the policy has the way', async () => {
    for (const trace of ['', 'sirhc', 'juliet@a.example', 'ü'.repeat(255)]) {
      assert.equal(outcomeOf(await (await ground.come()).asks(auth('ANONYMOUS', trace))), 'success');
      const answer = await (await ground.come()).asks(authenticate('ANONYMOUS', trace));
      assert.match(answer, /^<success .*<authorization-identifier>guest-[0-9a-f]{28}@a\.example</);
      assert.doesNotMatch(answer, /<token /, 'a guest comes once');
    }
    const offered = async (domain: string) => (await ground.stage.newcomer(domain).open()).includes('ANONYMOUS');
    assert.deepEqual([await offered('a.example'), await offered('b.example')], [true, false]);
    assert.equal(outcomeOf(await (await ground.come('b.example')).asks(auth('ANONYMOUS', ''))), 'invalid-mechanism');
    await ground.set({ signIn: ['anonymous'] });
    const names = [...(await ground.stage.newcomer('a.example').open('x@a.example')).matchAll(/<mechanism>((?!HT)[^<]*)</g)];
    assert.deepEqual([...new Set(names.map(([, name]) => name))], ['ANONYMOUS']);
  });

  test('without an initial response, it comes after an empty challenge (RFC 6120 §6.4.2)', async () => {
    const somebody = await ground.come();
    assert.match(await somebody.asks(`<auth xmlns='${NS}' mechanism='ANONYMOUS'/>`), /^<challenge/);
    assert.equal(outcomeOf(await somebody.asks(`<response xmlns='${NS}'/>`)), 'success');
  });

  test('a trace that is too long, or not text, and a stream of somebody', async () => {
    assert.equal(outcomeOf(await (await ground.come()).asks(auth('ANONYMOUS', 'x'.repeat(256)))), 'malformed-request');
    const bytes = `<auth xmlns='${NS}' mechanism='ANONYMOUS'>${Buffer.from([255]).toString('base64')}</auth>`;
    assert.equal(outcomeOf(await (await ground.come()).asks(bytes)), 'malformed-request');
    const named = ground.stage.newcomer('a.example');
    await named.open('juliet@a.example');
    assert.equal(outcomeOf(await named.asks(authenticate('ANONYMOUS', ''))), 'not-authorized');
  });

  test('two guests are two, and nobody signs in by the name of one, or registers it', async () => {
    const [one, other] = [await enter(), await enter()];
    assert.notEqual(one.local, other.local);
    assert.equal(await plain(ground, one.local, 'secret'), 'not-authorized');
    await ground.set({ registration: 'open' });
    const register = `<iq xmlns='jabber:client' type='set' id='r'><query xmlns='jabber:iq:register'><username>${one.local}</username><password>secret-enough</password></query></iq>`;
    assert.match(await (await ground.come()).asks(register), /<not-acceptable/);
  });
});

describe('a guest', () => {
  test('has nothing that lasts: no contacts, archive, files, profile, private data, push, password', async () => {
    const guest = await enter();
    const at = (to: string) => (to === '' ? '' : ` to='${to}'`);
    for (const [type, child, to] of [
      ['set', `<query xmlns='jabber:iq:roster'><item jid='juliet@a.example'/></query>`, ''],
      ['set', `<query xmlns='urn:xmpp:mam:2'/>`, ''],
      ['get', `<prefs xmlns='urn:xmpp:mam:2'/>`, ''],
      ['set', `<vCard xmlns='vcard-temp'><FN>G</FN></vCard>`, ''],
      ['set', `<query xmlns='jabber:iq:private'><x xmlns='y'/></query>`, ''],
      ['set', `<enable xmlns='urn:xmpp:push:0' jid='push.example' node='n'/>`, ''],
      ['set', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item/></publish></pubsub>`, ''],
      [
        'set',
        `<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='n' jid='${guest.jid}'/></pubsub>`,
        'juliet@a.example',
      ],
      ['set', `<query xmlns='jabber:iq:register'><username>${guest.local}</username><password>p</password></query>`, 'a.example'],
      ['set', `<query xmlns='jabber:iq:register'><remove/></query>`, 'a.example'],
      ['set', `<query xmlns='jabber:iq:register'/>`, 'hall@conference.a.example'],
      ['get', `<services xmlns='urn:xmpp:extdisco:2'/>`, 'a.example'],
      ['set', `<command xmlns='http://jabber.org/protocol/commands' node='x'/>`, 'a.example'],
      ['get', `<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/>`, 'upload.a.example'],
    ] as const) {
      assert.match(await guest.ask(`<iq type='${type}' id='1'${at(to)}>${child}</iq>`), /<not-allowed/, child);
    }
    assert.match(await guest.ask(`<presence type='subscribe' to='juliet@a.example'/>`), /<not-allowed/);
  });

  test('finds what it needs: an empty roster, discovery, ping, carbons', async () => {
    const guest = await enter();
    for (const [type, child, to] of [
      ['get', `<query xmlns='jabber:iq:roster'/>`, ''],
      ['get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'a.example'],
      ['get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, 'a.example'],
      ['get', `<ping xmlns='urn:xmpp:ping'/>`, 'a.example'],
      ['get', `<query xmlns='jabber:iq:version'/>`, 'a.example'],
      ['get', `<time xmlns='urn:xmpp:time'/>`, 'a.example'],
      ['set', `<enable xmlns='urn:xmpp:carbons:2'/>`, ''],
    ] as const) {
      const address = to === '' ? '' : ` to='${to}'`;
      assert.match(await guest.ask(`<iq type='${type}' id='1'${address}>${child}</iq>`), /type='result'/, child);
    }
  });

  test('enters rooms, and creates none', async () => {
    const juliet = await ground.stage.join('juliet@a.example/balcony');
    await juliet.enter('J', 'hall@conference.a.example');
    await juliet.send(
      `<iq type='set' id='c' to='hall@conference.a.example'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
    );
    const guest = await enter();
    const into = (room: string) =>
      `<presence to='${room}@conference.a.example/G'><x xmlns='http://jabber.org/protocol/muc'/></presence>`;
    assert.match(await guest.ask(into('mine')), /<not-allowed/);
    guest.stream.say(into('hall').replace('<presence', "<presence xmlns='jabber:client'"));
    await until(() => guest.stream.rest.some((xml) => xml.includes("code='110'")));
  });

  test('writes with accounts of its domain, without an archive, and reaches nobody else unless the policy says so', async () => {
    const juliet = await ground.stage.join('juliet@a.example/balcony');
    await juliet.send(`<presence/>`);
    const guest = await enter();
    guest.stream.say(`<presence xmlns='jabber:client'/>`);
    guest.stream.say(`<message xmlns='jabber:client' type='chat' to='juliet@a.example'><body>hello</body></message>`);
    await until(() => juliet.inbox.some((xml) => xml.includes('hello')));
    await juliet.send(`<message type='chat' to='${guest.jid}'><body>welcome</body></message>`);
    await until(() => guest.stream.rest.some((xml) => xml.includes('welcome')));
    assert.deepEqual(
      (await rowsLeft(guest.local)).filter((sort) => /^(m|q|p)\//.test(sort)),
      [],
    );
    const told = guest.stream.rest.length;
    for (const to of ['juliet@b.example', 'x@conference.b.example', 'romeo@elsewhere.example']) {
      guest.stream.say(`<message xmlns='jabber:client' id='${to}' to='${to}'><body>hello</body></message>`);
      await until(() => guest.stream.rest.slice(told).some((xml) => xml.includes(`id='${to}'`) && xml.includes('<not-allowed')));
    }
    const other = await ground.stage.join('juliet@b.example/balcony');
    await other.send(`<message id='x' type='chat' to='${guest.jid}'><body>you</body></message>`);
    await until(() => other.inbox.some((xml) => xml.includes('<service-unavailable')));
    await ground.set({ guestReach: 'everywhere' });
    guest.stream.say(`<message xmlns='jabber:client' type='chat' to='juliet@b.example/balcony'><body>far</body></message>`);
    await until(() => other.inbox.some((xml) => xml.includes('far')));
  });

  test('takes no subscription request', async () => {
    const juliet = await ground.stage.join('juliet@a.example/balcony');
    const guest = await enter();
    await juliet.send(`<presence type='subscribe' to='${guest.local}@a.example'/>`);
    assert.deepEqual(
      (await rowsLeft(guest.local)).filter((sort) => sort.startsWith('roster')),
      [],
    );
    assert.equal(
      guest.stream.rest.some((xml) => xml.includes('subscribe')),
      false,
    );
  });
});

describe('a guest is gone', () => {
  const a = 'a.example';
  const account = (local: string) => findAccount(ground.stage.dependencies.store, a, local);

  test('with its session: account, rows, and name', async () => {
    const [guest, other] = [await enter(), await enter()];
    guest.stream.say(`<presence xmlns='jabber:client'/>`);
    assert.ok(await account(guest.local));
    guest.stream.leave();
    await until(async () => (await account(guest.local)) === undefined);
    await until(async () => (await rowsLeft(guest.local)).length === 0);
    assert.ok(await account(other.local));
    const juliet = await ground.stage.join('juliet@a.example/balcony');
    await juliet.send(`<message id='x' type='chat' to='${guest.jid}'><body>where are you</body></message>`);
    await until(() => juliet.inbox.some((xml) => xml.includes('<service-unavailable')));
    const { users } = (await ground.operate('user-list', { domain: a })) as { users: string[] };
    assert.equal(users.includes(`${guest.local}@a.example`), false);
  });

  test('by a look, when its router died before it was erased, or it never had a session; those with one stay', async () => {
    const { dependencies } = ground.stage;
    const tenant = (await dependencies.tenants.find(a))!;
    const lost = await signInAsGuest(dependencies, tenant, '', { address: '192.0.2.1', from: undefined });
    const guest = await enter();
    const look = async (advanceMs: number) => {
      ground.shiftMs += advanceMs;
      await lookForGuests(dependencies);
    };
    await look(0);
    assert.ok(await account(lost.local), 'it may still bind');
    await look(guestLimits.guestUnboundMs + 1);
    assert.equal(await account(lost.local), undefined);
    assert.ok(await account(guest.local));
    // A router that was slow has written something after all.
    await Rows.ofAccount(dependencies.store, a, lost.local).put(late, '', 'news');
    await look(16_000);
    assert.deepEqual(await rowsLeft(lost.local), []);
    assert.deepEqual(
      (await listed()).map(({ key }) => key),
      [guest.local],
    );
    guest.stream.leave();
    await until(async () => (await account(guest.local)) === undefined);
    await look(16_000);
    assert.deepEqual(await listed(), []);
    await look(0);
    const tenants = Rows.ofDeployment(dependencies.store, 'guests');
    assert.deepEqual(await tenants.list(guestTenants, { limit: 10 }), []);
  });

  test('with its tenant', async () => {
    await enter();
    await ground.operate('tenant-remove', { domain: a, force: true });
    assert.deepEqual(await Rows.ofDeployment(ground.stage.dependencies.store, 'guests').list(guestTenants, { limit: 10 }), []);
    assert.deepEqual(await listed(), []);
  });
});

test('how many there may be: at the tenant and from one address at once, and one after the other; another tenant has its own', async () => {
  await ground.set({ guestsMax: 4, guestsPerAddress: 2 });
  await ground.set({ signIn: ['anonymous'], guestsMax: 1 }, 'b.example');
  const come = async (ip: string, domain = 'a.example') =>
    outcomeOf(await (await ground.come(domain, ip)).asks(auth('ANONYMOUS', '')));
  const first = await enter('a.example', '203.0.113.1');
  await enter('a.example', '203.0.113.1');
  assert.equal(await come('203.0.113.1'), 'temporary-auth-failure');
  await enter('a.example', '203.0.113.2');
  await enter('a.example', '2001:db8::1');
  assert.equal(await come('203.0.113.3'), 'temporary-auth-failure');
  assert.equal(await come('203.0.113.1', 'b.example'), 'success');
  assert.equal(await come('203.0.113.2', 'b.example'), 'temporary-auth-failure');
  first.stream.leave();
  await until(async () => (await come('203.0.113.1')) === 'success');
  await ground.set({ guestsMax: 900, guestsPerAddress: 900 });
  const outcomes = new Set<string>();
  for (let count = 0; count < 40; count++) outcomes.add(await come('198.51.100.7'));
  assert.deepEqual([...outcomes].sort(), ['success', 'temporary-auth-failure']);
});

test('the name of a guest cannot be made up, and is one at its tenant alone', async () => {
  const [one, other] = await Promise.all(
    ['a.example', 'b.example'].map((domain) => ground.stage.dependencies.tenants.find(domain)),
  );
  const name = guestName(one!, Buffer.alloc(runtimeLimits.guestRandomBytes, 7));
  assert.equal(isGuestName(one!, name), true);
  assert.equal(isGuestName(other!, name), false);
  assert.equal(isGuestName(one!, `${name.slice(0, -1)}${name.endsWith('0') ? '1' : '0'}`), false);
  for (const plain of ['guest', 'guest-', 'guest-1', `guest-${'0'.repeat(28)}`]) assert.equal(isGuestName(one!, plain), false);
});
