/** XEP-0045 §10.2: options that change who sees whom, and the lists of owners and admins in the form; §15.6, §9.5: the absent. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

const muc = 'http://jabber.org/protocol/muc';
let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
let nurse: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage, { moderatedroom: '1' });
  romeo = await stage.join('romeo@a.example/orchard');
  nurse = await stage.join('nurse@b.example/street');
});
afterEach(() => stage.close());

function hush(): void {
  for (const person of [juliet, romeo, nurse]) person.take();
}

test('presencebroadcast: of other roles only the occupant itself hears', async () => {
  await configure(juliet, { presencebroadcast: ['moderator', 'participant'] });
  hush();
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), [
    'presence Juliet owner/moderator',
    'presence Romeo none/visitor 110 170',
    'message room subject=',
  ]);
  await nurse.enter('Nurse');
  assert.equal(
    nurse.heard().some((line) => line.includes('Romeo')),
    false,
  );
  assert.deepEqual(juliet.heard(), []);
  await romeo.send(`<presence to='${hall}/Montague'/>`);
  await romeo.send(`<presence to='${hall}/Montague' type='unavailable'/>`);
  assert.deepEqual(juliet.heard(), []);
  assert.deepEqual(nurse.heard(), []);
});

test('presencebroadcast: who gets voice appears, who loses it seems to leave', async () => {
  await configure(juliet, { presencebroadcast: ['moderator', 'participant'] });
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  hush();
  await adminSet(juliet, "<item role='participant' nick='Romeo'/>");
  assert.deepEqual(nurse.heard(), ['presence Romeo none/participant']);
  assert.deepEqual(romeo.heard(), ['presence Romeo none/participant 110']);
  await adminSet(juliet, "<item role='visitor' nick='Romeo'/>");
  assert.deepEqual(nurse.heard(), ['presence unavailable Romeo none/none']);
  assert.deepEqual(romeo.heard(), ['presence Romeo none/visitor 110']);
});

test('presencebroadcast: changing it shows and hides those who are inside', async () => {
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  hush();
  await configure(juliet, { presencebroadcast: ['moderator'] });
  assert.deepEqual(nurse.heard(), ['message room 104', 'presence unavailable Romeo none/none']);
  await configure(juliet, { presencebroadcast: ['moderator', 'participant', 'visitor'] });
  assert.deepEqual(nurse.heard(), ['message room 104', 'presence Romeo none/visitor']);
  await configure(juliet, { presencebroadcast: ['visitor', 'moderator', 'participant'] });
  assert.deepEqual(nurse.heard(), [], 'the same list in another order changes nothing');
});

test('the form shows all that can be configured, with the lists of owners and admins', async () => {
  await adminSet(juliet, "<item affiliation='admin' jid='romeo@a.example'/>");
  const form = await juliet.ask('get', `<query xmlns='${muc}#owner'/>`);
  for (const name of ['presencebroadcast', 'getmemberlist', 'pubsub', 'slow_mode_duration', 'whois', 'roomsecret', 'maxusers']) {
    assert.ok(form.includes(`var='muc#roomconfig_${name}'`), name);
  }
  assert.match(form, /roomadmins' type='jid-multi'[^>]*><value>romeo@a.example<\/value><\/field>/);
  assert.match(form, /roomowners' type='jid-multi'[^>]*><value>juliet@a.example<\/value><\/field>/);
});

test('§10.2: the lists are full lists: new ones go up, those left out go down, and all see it', async () => {
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  hush();
  await configure(juliet, { roomadmins: ['romeo@a.example/orchard'], roomowners: ['juliet@a.example', 'nurse@b.example'] });
  assert.deepEqual(romeo.heard(), [
    'presence Romeo admin/moderator 110',
    'presence Juliet owner/moderator',
    'presence Nurse none/visitor',
    'presence Nurse owner/moderator',
  ]);
  hush();
  await configure(juliet, { roomadmins: [], roomowners: ['juliet@a.example'] });
  assert.deepEqual(romeo.heard(), ['presence Romeo member/participant 110', 'presence Nurse member/participant']);
  await configure(juliet, { roomowners: ['juliet@a.example', 'nurse@b.example'] });
  hush();
  await configure(juliet, { roomowners: ['juliet@a.example'] });
  assert.deepEqual(romeo.heard(), ['presence Nurse admin/moderator'], 'nothing was said of admins');
});

for (const [what, fields, error] of [
  ['the last owner takes herself off', { roomowners: ['romeo@a.example'], roomadmins: ['juliet@a.example'] }, undefined],
  ['an owner that is not an address', { roomowners: ['@@'] }, 'error jid-malformed modify'],
  ['the only owner made an admin', { roomadmins: ['juliet@a.example'] }, 'error conflict cancel'],
] as const) {
  test(`§10.2: ${what}: ${error ?? 'done, as another takes over'}`, async () => {
    await configure(juliet, { roomname: 'changed', ...fields });
    const answer = juliet.heard();
    const info = await nurse.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    assert.equal(answer[0], error ?? 'iq result room');
    assert.equal(info.includes('changed'), error === undefined, 'all or nothing');
  });
}

test('§10.2: a form whose list of owners is empty is refused as a whole, for a room needs an owner', async () => {
  await configure(juliet, { roomowners: [''], roomname: 'changed' });
  assert.deepEqual(juliet.heard(), ['error not-acceptable modify']);
  assert.match(await juliet.ask('get', `<query xmlns='${muc}#owner'/>`), /roomowners'[^>]*><value>juliet@a.example</);
});

test('getmemberlist: who may read the members', async () => {
  await configure(juliet, { whois: 'anyone', getmemberlist: ['moderator'] });
  await romeo.enter('Romeo');
  const list = `<query xmlns='${muc}#admin'><item affiliation='member'/></query>`;
  assert.match(await romeo.ask('get', list), /forbidden/);
  await configure(juliet, { getmemberlist: ['moderator', 'visitor'] });
  assert.match(await romeo.ask('get', list), /type='result'/);
  await configure(juliet, { whois: 'moderators' });
  assert.match(await romeo.ask('get', list), /forbidden/, 'JIDs are not for visitors of a semi-anonymous room');
  assert.match(await juliet.ask('get', list), /type='result'/);
});

test('§15.6: who is not inside is told of a new affiliation with 101', async () => {
  await adminSet(juliet, "<item affiliation='admin' jid='paris@b.example'><reason>County</reason></item>");
  assert.equal(stage.elsewhere.length, 1);
  assert.match(
    stage.elsewhere[0]!,
    /to='paris@b.example'.*<item affiliation='admin'[^>]*><reason>County<\/reason><\/item><status code='101'\/>/,
  );
  await adminSet(juliet, "<item affiliation='admin' jid='paris@b.example'/>", "<item affiliation='member' jid='c.example'/>");
  assert.equal(stage.elsewhere.length, 1, 'nothing changed; and domains read no messages');
});

test('§9.5: a new member of a members-only room is invited, with the password; who is inside already is not', async () => {
  await romeo.enter('Romeo');
  await adminSet(juliet, "<item affiliation='member' jid='romeo@a.example'/>");
  await configure(juliet, { membersonly: '1', passwordprotectedroom: '1', roomsecret: 'lark' });
  await adminSet(juliet, "<item affiliation='member' jid='paris@b.example'/>");
  assert.equal(stage.elsewhere.length, 1);
  assert.match(stage.elsewhere[0]!, new RegExp(`<invite from='${hall}/Juliet'/><password>lark</password>`));
});

test('§7.8.2: an invitation of an admin into a members-only room makes a member, who is written to once', async () => {
  await configure(juliet, { membersonly: '1' });
  await juliet.send(`<message to='${hall}'><x xmlns='${muc}#user'><invite to='paris@b.example'/></x></message>`);
  assert.equal(stage.elsewhere.length, 1);
  assert.match(stage.elsewhere[0]!, /<invite from=/);
  assert.match(await juliet.ask('get', `<query xmlns='${muc}#admin'><item affiliation='member'/></query>`), /paris@b.example/);
});

test('§7.8.2: others invite into a members-only room only where the owner lets them', async () => {
  await adminSet(juliet, "<item affiliation='member' jid='romeo@a.example'/>");
  await configure(juliet, { membersonly: '1' });
  await romeo.enter('Romeo');
  hush();
  const before = stage.elsewhere.length;
  const invite = `<message to='${hall}'><x xmlns='${muc}#user'><invite to='paris@b.example'/></x></message>`;
  await romeo.send(invite);
  assert.deepEqual(romeo.heard(), ['error forbidden auth']);
  await configure(juliet, { allowinvites: '1' });
  await romeo.send(invite);
  assert.equal(stage.elsewhere.length, before + 1);
});

test('§9.5: an admin reserves a nick for a member, and nobody takes it', async () => {
  await adminSet(juliet, "<item affiliation='member' jid='paris@b.example' nick='Paris'/>");
  await romeo.enter('Pаris');
  assert.deepEqual(romeo.heard(), ['error conflict cancel'], 'not with a Cyrillic letter either');
  const list = await juliet.ask('get', `<query xmlns='${muc}#admin'><item affiliation='member'/></query>`);
  assert.match(list, /<item affiliation='member' jid='paris@b.example' nick='Paris'\/>/);
  await adminSet(juliet, "<item affiliation='member' jid='nurse@b.example' nick='PARIS'/>");
  assert.match(juliet.heard().join(), /error conflict cancel/);
});

test('§6.4: muc#roominfo is complete', async () => {
  await configure(juliet, { whois: 'anyone', pubsub: 'xmpp:a.example?;node=x', lang: 'it' });
  const info = await nurse.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
  for (const [name, value] of [
    ['muc#roominfo_description', ''],
    ['muc#roominfo_contactjid', 'juliet@a.example'],
    ['muc#roominfo_occupants', '1'],
    ['muc#roominfo_lang', 'it'],
    ['muc#roominfo_subjectmod', '0'],
    ['muc#roomconfig_pubsub', 'xmpp:a.example?;node=x'],
    ['muc#roominfo_slow_mode_duration', '0'],
    ['muc#maxhistoryfetch', '20'],
  ]) {
    assert.match(info, new RegExp(`var='${name}'[^>]*>(?:<value>${value!.replace('?', '\\?')}</value>|<value/>)`), name);
  }
  for (const name of ['register', 'request', 'roomconfig', 'roominfo'])
    assert.ok(info.includes(`<feature var='${muc}#${name}'/>`));
  await configure(juliet, { whois: 'moderators' });
  const other = await nurse.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
  assert.doesNotMatch(other, /juliet@/);
});

for (const [what, fields, isShown] of [
  ['an open room', {}, true],
  ['a members-only room', { membersonly: '1' }, false],
  ['a room with a password', { passwordprotectedroom: '1', roomsecret: 'lark' }, false],
] as const) {
  test(`§13.4: strangers ${isShown ? 'read' : 'do not read'} the subject of ${what}`, async () => {
    await configure(juliet, fields);
    await juliet.send(`<message to='${hall}' type='groupchat'><subject>Balconies</subject></message>`);
    const info = await nurse.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    assert.equal(info.includes('Balconies'), isShown);
  });
}
