/** XEP-0045 §7.10, §9.9: who may register with a room, the approval of an owner, and nicks that are locked (§7.2.2, §7.6). */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { roomLimits } from '../../services/muc/limits.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const muc = 'http://jabber.org/protocol/muc';
let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
let nurse: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@a.example/orchard');
  nurse = await stage.join('nurse@b.example/street');
});
afterEach(() => stage.close());

/** The options of this file have Openfire's names. */
async function choose(fields: Readonly<Record<string, string>>): Promise<void> {
  const xml = Object.entries(fields).map(
    ([name, value]) => `<field var='x-muc#roomconfig_${name}'><value>${value}</value></field>`,
  );
  await juliet.send(
    `<iq to='${hall}' type='set' id='c'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'>${xml.join('')}</x></query></iq>`,
  );
  for (const person of [juliet, romeo, nurse]) person.take();
}

function form(type: string, fields: Readonly<Record<string, string>>): string {
  const all = Object.entries({ FORM_TYPE: `${muc}#register`, ...fields });
  const xml = all.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  return `<x xmlns='jabber:x:data' type='${type}'>${xml.join('')}</x>`;
}

const registering = (nick: string, more: Readonly<Record<string, string>> = {}) =>
  `<query xmlns='jabber:iq:register'>${form('submit', { 'muc#register_roomnick': nick, ...more })}</query>`;
const members = (person: RequestActor) => person.ask('get', `<query xmlns='${muc}#admin'><item affiliation='member'/></query>`);

for (const [what, fields, policy, answer] of [
  ['an open room, as it is', {}, undefined, /type='result'/],
  ['an open room where nobody may', {}, 'none', /not-allowed/],
  ['a members-only room, as it is', { membersonly: '1' }, undefined, /not-allowed/],
  ['a moderated room, as it is', { moderatedroom: '1' }, undefined, /not-allowed/],
  ['a room with a password, as it is', { passwordprotectedroom: '1', roomsecret: 'lark' }, undefined, /not-allowed/],
  ['a members-only room that everybody may join', { membersonly: '1' }, 'open', /type='result'/],
] as const) {
  test(`§7.10: registering with ${what}: ${answer.source}`, async () => {
    await configure(juliet, fields);
    if (policy) await choose({ registration: policy });
    assert.match(await romeo.ask('set', registering('Montague')), answer);
    assert.equal((await members(juliet)).includes('romeo@a.example'), answer.source === "type='result'");
  });
}

test('§10.2: an owner who closes a room and leaves the rest of the form as it was does not open it to all', async () => {
  const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`;
  const asShown = field('x-muc#roomconfig_registration', 'open') + field('muc#roomconfig_membersonly', '1');
  await juliet.send(
    `<iq to='${hall}' type='set' id='c'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'>${asShown}</x></query></iq>`,
  );
  assert.match(await romeo.ask('set', registering('Montague')), /not-allowed/);
});

for (const [what, child, error] of [
  ['no form', "<query xmlns='jabber:iq:register'/>", 'bad-request'],
  [
    'a form of another kind',
    `<query xmlns='jabber:iq:register'>${form('form', { 'muc#register_roomnick': 'x' })}</query>`,
    'bad-request',
  ],
  ['no nick', `<query xmlns='jabber:iq:register'>${form('submit', {})}</query>`, 'bad-request'],
  ['a nick that is none', registering(' '), 'not-acceptable'],
  ['a nick in use', registering('JULIET'), 'conflict'],
] as const) {
  test(`§7.10: a registration with ${what} gives ${error}`, async () => {
    assert.match(await romeo.ask('set', child), new RegExp(`<${error} `));
  });
}

test('§7.10: a room that is not there has nobody to register with', async () => {
  assert.match(await romeo.ask('get', "<query xmlns='jabber:iq:register'/>", 'none@conference.a.example'), /item-not-found/);
});

test('§9.9: admins and owners are asked; the form says who, and what was told of it', async () => {
  const tybalt = await stage.join('tybalt@b.example');
  await adminSet(
    juliet,
    "<item affiliation='admin' jid='tybalt@b.example'/>",
    "<item affiliation='member' jid='nurse@b.example'/>",
  );
  await choose({ registration: 'approval' });
  await nurse.enter('Nurse');
  for (const person of [juliet, nurse, tybalt]) person.take();
  assert.match(
    await romeo.ask('get', "<query xmlns='jabber:iq:register'/>"),
    /muc#register_roomnick'[^>]*><required\/>.*muc#register_faqentry/,
  );
  const more = { 'muc#register_first': 'Romeo', 'muc#register_unknown': 'x' };
  assert.match(await romeo.ask('set', registering('Montague', more)), /type='result'/);
  for (const [person, to] of [
    [juliet, 'juliet@a.example/balcony'],
    [tybalt, 'tybalt@b.example'],
  ] as const) {
    assertXml(
      person.take()[0]!,
      `<message from='${hall}' to='${to}' id='{any}'><body>romeo@a.example asks to be a member of ${hall} as Montague.</body>
        <x xmlns='jabber:x:data' type='form'><title>Registration request</title>
        <field var='FORM_TYPE' type='hidden'><value>${muc}#register</value></field>
        <field var='x-muc#register_jid' type='jid-single' label='{any}'><value>romeo@a.example</value></field>
        <field var='muc#register_roomnick' type='text-single' label='{any}'><value>Montague</value></field>
        <field var='muc#register_first' type='text-single' label='{any}'><value>Romeo</value></field>
        <field var='muc#register_allow' type='boolean' label='{any}'><value>0</value></field></x></message>`,
    );
  }
  assert.deepEqual(nurse.heard(), [], 'a member is not asked');
  assert.doesNotMatch(await members(juliet), /romeo@/, 'nobody has approved it');
});

const approval = { 'x-muc#register_jid': 'romeo@a.example', 'muc#register_roomnick': 'Montague', 'muc#register_allow': '1' };
for (const [what, type, change, answer, isMember] of [
  ['approves', 'submit', {}, [], true],
  ['denies', 'submit', { 'muc#register_allow': '0' }, [], false],
  ['skips it', 'cancel', {}, [], false],
  ['gives a nick in use', 'submit', { 'muc#register_roomnick': 'Juliet' }, ['error conflict cancel'], false],
  ['does not say who', 'submit', { 'x-muc#register_jid': '' }, ['error bad-request modify'], false],
] as const) {
  test(`§9.9: an owner ${what}`, async () => {
    await choose({ registration: 'approval' });
    await juliet.send(`<message to='${hall}'>${form(type, { ...approval, ...change })}</message>`);
    assert.deepEqual(
      juliet.heard().filter((line) => line.startsWith('error')),
      [...answer],
    );
    assert.equal((await members(juliet)).includes("jid='romeo@a.example' nick='Montague'"), isMember);
  });
}

test('§9.9: who waits inside becomes a member before all eyes; who waits outside is told', async () => {
  await choose({ registration: 'approval' });
  await romeo.enter('Romeo');
  for (const person of [juliet, romeo]) person.take();
  await juliet.send(`<message to='${hall}'>${form('submit', approval)}</message>`);
  assert.deepEqual(romeo.heard(), ['presence Romeo member/participant 110']);
  await juliet.send(
    `<message to='${hall}'>${form('submit', { ...approval, 'x-muc#register_jid': 'paris@b.example', 'muc#register_roomnick': 'County' })}</message>`,
  );
  assert.match(stage.elsewhere[0]!, /to='paris@b.example'.*affiliation='member'.*code='101'/);
});

for (const [what, item, who, error] of [
  ['a member', "<item affiliation='member' jid='nurse@b.example'/>", 'nurse', 'error forbidden auth'],
  ['a stranger', "<item affiliation='none' jid='nurse@b.example'/>", 'nurse', 'error forbidden auth'],
  ['an owner, of an outcast,', "<item affiliation='outcast' jid='romeo@a.example'/>", 'juliet', 'error not-allowed cancel'],
] as const) {
  test(`§9.9: the approval of ${what} is refused`, async () => {
    await choose({ registration: 'approval' });
    await adminSet(juliet, item);
    juliet.take();
    const person = who === 'nurse' ? nurse : juliet;
    await person.send(`<message to='${hall}'>${form('submit', approval)}</message>`);
    assert.deepEqual(person.heard(), [error]);
    assert.doesNotMatch(await members(juliet), /romeo@/);
  });
}

test('§9.9: what the owners are shown of a request is no longer than a request may be', async () => {
  await choose({ registration: 'approval' });
  const lines = `<field var='muc#register_faqentry'>${`<value>${'x'.repeat(4_000)}</value>`.repeat(40)}</field>`;
  const names = `<field var='muc#register_first'>${'<value>Romeo</value>'.repeat(40)}</field>`;
  const nick = "<field var='muc#register_roomnick'><value>Montague</value></field>";
  await romeo.ask(
    'set',
    `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>${nick}${names}${lines}</x></query>`,
  );
  const [request] = juliet.take();
  assert.equal(request!.split('<value>Romeo</value>').length, 2);
  assert.ok(request!.length < 25 * roomLimits.reasonCharactersMax, `${request!.length}`);
});

test('nobody floods the owners with registrations', async () => {
  await choose({ registration: 'approval' });
  const answers: string[] = [];
  for (let number = 0; number <= roomLimits.registrationsBurst; number++)
    answers.push(await romeo.ask('set', registering(`R${number}`)));
  assert.match(answers.at(-1)!, /<error [^>]*type='wait'.*policy-violation/);
  assert.equal(juliet.take().length, roomLimits.registrationsBurst);
});

test('§7.10: who registers as more than a member keeps what it is', async () => {
  await adminSet(juliet, "<item affiliation='admin' jid='nurse@b.example'/>");
  assert.match(await nurse.ask('set', registering('Angelica')), /type='result'/);
  assert.match(
    await juliet.ask('get', `<query xmlns='${muc}#admin'><item affiliation='admin'/></query>`),
    /<item affiliation='admin' jid='nurse@b.example' nick='Angelica'\/>/,
  );
});

test('locked nicks: who enters under another gets the registered one, and is told with 210', async () => {
  await choose({ reservednick: '1' });
  await adminSet(juliet, "<item affiliation='member' jid='romeo@a.example' nick='Montague'/>");
  for (const nick of ['Romeo', 'Juliet', 'montague']) {
    romeo.take();
    await romeo.enter(nick);
    assert.ok(romeo.heard().includes('presence Montague member/participant 110 170 210'), nick);
    await romeo.send(`<presence to='${hall}/Montague' type='unavailable'/>`);
  }
  romeo.take();
  await romeo.enter('Montague');
  assert.ok(romeo.heard().includes('presence Montague member/participant 110 170'));
  await nurse.enter('Nurse');
  assert.ok(nurse.heard().includes('presence Nurse none/participant 110 170'), 'who has registered nothing is free');
});

test('locked nicks: who has one changes to no other (§7.6)', async () => {
  await choose({ reservednick: '1' });
  await adminSet(juliet, "<item affiliation='member' jid='romeo@a.example' nick='Montague'/>");
  await romeo.enter('Montague');
  romeo.take();
  await romeo.send(`<presence to='${hall}/Romeo'/>`);
  assert.deepEqual(romeo.heard(), ['error not-acceptable cancel']);
  await choose({ reservednick: '0' });
  await romeo.send(`<presence to='${hall}/Romeo'/>`);
  assert.equal(romeo.heard().at(-1), 'presence Romeo member/participant 110');
});

test('locked nicks: who registers inside goes on under that nick, and all are told with 210', async () => {
  await choose({ reservednick: '1' });
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  for (const person of [romeo, nurse]) person.take();
  await romeo.send(`<iq to='${hall}' type='set' id='r'>${registering('Montague')}</iq>`);
  assert.deepEqual(nurse.heard(), [
    'presence Romeo member/participant',
    'presence unavailable Romeo member/participant 303',
    'presence Montague member/participant 210',
  ]);
  assert.equal(romeo.heard().at(-1), 'presence Montague member/participant 110 210');
  await romeo.say('it is my name');
  assert.deepEqual(nurse.heard(), ['message Montague it is my name']);
});

test('locked nicks: two nicks of one person do not become one while both are inside', async () => {
  const phone = await stage.join('romeo@a.example/phone');
  await choose({ reservednick: '1' });
  await romeo.enter('Romeo');
  await phone.enter('Montague');
  await nurse.enter('Nurse');
  nurse.take();
  await romeo.send(`<iq to='${hall}' type='set' id='r'>${registering('Montague')}</iq>`);
  assert.equal(
    nurse.heard().some((line) => line.includes('303')),
    false,
  );
});

const removing = "<query xmlns='jabber:iq:register'><remove/></query>";
const asking = "<query xmlns='jabber:iq:register'/>";

test('§7.10, XEP-0077 §3.2: <remove/> ends the membership that came of registering, and frees the nick, before all eyes', async () => {
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  await romeo.ask('set', registering('Montague'));
  assert.match(await members(juliet), /jid='romeo@a.example' nick='Montague'/);
  nurse.take();
  await romeo.send(`<iq to='${hall}' type='set' id='r'>${removing}</iq>`);
  assert.deepEqual(nurse.heard(), ['presence Romeo none/participant']);
  const [answer, own] = romeo.heard();
  assert.deepEqual([answer, own], ['iq result room', 'presence Romeo none/participant 110']);
  assert.doesNotMatch(await members(juliet), /romeo@/);
  assert.doesNotMatch(await romeo.ask('get', asking), /<registered\/>/);
  assert.match(await nurse.ask('set', registering('Montague')), /type='result'/, 'the nick is free');
  assert.match(await romeo.ask('set', removing), /<registration-required /);
});

test('§9.4: in a members-only room whoever ends the registration is out with 321, from all clients', async () => {
  const phone = await stage.join('romeo@a.example/phone');
  await romeo.ask('set', registering('Montague'));
  await configure(juliet, { membersonly: '1' });
  await romeo.enter('Montague');
  await phone.enter('Montague');
  for (const person of [juliet, romeo, phone]) person.take();
  await romeo.send(`<iq to='${hall}' type='set' id='r'>${removing}</iq>`);
  assert.deepEqual(romeo.heard(), ['iq result room', 'presence unavailable Montague none/none 110 321']);
  assert.deepEqual(phone.heard(), ['presence unavailable Montague none/none 110 321']);
  assert.deepEqual(juliet.heard(), ['presence unavailable Montague none/none 321']);
  await romeo.enter('Montague');
  assert.deepEqual(romeo.heard(), ['error registration-required auth']);
});

for (const [what, before, after, affiliation] of [
  ['a member before', "<item affiliation='member' jid='romeo@a.example'/>", undefined, 'member'],
  ['a member once more since', undefined, "<item affiliation='member' jid='romeo@a.example'/>", 'member'],
  ['an admin since', undefined, "<item affiliation='admin' jid='romeo@a.example'/>", 'admin'],
  ['an owner before', "<item affiliation='owner' jid='romeo@a.example'/>", undefined, 'owner'],
] as const) {
  test(`§7.10: who was made ${what} stays it without the registration`, async () => {
    if (before) await adminSet(juliet, before);
    assert.match(await romeo.ask('set', registering('Montague')), /type='result'/);
    if (after) await adminSet(juliet, after);
    assert.match(await romeo.ask('set', removing), /type='result'/);
    const list = await juliet.ask('get', `<query xmlns='${muc}#admin'><item affiliation='${affiliation}'/></query>`);
    assert.match(list, new RegExp(`<item affiliation='${affiliation}' jid='romeo@a.example'/>`));
    assert.match(await romeo.ask('set', removing), /<registration-required /);
  });
}

test('§9.9: a registration that was approved can be ended, whatever others may do now, and whichever worker has the room', async () => {
  await choose({ registration: 'approval' });
  await juliet.send(`<message to='${hall}'>${form('submit', approval)}</message>`);
  await choose({ registration: 'none' });
  assert.match(await romeo.ask('set', registering('Other')), /result|not-allowed/);
  await stage.restartRooms();
  assert.match(await romeo.ask('set', removing), /type='result'/);
  assert.doesNotMatch(await members(juliet), /romeo@/);
});

test('XEP-0077 §3.2: who has not registered, or no more, is told so; <remove/> stands alone; there must be a room', async () => {
  await adminSet(
    juliet,
    "<item affiliation='member' jid='paris@a.example'/>",
    "<item affiliation='outcast' jid='tybalt@b.example'/>",
  );
  const addresses = ['romeo@a.example/x', 'paris@a.example/x', 'tybalt@b.example/x'];
  const others = await Promise.all(addresses.map((address) => stage.join(address)));
  for (const person of [juliet, ...others]) {
    assert.match(await person.ask('set', removing), /<registration-required /, `${person.jid}`);
  }
  await romeo.ask('set', registering('Montague'));
  const both = "<query xmlns='jabber:iq:register'><remove/><username>x</username></query>";
  assert.match(await romeo.ask('set', both), /<bad-request /);
  assert.match(await members(juliet), /romeo@/);
  assert.match(await romeo.ask('set', removing, 'none@conference.a.example'), /<item-not-found /);
});
