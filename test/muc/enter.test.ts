/** XEP-0045 §7.1, §7.2, §7.6, §7.7, §7.14, §10.1: entering, moving about and leaving. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Jid } from '../../lib/xmpp/jid.ts';
import { newConfig } from '../../services/muc/core/config.ts';
import { Room } from '../../services/muc/core/room.ts';
import { roomLimits } from '../../services/muc/limits.ts';
import { isFull } from '../../services/muc/rooms/enter.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

let stage: WholeStage;
const user = 'http://jabber.org/protocol/muc#user';
const anyId = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>";
let romeo: StreamActor;
let nurse: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  romeo = await stage.join('romeo@a.example/orchard');
  nurse = await stage.join('nurse@b.example/street');
});
afterEach(() => stage.close());

test('§10.1.1: who enters first makes the room, owns it, and finds it locked for others', async () => {
  const juliet = await stage.join('juliet@a.example/balcony');
  await juliet.enter('Juliet');
  juliet.receives(
    `<presence from='${hall}/Juliet' to='juliet@a.example/balcony'>${anyId}<x xmlns='${user}'><mav xmlns='urn:xmpp:muc:affiliations:1' until='{any}'/>
      <item affiliation='owner' role='moderator' jid='juliet@a.example/balcony'/>
      <status code='110'/><status code='170'/><status code='201'/></x></presence>`,
    `<message from='${hall}' to='juliet@a.example/balcony' type='groupchat'><subject/></message>`,
  );
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), ['error item-not-found cancel']);
  await configure(juliet, {});
  juliet.receives(`<iq from='${hall}' to='juliet@a.example/balcony' type='result' id='configure'/>`);
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), [
    'presence Juliet owner/moderator',
    'presence Romeo none/participant 110 170',
    'message room subject=',
  ]);
  assert.deepEqual(juliet.heard(), ['presence Romeo none/participant']);
});

test('§7.2.14: presence without <x/> does not let somebody in, and the client is told that it is outside', async () => {
  const juliet = await openHall(stage);
  for (const room of [hall, 'none@conference.a.example']) {
    await romeo.send(`<presence to='${room}/Romeo' id='p1'><show>away</show></presence>`);
    romeo.receives(
      `<presence from='${room}/Romeo' to='romeo@a.example/orchard' id='p1' type='unavailable'>${anyId}<x xmlns='${user}'>
        <item affiliation='none' role='none'/><status code='110'/><status code='307'/><status code='333'/></x></presence>`,
    );
  }
  assert.deepEqual(juliet.heard(), []);
});

test('§10.1.1: people of another domain make no rooms', async () => {
  await nurse.enter('Nurse', 'new@conference.a.example');
  assert.deepEqual(nurse.heard(), ['error not-allowed cancel']);
});

test('§7.2.2: presence comes in the order of others, self, history, subject', async () => {
  const juliet = await openHall(stage);
  await juliet.say('one');
  await juliet.send(`<message to='${hall}' type='groupchat'><subject>Balconies</subject></message>`);
  await juliet.say('two');
  await nurse.enter('Nurse');
  assert.deepEqual(nurse.heard(), [
    'presence Juliet owner/moderator',
    'presence Nurse none/participant 110 170',
    'message Juliet earlier: one',
    'message Juliet earlier: two',
    'message Juliet earlier: subject=Balconies',
  ]);
});

for (const [wish, expected] of [
  ["maxstanzas='0'", []],
  ["maxstanzas='2'", ['three', 'four']],
  ["maxchars='0'", []],
  ["maxchars='100000'", ['one', 'two', 'three', 'four']],
  ["seconds='600'", ['one', 'two', 'three', 'four']],
  ["since='2100-01-01T00:00:00Z'", []],
  ["since='1970-01-01T00:00:00Z' maxstanzas='1'", ['four']],
  ["maxstanzas='nonsense'", ['one', 'two', 'three', 'four']],
] as const) {
  test(`§7.2.13: the history with ${wish}`, async () => {
    const juliet = await openHall(stage);
    for (const body of ['one', 'two', 'three', 'four']) await juliet.say(body);
    await romeo.enter('Romeo', hall, `<history ${wish}/>`);
    const history = romeo.heard().filter((line) => line.startsWith('message Juliet'));
    assert.deepEqual(
      history,
      expected.map((body) => `message Juliet earlier: ${body}`),
    );
  });
}

for (const since of ['2026-02-30T00:00:00Z', '2025-02-29T00:00:00Z', '2026-01-01', 'yesterday', '2026-01-01T00:00:00']) {
  test(`§7.2.13, XEP-0082 §3.2: since='${since}' is bad-request, and nobody comes in by it`, async () => {
    const juliet = await openHall(stage);
    await juliet.say('one');
    juliet.take();
    await romeo.enter('Romeo', hall, `<history since='${since}'/>`);
    assert.deepEqual(romeo.heard(), ['error bad-request modify']);
    assert.deepEqual(juliet.heard(), []);
    await romeo.enter('Romeo');
    for (const person of [juliet, romeo]) person.take();
    await romeo.enter('Montague', hall, `<history since='${since}'/>`);
    assert.deepEqual(romeo.heard(), ['error bad-request modify'], 'nor is anything changed for who is inside');
    assert.deepEqual(juliet.heard(), []);
    await romeo.enter('Romeo', hall, "<history since='2000-01-01T01:00:00+01:00'/>");
    assert.ok(romeo.heard().includes('message Juliet earlier: one'));
  });
}

test('§7.2.13: maxchars counts whole stanzas, as they arrive', async () => {
  const juliet = await openHall(stage);
  await juliet.say('one');
  await juliet.say('two');
  const paris = await stage.join('paris@a.example/tomb');
  await paris.enter('Paris');
  const length = paris.take().find((xml) => xml.includes('two'))!.length;
  for (const [characters, expected] of [
    [length - 1, 0],
    [length, 1],
    [2 * length - 1, 1],
    [2 * length, 2],
  ] as const) {
    await paris.enter('Paris', hall, `<history maxchars='${characters}'/>`);
    const history = paris.heard().filter((line) => line.includes('earlier:'));
    assert.equal(history.length, expected, `${characters} characters`);
  }
});

for (const [affiliation, places] of [
  ['none', roomLimits.sessionsMax - roomLimits.sessionsKeptForAdmins],
  ['member', roomLimits.sessionsMax - roomLimits.sessionsKeptForAdmins],
  ['admin', roomLimits.sessionsMax],
  ['owner', roomLimits.sessionsMax],
] as const) {
  test(`§7.2.9: a room that may be as full as it likes has ${places} places for ${affiliation}`, () => {
    const room = new Room('a.example', Jid.parse(hall), '');
    room.config = { ...newConfig('2020-01-01T00:00:00Z', '', ''), maxUsers: roomLimits.sessionsMax };
    for (let number = 0; number < places; number++) {
      assert.equal(isFull(room, affiliation, 'new'), false, `${number}`);
      const jid = Jid.parse(`p${number}@a.example/x`);
      const session = { jid, address: undefined, presence: '<presence/>', joinedAt: 0, after: '' };
      room.addSeat({ nick: `p${number}`, role: 'participant', bare: jid.bare, id: '', seats: [] }, session);
    }
    assert.equal(isFull(room, affiliation, 'new'), true);
  });
}

for (const [what, fields, before, nick, inside, error] of [
  ['§7.2.1: no nick', {}, [], '', '', 'error jid-malformed modify'],
  ['§7.2.5: no password', { passwordprotectedroom: '1', roomsecret: 'lark' }, [], 'Romeo', '', 'error not-authorized auth'],
  [
    '§7.2.5: a wrong password',
    { passwordprotectedroom: '1', roomsecret: 'lark' },
    [],
    'Romeo',
    '<password>owl</password>',
    'error not-authorized auth',
  ],
  ['§7.2.6: members only', { membersonly: '1' }, [], 'Romeo', '', 'error registration-required auth'],
  ['§7.2.7: banned', {}, ["<item affiliation='outcast' jid='romeo@a.example'/>"], 'Romeo', '', 'error forbidden auth'],
  ['§7.2.7: a banned domain', {}, ["<item affiliation='outcast' jid='b.example'/>"], 'Nurse', '', 'error forbidden auth'],
  ['§7.2.8: a nick in use', {}, [], 'Juliet', '', 'error conflict cancel'],
  ['§7.2.8: a nick in use, in other letters', {}, [], 'JULIET', '', 'error conflict cancel'],
  ['§7.2.8: a nick in use, in wide letters', {}, [], 'Ｊuliet', '', 'error conflict cancel'],
  ['§7.2.9: full', { maxusers: '1' }, [], 'Romeo', '', 'error service-unavailable wait'],
] as const) {
  test(`${what} is refused`, async () => {
    const juliet = await openHall(stage, fields);
    if (before.length > 0) await adminSet(juliet, ...before);
    juliet.take();
    const who = nick === 'Nurse' ? nurse : romeo;
    if (nick === '') await who.send(`<presence to='${hall}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    else await who.enter(nick, hall, inside);
    assert.deepEqual(who.heard(), [error]);
    assert.deepEqual(juliet.heard(), []);
  });
}

test('errors come from the address that was asked, by the room', async () => {
  await openHall(stage);
  await romeo.send(`<presence to='${hall}/Juliet' id='p1'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  romeo.receives(
    `<presence from='${hall}/Juliet' to='romeo@a.example/orchard' id='p1' type='error'>
      <x xmlns='http://jabber.org/protocol/muc'/>
      <error type='cancel' by='${hall}'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
      <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text></error></presence>`,
  );
});

test('the right password opens, and an admin enters a full room', async () => {
  const juliet = await openHall(stage, { passwordprotectedroom: '1', roomsecret: 'lark', maxusers: '1' });
  await adminSet(juliet, "<item affiliation='admin' jid='romeo@a.example'/>");
  await romeo.enter('Romeo', hall, '<password>lark</password>');
  assert.equal(romeo.heard()[1], 'presence Romeo admin/moderator 110 170');
});

test('§7.2.3: in a non-anonymous room everybody sees JIDs and is told so', async () => {
  const juliet = await openHall(stage, { whois: 'anyone' });
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  const [first] = nurse.take();
  assert.match(first!, /jid='juliet@a.example\/balcony'/);
  assert.deepEqual(juliet.heard().length, 2);
  assert.equal(romeo.heard()[1], 'presence Romeo none/participant 110 100 170');
});

test('§7.2.4: in a semi-anonymous room only moderators see JIDs', async () => {
  const juliet = await openHall(stage);
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  assert.match(juliet.take().at(-1)!, /jid='nurse@b.example\/street'/);
  assert.doesNotMatch(romeo.take().at(-1)!, /nurse@/);
});

test('a nick is put into its form, and the client is told with 210', async () => {
  await openHall(stage);
  await romeo.enter('Ｒｏｍｅｏ  Montague');
  const own = romeo.take()[1];
  assert.match(own!, /from='hall@conference.a.example\/Romeo Montague'/);
  assert.match(own!, /<status code='210'\/>/);
});

test('several clients share a nick: all get messages, and the nick stays until the last leaves', async () => {
  const juliet = await openHall(stage);
  const phone = await stage.join('juliet@a.example/phone');
  await phone.enter('Juliet');
  assert.deepEqual(phone.heard(), ['presence Juliet owner/moderator 110 170', 'message room subject=']);
  await romeo.enter('Romeo');
  await romeo.say('hail');
  assert.equal(phone.heard().at(-1), 'message Romeo hail');
  assert.equal(juliet.heard().at(-1), 'message Romeo hail');
  romeo.take();
  await phone.send(`<presence to='${hall}/Juliet' type='unavailable'/>`);
  assert.deepEqual(phone.heard(), ['presence unavailable Juliet owner/none 110']);
  assert.deepEqual(romeo.heard(), ['presence Juliet owner/moderator'], 'not unavailable: another client is there');
  await juliet.send(`<presence to='${hall}/Juliet' type='unavailable'/>`);
  assert.deepEqual(romeo.heard(), ['presence unavailable Juliet owner/none']);
});

test('§7.6: a new nick is 303 for the old one and presence for the new one', async () => {
  const juliet = await openHall(stage);
  await romeo.enter('Romeo');
  juliet.take();
  romeo.take();
  await romeo.send(`<presence to='${hall}/Montague'/>`);
  assert.deepEqual(juliet.heard(), ['presence unavailable Romeo none/participant 303', 'presence Montague none/participant']);
  const [old] = romeo.inbox;
  assert.match(old!, /nick='Montague'/);
  assert.deepEqual(romeo.heard(), [
    'presence unavailable Romeo none/participant 110 303',
    'presence Montague none/participant 110',
  ]);
  await romeo.send(`<presence to='${hall}/juliet'/>`);
  assert.deepEqual(romeo.heard(), ['error conflict cancel']);
  await romeo.say('mine own');
  assert.deepEqual(juliet.heard(), ['message Montague mine own']);
});

test('§7.6: what is said with a new nick is passed on; who enters under another nick is told everything again', async () => {
  const juliet = await openHall(stage);
  await romeo.enter('Romeo');
  juliet.take();
  romeo.take();
  await romeo.send(`<presence to='${hall}/Montague'><show>away</show></presence>`);
  const [, shown] = juliet.take();
  assert.match(shown!, /Montague'.*<show>away<\/show>/);
  romeo.take();
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), [
    'presence unavailable Montague none/participant 110 303',
    'presence Juliet owner/moderator',
    'presence Romeo none/participant 110 170',
    'message room subject=',
  ]);
  assert.deepEqual(juliet.heard(), ['presence unavailable Montague none/participant 303', 'presence Romeo none/participant']);
  await romeo.send(`<presence to='${hall}/Juliet'><show>dnd</show></presence>`);
  assert.deepEqual(romeo.heard(), ['error conflict cancel']);
  const paris = await stage.join('paris@a.example/tomb');
  await paris.enter('Paris');
  assert.doesNotMatch(paris.take().join(), /dnd/);
});

test('§7.7: presence is passed on without what only the room may say', async () => {
  const juliet = await openHall(stage);
  await romeo.enter('Romeo');
  juliet.take();
  await romeo.send(
    `<presence to='${hall}/Romeo'><show>xa</show><x xmlns='${user}'><item affiliation='owner' role='moderator'/></x>
      <occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/></presence>`,
  );
  juliet.receives(
    `<presence from='${hall}/Romeo' to='juliet@a.example/balcony'><show>xa</show>${anyId}
      <x xmlns='${user}'><item affiliation='none' role='participant' jid='romeo@a.example/orchard'/></x></presence>`,
  );
});

test('§15.3: who enters again is told everything again', async () => {
  const juliet = await openHall(stage);
  await romeo.enter('Romeo');
  romeo.take();
  juliet.take();
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), [
    'presence Juliet owner/moderator',
    'presence Romeo none/participant 110 170',
    'message room subject=',
  ]);
  assert.deepEqual(juliet.heard(), []);
});

test('§7.14: a farewell is passed on, and a temporary room ends with its last occupant', async () => {
  const juliet = await openHall(stage);
  await romeo.enter('Romeo');
  juliet.take();
  await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'><status>adieu</status></presence>`);
  juliet.receives(
    `<presence from='${hall}/Romeo' to='juliet@a.example/balcony' type='unavailable'><status>adieu</status>${anyId}
      <x xmlns='${user}'><item affiliation='none' role='none' jid='romeo@a.example/orchard'/></x></presence>`,
  );
  await juliet.send(`<presence to='${hall}/Juliet' type='unavailable'/>`);
  await romeo.enter('Romeo');
  assert.equal(romeo.heard().at(-2), 'presence Romeo owner/moderator 110 170 201');
});

test('a persistent room stays, with its subject and history', async () => {
  const juliet = await openHall(stage, { persistentroom: '1' });
  await juliet.say('remember');
  await juliet.send(`<presence to='${hall}/Juliet' type='unavailable'/>`);
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), [
    'presence Romeo none/participant 110 170',
    'message Juliet earlier: remember',
    'message room subject=',
  ]);
});

for (const [what, to, condition, heard] of [
  ['what the room sends', hall, 'service-unavailable', ['presence unavailable Nurse none/none 333']],
  ['what the room sends, by its server', hall, 'remote-server-not-found', ['presence unavailable Nurse none/none 333']],
  [
    'what was said to all, by its server',
    `${hall}/Juliet`,
    'recipient-unavailable',
    ['presence unavailable Nurse none/none 333'],
  ],
  ['what one occupant said, whom it blocks', `${hall}/Juliet`, 'service-unavailable', []],
  ['what the room sends, as a bad request', hall, 'bad-request', []],
] as const) {
  test(`§16.1.2: an occupant that bounces ${what}: ${heard.join()}`, async () => {
    const juliet = await openHall(stage);
    await nurse.enter('Nurse');
    juliet.take();
    await nurse.send(
      `<message to='${to}' type='error'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
    );
    await juliet.say('anybody?');
    assert.deepEqual(juliet.heard(), [...heard, 'message Juliet anybody?']);
  });
}

test('§11.1: an occupant whose presence bounces is gone for technical reasons, and nobody has kicked it', async () => {
  const juliet = await openHall(stage);
  await nurse.enter('Nurse');
  juliet.take();
  await nurse.send(
    `<presence to='${hall}/Juliet' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
  );
  await juliet.say('anybody?');
  assert.deepEqual(juliet.heard(), ['presence unavailable Nurse none/none 333', 'message Juliet anybody?']);
});
