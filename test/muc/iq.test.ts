/** XEP-0045 §6 and XEP-0030 (discovery), §7.10 and §7.12 (nicks of one's own), §15.4 (IQs between occupants); XEP-0410. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

const muc = 'http://jabber.org/protocol/muc';
const info = 'http://jabber.org/protocol/disco#info';
const items = 'http://jabber.org/protocol/disco#items';
const service = 'conference.a.example';
let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@b.example/orchard');
});
afterEach(() => stage.close());

async function ask(person: RequestActor, to: string, child: string, type = 'get'): Promise<string> {
  person.take();
  await person.send(`<iq to='${to}' type='${type}' id='i1'>${child}</iq>`);
  return person.take().at(-1) ?? '';
}

test('§6.2: the service says that it has rooms', async () => {
  const answer = await ask(romeo, service, `<query xmlns='${info}'/>`);
  assert.match(answer, /<identity category='conference' type='text'/);
  assert.match(answer, new RegExp(`<feature var='${muc}'/>`));
});

test('§6.3: the service lists public rooms, in pages', async () => {
  for (const room of ['attic', 'cellar', 'garden']) {
    await juliet.enter('Juliet', `${room}@${service}`);
    await configure(juliet, {}, `${room}@${service}`);
  }
  const jids = (xml: string) => [...xml.matchAll(/<item jid='([^@]+)@/g)].map((match) => match[1]);
  const set = (inside: string) => `<query xmlns='${items}'><set xmlns='http://jabber.org/protocol/rsm'>${inside}</set></query>`;
  assert.deepEqual(jids(await ask(romeo, service, `<query xmlns='${items}'/>`)), ['attic', 'cellar', 'garden', 'hall']);
  assert.deepEqual(jids(await ask(romeo, service, set('<max>2</max>'))), ['attic', 'cellar']);
  assert.match(await ask(romeo, service, set('<max>0</max>')), /<count>4<\/count>/);
  assert.deepEqual(jids(await ask(romeo, service, set(`<max>2</max><after>cellar@${service}</after>`))), ['garden', 'hall']);
  assert.deepEqual(jids(await ask(romeo, service, set('<max>2</max><before/>'))), ['garden', 'hall']);
  assert.deepEqual(jids(await ask(romeo, service, set(`<max>2</max><before>garden@${service}</before>`))), ['attic', 'cellar']);
  await configure(juliet, { publicroom: '0' });
  assert.deepEqual(jids(await ask(romeo, service, `<query xmlns='${items}'/>`)), ['attic', 'cellar', 'garden']);
});

test('§6.4: a room says what it is', async () => {
  await configure(juliet, { roomname: 'Hall', roomdesc: 'Dances', membersonly: '0', persistentroom: '1' });
  const answer = await ask(romeo, hall, `<query xmlns='${info}'/>`);
  for (const feature of [
    'muc_public',
    'muc_persistent',
    'muc_open',
    'muc_unmoderated',
    'muc_unsecured',
    'muc_semianonymous',
    'urn:xmpp:mam:2',
    'urn:xmpp:sid:0',
    'urn:xmpp:occupant-id:0',
    `${muc}#self-ping-optimization`,
  ]) {
    assert.ok(answer.includes(`<feature var='${feature}'/>`), feature);
  }
  assert.match(answer, /name='Hall'/);
  assert.match(answer, /muc#roominfo_description' label='Description'><value>Dances/);
  assert.match(answer, /muc#roominfo_occupants' label='Occupants'><value>1</);
  await configure(juliet, { membersonly: '1', moderatedroom: '1', whois: 'anyone', enablelogging: '0', publicroom: '0' });
  const other = await ask(romeo, hall, `<query xmlns='${info}'/>`);
  for (const feature of ['muc_hidden', 'muc_membersonly', 'muc_moderated', 'muc_nonanonymous']) {
    assert.ok(other.includes(`<feature var='${feature}'/>`), feature);
  }
  assert.ok(!other.includes('urn:xmpp:mam:2'));
});

for (const [what, to, child, expected] of [
  ['a room that is not there', `none@${service}`, `<query xmlns='${info}'/>`, /item-not-found/],
  ['an unknown request to a room', hall, "<query xmlns='x:y'/>", /service-unavailable/],
  ['an unknown request to the service', service, "<query xmlns='x:y'/>", /service-unavailable/],
  ['allowed traffic (§16.1.1)', hall, `<query xmlns='${info}' node='${muc}#traffic'/>`, /service-unavailable/],
  ['allowed traffic of the service', service, `<query xmlns='${info}' node='${muc}#traffic'/>`, /service-unavailable/],
  ["one's nick everywhere (§7.12)", service, `<query xmlns='${info}' node='x-roomuser-item'/>`, /feature-not-implemented/],
  ['an unknown node of the service', service, `<query xmlns='${info}' node='x'/>`, /item-not-found/],
  ['an unknown node of a room', hall, `<query xmlns='${info}' node='x'/>`, /item-not-found/],
  [
    "one's nick in a room, where one has none (§7.12)",
    hall,
    `<query xmlns='${info}' node='x-roomuser-item'/>`,
    /<query [^>]*\/>/,
  ],
  ['a ping to the service', service, "<ping xmlns='urn:xmpp:ping'/>", /type='result'/],
  ['occupants, to a stranger (§6.5)', hall, `<query xmlns='${items}'/>`, /<query xmlns='[^']*'\/>/],
  ['a stranger asks an occupant (§6.6)', `${hall}/Juliet`, `<query xmlns='${info}'/>`, /bad-request/],
] as const) {
  test(`${what} gives ${expected.source}`, async () => {
    assert.match(await ask(romeo, to, child), expected);
  });
}

test('§6.5: those inside see who is inside', async () => {
  assert.match(await ask(juliet, hall, `<query xmlns='${items}'/>`), /jid='hall@conference.a.example\/Juliet'/);
});

test('XEP-0410: a self-ping is answered by the room, and not-acceptable when one is out', async () => {
  const ping = "<ping xmlns='urn:xmpp:ping'/>";
  assert.match(await ask(romeo, `${hall}/Romeo`, ping), /<error type='cancel'[^>]*><not-acceptable/);
  await romeo.enter('Romeo');
  romeo.receives(...romeo.inbox);
  assert.match(await ask(romeo, `${hall}/Romeo`, ping), /type='result'/);
  assert.match(await ask(romeo, `${hall}/romeo`, ping), /type='result'/);
});

test('§15.4: a request to a nick is passed on under the nick, and its answer comes back', async () => {
  await romeo.enter('Romeo');
  const phone = await stage.join('romeo@b.example/phone');
  await phone.enter('Romeo');
  juliet.take();
  phone.take();
  await ask(romeo, `${hall}/Juliet`, "<query xmlns='jabber:iq:version'/>");
  const [asked] = juliet.take();
  const request = Stanza.parse(asked!);
  assert.equal(request.attributes.from, `${hall}/Romeo`);
  assert.equal(request.attributes.to, 'juliet@a.example/balcony');
  assert.doesNotMatch(asked!, /b\.example/);
  await juliet.send(
    `<iq to='${hall}/Romeo' type='result' id='${request.id}'><query xmlns='jabber:iq:version'><name>x</name></query></iq>`,
  );
  await romeo.gets(1);
  romeo.receives(
    `<iq from='${hall}/Juliet' to='romeo@b.example/orchard' type='result' id='i1'><query xmlns='jabber:iq:version'><name>x</name></query></iq>`,
  );
  assert.deepEqual(phone.take(), []);
});

test('§17.3: a vCard is asked of the account, whose answer comes from its bare JID', async () => {
  await romeo.enter('Romeo');
  juliet.take();
  await ask(juliet, `${hall}/Romeo`, "<vCard xmlns='vcard-temp'/>");
  const request = Stanza.parse(stage.elsewhere[0]!);
  assert.equal(request.attributes.to, 'romeo@b.example');
  const account = await stage.join('romeo@b.example');
  await account.send(`<iq to='${hall}/Juliet' type='result' id='${request.id}'><vCard xmlns='vcard-temp'/></iq>`);
  await juliet.gets(1);
  juliet.receives(
    `<iq from='${hall}/Romeo' to='juliet@a.example/balcony' type='result' id='i1'><vCard xmlns='vcard-temp'/></iq>`,
  );
});

test('an answer that nobody asked for goes nowhere', async () => {
  await romeo.enter('Romeo');
  juliet.take();
  romeo.take();
  await juliet.send(`<iq to='${hall}/Romeo' type='result' id='guess'/>`);
  await juliet.say('after it');
  assert.deepEqual(romeo.heard(), ['message Juliet after it']);
});

const register = (nick: string) =>
  `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>${nick}</value></field></x></query>`;

test('§7.10: a registered nick is kept for its owner', async () => {
  const tybalt = await stage.join('tybalt@a.example/x');
  assert.match(await ask(tybalt, hall, "<query xmlns='jabber:iq:register'/>"), /muc#register_roomnick/);
  assert.match(await ask(tybalt, hall, register('Prince of Cats'), 'set'), /type='result'/);
  assert.match(await ask(tybalt, hall, "<query xmlns='jabber:iq:register'/>"), /<registered\/><username>Prince of Cats</);
  assert.match(await ask(tybalt, hall, `<query xmlns='${info}' node='x-roomuser-item'/>`), /name='Prince of Cats'/);
  await romeo.enter('prince of cats');
  assert.deepEqual(romeo.heard(), ['error conflict cancel']);
  assert.match(await ask(romeo, hall, register('Prince of Cats'), 'set'), /conflict/);
  await tybalt.enter('Prince of Cats');
  assert.equal(tybalt.heard().at(-2), 'presence Prince of Cats member/participant 110 170');
  tybalt.take();
  await tybalt.send(`<iq id='remove' type='set' to='${hall}'><query xmlns='jabber:iq:register'><remove/></query></iq>`);
  const [answer, ...presence] = tybalt.take();
  assert.match(answer!, /id='remove' type='result'|type='result' id='remove'/);
  assert.match(presence.join(''), /<item affiliation='none' role='participant'/, 'the membership ended with the registration');
  await configure(juliet, { membersonly: '1' });
  assert.match(await ask(romeo, hall, register('Montague'), 'set'), /not-allowed/);
});
