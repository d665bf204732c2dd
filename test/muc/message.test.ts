/** XEP-0045 §7.4, §7.5, §7.8, §7.13, §8.1 and XEP-0359, XEP-0421: what occupants say to each other. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { adminSet, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const user = 'http://jabber.org/protocol/muc#user';
const anyId = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>";
const anySid = `<stanza-id xmlns='urn:xmpp:sid:0' by='${hall}' id='{any}'/>`;

let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
let nurse: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@a.example/orchard');
  nurse = await stage.join('nurse@b.example/street');
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  for (const person of [juliet, romeo, nurse]) person.take();
});
afterEach(() => stage.close());

test('§7.4: a message goes to all with the id of its sender, and comes back to the sender too', async () => {
  await romeo.send(
    `<message to='${hall}' type='groupchat' id='m1' xml:lang='en'><body>Hist!</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  );
  for (const person of [juliet, romeo, nurse]) {
    person.receives(
      `<message from='${hall}/Romeo' to='${person.jid}' type='groupchat' id='m1' xml:lang='en'><body>Hist!</body>
        <active xmlns='http://jabber.org/protocol/chatstates'/>${anySid}${anyId}</message>`,
    );
  }
});

test('XEP-0359 §5: a stanza-id in the name of the room is replaced, others are passed on', async () => {
  await romeo.send(
    `<message to='${hall}' type='groupchat'><body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='${hall}' id='forged'/>
      <stanza-id xmlns='urn:xmpp:sid:0' by='HALL@conference.a.example' id='forged'/>
      <stanza-id xmlns='urn:xmpp:sid:0' by='other@b.example' id='kept'/><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>
      <occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/><x xmlns='${user}'><status code='301'/></x>
      <delay xmlns='urn:xmpp:delay' from='${hall}' stamp='2000-01-01T00:00:00Z'/></message>`,
  );
  juliet.receives(
    `<message from='${hall}/Romeo' to='juliet@a.example/balcony' type='groupchat'><body>x</body>
      <stanza-id xmlns='urn:xmpp:sid:0' by='other@b.example' id='kept'/><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>
      ${anySid}${anyId}</message>`,
  );
});

test('XEP-0421: an occupant id lasts over nicks, and differs per room', async () => {
  const idOf = (xml: string) => Stanza.parse(xml).child('occupant-id', 'urn:xmpp:occupant-id:0')!.attrs.id;
  await romeo.say('one');
  await romeo.send(`<presence to='${hall}/Montague'/>`);
  await romeo.say('two');
  const ids = juliet.take().map(idOf);
  assert.equal(new Set(ids).size, 1);
  await romeo.enter('Romeo', 'garden@conference.a.example');
  assert.notEqual(idOf(romeo.take().at(-2)!), ids[0]);
});

for (const [what, xml, error] of [
  ['§7.4: a stranger', `<message to='${hall}' type='groupchat'><body>x</body></message>`, 'error not-acceptable modify'],
  ['§7.5: a stranger, to one', `<message to='${hall}/Romeo' type='chat'><body>x</body></message>`, 'error not-acceptable modify'],
  [
    '§15.2: to no room',
    `<message to='none@conference.a.example' type='groupchat'><body>x</body></message>`,
    'error item-not-found cancel',
  ],
] as const) {
  test(`${what} is refused`, async () => {
    const tybalt = await stage.join('tybalt@a.example/street');
    await tybalt.send(xml);
    assert.deepEqual(tybalt.heard(), [error]);
    assert.deepEqual(romeo.heard(), []);
  });
}

for (const [what, xml, error] of [
  [
    '§7.5: groupchat to one',
    `<message to='${hall}/Juliet' type='groupchat'><body>x</body></message>`,
    'error bad-request modify',
  ],
  ['§7.5: to nobody', `<message to='${hall}/Paris' type='chat'><body>x</body></message>`, 'error item-not-found cancel'],
  [
    '§8.1: a subject by a participant',
    `<message to='${hall}' type='groupchat'><subject>x</subject></message>`,
    'error forbidden auth',
  ],
  ['§15.2: chat to all', `<message to='${hall}' type='chat'><body>x</body></message>`, 'error bad-request modify'],
  ['§7.13: a voice request of one who has voice', voiceForm(), 'error not-allowed cancel'],
] as const) {
  test(`${what} is refused`, async () => {
    await romeo.send(xml);
    assert.deepEqual(romeo.heard(), [error]);
    assert.deepEqual(juliet.heard(), []);
  });
}

function voiceForm(): string {
  return `<message to='${hall}'><x xmlns='jabber:x:data' type='submit'>
    <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>
    <field var='muc#role'><value>participant</value></field></x></message>`;
}

test('§7.5: a private message goes to one occupant and is not archived', async () => {
  await nurse.send(
    `<message to='${hall}/Romeo' type='chat' id='pm'><body>a word</body><x xmlns='${user}'><invite to='x@y.example'/></x></message>`,
  );
  romeo.receives(
    `<message from='${hall}/Nurse' to='romeo@a.example/orchard' type='chat' id='pm'><body>a word</body><x xmlns='${user}'/>${anyId}</message>`,
  );
  assert.deepEqual(juliet.heard(), []);
  await romeo.send(
    `<message to='${hall}/Nurse' type='error' id='pm'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
  );
  await nurse.gets(1); // answers are acknowledged before they are handled
  assert.deepEqual(nurse.heard(), ['error not-acceptable cancel']);
});

for (const [policy, outcome] of [
  ['anyone', 'message chat Romeo x'],
  ['participants', 'message chat Romeo x'],
  ['moderators', 'error forbidden auth'],
  ['none', 'error forbidden auth'],
] as const) {
  test(`allowpm ${policy}: a participant's private message gives "${outcome}"`, async () => {
    await juliet.send(
      `<iq to='${hall}' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>
        <field var='muc#roomconfig_allowpm'><value>${policy}</value></field></x></query></iq>`,
    );
    for (const person of [romeo, nurse]) person.take();
    await romeo.send(`<message to='${hall}/Nurse' type='chat'><body>x</body></message>`);
    assert.deepEqual([...romeo.heard(), ...nurse.heard()], [outcome]);
  });
}

test('§8.1: the subject is set by a moderator, kept, and shown to who enters', async () => {
  await juliet.send(`<message to='${hall}' type='groupchat' id='s1'><subject>Names</subject></message>`);
  assert.deepEqual(romeo.heard(), ['message Juliet subject=Names']);
  await romeo.send(`<message to='${hall}' type='groupchat'><subject>x</subject><body>a body makes it a message</body></message>`);
  assert.deepEqual(nurse.heard(), ['message Juliet subject=Names', 'message Romeo subject=x a body makes it a message']);
  const paris = await stage.join('paris@a.example/tomb');
  await paris.enter('Paris');
  assert.equal(paris.heard().at(-1), 'message Juliet earlier: subject=Names');
});

test('§8.4: who has no voice is not heard, asks for it (§7.13), and gets it (§8.6)', async () => {
  await juliet.send(
    `<iq to='${hall}' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>
      <field var='muc#roomconfig_moderatedroom'><value>1</value></field></x></query></iq>`,
  );
  const paris = await stage.join('paris@a.example/tomb');
  await paris.enter('Paris');
  assert.equal(paris.heard().at(-2), 'presence Paris none/visitor 110 170');
  await paris.say('x');
  assert.deepEqual(paris.heard(), ['error forbidden auth']);
  juliet.take();
  await paris.send(voiceForm());
  const [request] = juliet.take();
  assertXml(
    request!,
    `<message from='${hall}' to='juliet@a.example/balcony'><x xmlns='jabber:x:data' type='form'><title>{any}</title>
      <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#request</value></field>
      <field var='muc#role' type='list-single' label='{any}'><value>participant</value></field>
      <field var='muc#jid' type='jid-single' label='{any}'><value>paris@a.example/tomb</value></field>
      <field var='muc#roomnick' type='text-single' label='{any}'><value>Paris</value></field>
      <field var='muc#request_allow' type='boolean' label='{any}'><value>0</value></field></x></message>`,
  );
  await juliet.send(`<message to='${hall}'><x xmlns='jabber:x:data' type='submit'>
    <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>
    <field var='muc#roomnick'><value>Paris</value></field><field var='muc#request_allow'><value>true</value></field></x></message>`);
  assert.deepEqual(paris.heard(), ['presence Paris none/participant 110']);
  await paris.say('at last');
  assert.equal(paris.heard().at(-1), 'message Paris at last');
});

test('§7.8.2: an invitation is sent by the room, names the inviter, and can be declined', async () => {
  await romeo.send(
    `<message to='${hall}' id='i1'><x xmlns='${user}'><invite to='benvolio@b.example'><reason>come</reason></invite></x></message>`,
  );
  assert.equal(stage.elsewhere.length, 1);
  assertXml(
    stage.elsewhere[0]!,
    `<message from='${hall}' to='benvolio@b.example' id='{any}'><x xmlns='${user}'><invite from='${hall}/Romeo'><reason>come</reason></invite></x>
      <x xmlns='jabber:x:conference' jid='${hall}' reason='come'>come</x></message>`,
  );
  const benvolio = await stage.join('benvolio@b.example/street');
  await benvolio.send(
    `<message to='${hall}'><x xmlns='${user}'><decline to='${hall}/Romeo'><reason>too busy</reason></decline></x></message>`,
  );
  romeo.receives(
    `<message from='${hall}' to='romeo@a.example/orchard'><x xmlns='${user}'><decline from='benvolio@b.example'><reason>too busy</reason></decline></x></message>`,
  );
  await benvolio.send(`<message to='${hall}'><x xmlns='${user}'><decline to='stranger@a.example'/></x></message>`);
  assert.deepEqual(benvolio.heard(), ['error item-not-found cancel']);
});

test('§7.8.2: in a members-only room an invitation makes a member, where occupants may invite', async () => {
  await adminSet(juliet, "<item affiliation='member' jid='romeo@a.example'/>");
  const set = (allow: string) =>
    juliet.send(
      `<iq to='${hall}' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>
        <field var='muc#roomconfig_membersonly'><value>1</value></field>
        <field var='muc#roomconfig_allowinvites'><value>${allow}</value></field></x></query></iq>`,
    );
  await set('0');
  romeo.take();
  const invite = `<message to='${hall}'><x xmlns='${user}'><invite to='paris@a.example'/></x></message>`;
  await romeo.send(invite);
  assert.deepEqual(romeo.heard(), ['error forbidden auth']);
  await set('1');
  romeo.take();
  await romeo.send(invite);
  assert.deepEqual(romeo.heard(), []);
  const paris = await stage.join('paris@a.example/tomb');
  await paris.enter('Paris');
  assert.equal(paris.heard().at(-2), 'presence Paris member/participant 110 170');
});

test('what is said together comes to all in one order', async () => {
  const bodies = Array.from({ length: 150 }, (_, index) => `m${index}`);
  await Promise.all(bodies.map((body, index) => [juliet, romeo, nurse][index % 3]!.say(body)));
  const orders = [juliet, romeo, nurse].map((person) => person.heard());
  assert.equal(orders[0]!.length, 150);
  assert.deepEqual(orders[1], orders[0]);
  assert.deepEqual(orders[2], orders[0]);
  const late = await stage.join('late@a.example/x');
  await late.enter('Late', hall, "<history maxstanzas='20'/>");
  const history = late.heard().filter((line) => line.includes('earlier:'));
  assert.deepEqual(
    history,
    orders[0]!.slice(-20).map((line) => line.replace(/ (?=m\d)/, ' earlier: ')),
  );
});
