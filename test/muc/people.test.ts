/** Where a person is meant, no other shape of address will do: XEP-0045 §7.8.2, §7.10, §9, §10.2, XEP-0317 §3.5. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

const muc = 'http://jabber.org/protocol/muc';
let stage: RoomsStage;
let juliet: RequestActor;
let member: RequestActor;
let stranger: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage, { membersonly: '1', allowinvites: '1' });
  await adminSet(juliet, "<item affiliation='member' jid='member@a.example'/>");
  member = await stage.join('member@a.example/x');
  stranger = await stage.join('stranger@b.example/x');
  await member.enter('Member');
  for (const person of [juliet, member]) person.take();
  stage.elsewhere.length = 0;
});
afterEach(() => stage.close());

async function listOf(affiliation: string): Promise<string[]> {
  const answer = await juliet.ask('get', `<query xmlns='${muc}#admin'><item affiliation='${affiliation}'/></query>`);
  return [...answer.matchAll(/jid='([^']+)'/g)].map((match) => match[1]!);
}

async function checkNobodyCameIn(): Promise<void> {
  assert.deepEqual(await listOf('member'), ['member@a.example']);
  stranger.take();
  await stranger.enter('Stranger');
  assert.deepEqual(stranger.heard(), ['error registration-required auth']);
}

const notPersons: readonly (readonly [what: string, address: string])[] = [
  ['a domain', 'b.example'],
  ['a domain in capitals', 'B.EXAMPLE'],
  ['something at a domain', 'b.example/x'],
  ['the room itself', hall],
  ['an occupant', `${hall}/Juliet`],
  ['another room', 'attic@conference.a.example'],
  ['the service', 'conference.a.example'],
];

for (const [what, address] of notPersons) {
  test(`§7.8.2: an invitation of ${what} is refused, and makes no member`, async () => {
    const invite = (to: string) => `<invite to='${to}'/>`;
    for (const invitations of [invite(address), invite('paris@a.example') + invite(address)]) {
      await member.send(`<message to='${hall}'><x xmlns='${muc}#user'>${invitations}</x></message>`);
      assert.deepEqual(member.heard(), ['error not-acceptable modify']);
    }
    assert.deepEqual(stage.elsewhere, []);
    await checkNobodyCameIn();
  });

  for (const affiliation of ['member', 'admin', 'owner']) {
    test(`§9, §10: ${what} does not become ${affiliation}`, async () => {
      await adminSet(juliet, `<item affiliation='${affiliation}' jid='${address}'/>`);
      assert.deepEqual(juliet.heard(), ['error not-acceptable modify']);
      await checkNobodyCameIn();
    });
  }

  for (const field of ['roomadmins', 'roomowners']) {
    test(`§10.2: ${what} in ${field} is refused, and nothing of the form is done`, async () => {
      await configure(juliet, { roomname: 'Changed', [field]: ['juliet@a.example', 'romeo@a.example', address] });
      assert.deepEqual(juliet.heard(), ['error not-acceptable modify']);
      assert.deepEqual(await listOf('admin'), []);
      assert.deepEqual(await listOf('owner'), ['juliet@a.example']);
    });
  }

  test(`§9.9: nobody approves ${what}`, async () => {
    const fields = {
      FORM_TYPE: `${muc}#register`,
      'x-muc#register_jid': address,
      'muc#register_roomnick': 'X',
      'muc#register_allow': '1',
    };
    const form = Object.entries(fields).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
    await juliet.send(`<message to='${hall}'><x xmlns='jabber:x:data' type='submit'>${form.join('')}</x></message>`);
    assert.deepEqual(juliet.heard(), ['error not-acceptable modify']);
    await checkNobodyCameIn();
  });
}

test('§7.8.2: a full JID makes its person a member; who is inside already is not invited; a malformed address is refused', async () => {
  const send = (to: string) => member.send(`<message to='${hall}'><x xmlns='${muc}#user'><invite to='${to}'/></x></message>`);
  await send('paris@b.example/x');
  assert.deepEqual(await listOf('member'), ['member@a.example', 'paris@b.example']);
  for (const [to, error] of [
    ['member@a.example', 'error not-acceptable modify'],
    ['MEMBER@a.example/other', 'error not-acceptable modify'],
    ['@b.example', 'error jid-malformed modify'],
    ['', 'error jid-malformed modify'],
    ['b@', 'error jid-malformed modify'],
  ] as const) {
    member.take();
    await send(to);
    assert.deepEqual(member.heard(), [error], to);
  }
});

test('§9.2: a whole domain is banned, and the ban is lifted; one address of it, or rooms, are not domains', async () => {
  await configure(juliet, { membersonly: '0' });
  await adminSet(juliet, "<item affiliation='outcast' jid='b.example'/>");
  await stranger.enter('Stranger');
  assert.deepEqual(stranger.heard(), ['error forbidden auth']);
  await adminSet(juliet, "<item affiliation='none' jid='b.example'/>");
  await stranger.enter('Stranger');
  assert.ok(stranger.heard().includes('presence Stranger none/participant 110 170'));
  juliet.take();
  for (const address of ['b.example/x', 'conference.a.example', hall, `${hall}/Stranger`]) {
    await adminSet(juliet, `<item affiliation='outcast' jid='${address}'/>`);
    assert.deepEqual(juliet.heard(), ['error not-acceptable modify'], address);
  }
  assert.deepEqual(await listOf('outcast'), []);
});

test('§9.3: a service that has entered the room is not a person, and its domain does not become a member by its nick', async () => {
  await configure(juliet, { membersonly: '0' });
  const service = await stage.join('b.example/bot');
  await service.enter('Bot');
  juliet.take();
  for (const affiliation of ['member', 'admin', 'owner']) {
    await adminSet(juliet, `<item affiliation='${affiliation}' nick='Bot'/>`);
    assert.deepEqual(juliet.heard(), ['error not-acceptable modify']);
  }
  const registration = `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>Bot</value></field></x></query>`;
  assert.match(await service.ask('set', registration), /<not-allowed /);
  assert.deepEqual(await listOf('member'), ['member@a.example']);
});

test('§10.2: full JIDs in the lists of the form stand for their persons, once', async () => {
  await configure(juliet, { roomadmins: ['romeo@a.example/orchard', 'ROMEO@a.example', 'nurse@b.example'] });
  assert.deepEqual(await listOf('admin'), ['romeo@a.example', 'nurse@b.example']);
});

test('XEP-0317 §3.5: hats are for persons', async () => {
  const command = (name: string, fields: Readonly<Record<string, string>>) => {
    const form = Object.entries(fields).map(([field, value]) => `<field var='hats#${field}'><value>${value}</value></field>`);
    return `<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:${name}'><x xmlns='jabber:x:data' type='submit'>${form.join('')}</x></command>`;
  };
  await juliet.ask('set', command('create', { title: 'T', uri: 'urn:x' }));
  for (const jid of ['b.example', 'b.example/x'])
    assert.match(await juliet.ask('set', command('assign', { jid, uri: 'urn:x' })), /<bad-request /);
  assert.match(await juliet.ask('set', command('assign', { jid: 'romeo@a.example/x', uri: 'urn:x' })), /completed/);
  assert.match(await juliet.ask('set', command('list-assigned', {})), /<value>romeo@a.example<\/value>/);
});
