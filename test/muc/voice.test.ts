/** XEP-0045 §7.13 and §8.6: asking for voice, and granting it; §5.1: how long it lasts; §8: what a new moderator sees. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { roomLimits } from '../../services/muc/limits.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

let stage: RoomsStage;
let juliet: RequestActor;
let paris: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage, { moderatedroom: '1' });
  paris = await stage.join('paris@a.example/tomb');
  await paris.enter('Paris');
  for (const person of [juliet, paris]) person.take();
});
afterEach(() => stage.close());

function form(type: string, fields: Readonly<Record<string, string>>): string {
  const xml = Object.entries({ FORM_TYPE: 'http://jabber.org/protocol/muc#request', ...fields });
  const rendered = xml.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  return `<message to='${hall}'><x xmlns='jabber:x:data' type='${type}'>${rendered.join('')}</x></message>`;
}

for (const [what, type, fields, answer] of [
  ['for voice', 'submit', { 'muc#role': 'participant' }, []],
  ['that says no more than what it is', 'submit', {}, []],
  ['to be a moderator', 'submit', { 'muc#role': 'moderator' }, ['error bad-request modify']],
  ['that is not a submission', 'result', { 'muc#role': 'participant' }, ['error bad-request modify']],
] as const) {
  test(`§7.13: a request ${what} gives ${answer[0] ?? 'the moderators a form'}`, async () => {
    await paris.send(form(type, fields));
    assert.deepEqual(paris.heard(), [...answer]);
    assert.equal(juliet.take().filter((xml) => xml.includes('muc#request_allow')).length, answer.length === 0 ? 1 : 0);
  });
}

const granted = 'presence Paris none/participant 110';
for (const [what, type, fields, heard, answer] of [
  [
    'grants',
    'submit',
    { 'muc#role': 'participant', 'muc#jid': 'paris@a.example/tomb', 'muc#request_allow': 'true' },
    [granted],
    [],
  ],
  ['denies', 'submit', { 'muc#jid': 'paris@a.example/tomb', 'muc#request_allow': '0' }, [], []],
  ['skips the form', 'cancel', {}, [], []],
  [
    'means somebody who had the nick before',
    'submit',
    { 'muc#jid': 'tybalt@a.example/x', 'muc#request_allow': '1' },
    [],
    ['error item-not-found cancel'],
  ],
  ['would make a moderator', 'submit', { 'muc#role': 'moderator', 'muc#request_allow': '1' }, [], ['error bad-request modify']],
] as const) {
  test(`§8.6: a moderator ${what}`, async () => {
    await paris.send(form('submit', { 'muc#role': 'participant' }));
    juliet.take();
    await juliet.send(form(type, { 'muc#roomnick': 'Paris', ...fields }));
    assert.deepEqual(paris.heard(), [...heard]);
    assert.deepEqual(
      juliet.heard().filter((line) => line.startsWith('error')),
      [...answer],
    );
  });
}

const leave = `<presence to='${hall}/Paris' type='unavailable'/>`;
for (const [what, moderated, items, role] of [
  ['voice that was granted', '1', ["<item role='participant' nick='Paris'/>"], 'none/participant'],
  [
    'voice that was granted and taken',
    '1',
    ["<item role='participant' nick='Paris'/>", "<item role='visitor' nick='Paris'/>"],
    'none/visitor',
  ],
  [
    'the voice that a member has lost',
    '1',
    ["<item affiliation='member' jid='paris@a.example'/>", "<item role='visitor' nick='Paris'/>"],
    'member/visitor',
  ],
  [
    'the voice of a member who is none any more',
    '1',
    ["<item affiliation='member' jid='paris@a.example'/>", "<item affiliation='none' jid='paris@a.example'/>"],
    'none/visitor',
  ],
  ['being a moderator by role', '1', ["<item role='moderator' nick='Paris'/>"], 'none/visitor'],
  ['voice lost in a room that is not moderated', '0', ["<item role='visitor' nick='Paris'/>"], 'none/participant'],
  [
    'voice, after a ban',
    '1',
    [
      "<item role='participant' nick='Paris'/>",
      "<item affiliation='outcast' jid='paris@a.example'/>",
      "<item affiliation='none' jid='paris@a.example'/>",
    ],
    'none/visitor',
  ],
] as const) {
  test(`§5.1: on the next visit ${what} is ${role}, for the next worker too`, async () => {
    await configure(juliet, { moderatedroom: moderated });
    if (moderated === '0') {
      await paris.send(leave);
      await paris.enter('Paris');
    }
    for (const item of items) await adminSet(juliet, item);
    await paris.send(leave);
    for (const restarts of [false, true]) {
      if (restarts) await stage.restartRooms();
      paris.take();
      await paris.enter('Paris');
      assert.equal(paris.heard().at(-2), `presence Paris ${role} 110 170`);
      await paris.send(leave);
    }
  });
}

test('§5.1: so many kept roles and no more, those kept last', async () => {
  await configure(juliet, { presencebroadcast: ['moderator'] });
  const addresses = Array.from({ length: roomLimits.keptRolesMax + 1 }, (_, number) => `p${number}@a.example/x`);
  const crowd = await Promise.all(addresses.map((address) => stage.join(address)));
  for (let at = 0; at < crowd.length; at += 50) {
    const some = crowd.slice(at, at + 50);
    await Promise.all(some.map((person, index) => person.enter(`p${at + index}`)));
    await adminSet(juliet, ...some.map((_, index) => `<item role='participant' nick='p${at + index}'/>`));
    await Promise.all(some.map((person, index) => person.send(`<presence to='${hall}/p${at + index}' type='unavailable'/>`)));
  }
  for (const restarts of [false, true]) {
    if (restarts) await stage.restartRooms();
    for (const [number, role] of [
      [0, 'visitor'],
      [1, 'participant'],
      [crowd.length - 1, 'participant'],
    ] as const) {
      const person = crowd[number]!;
      person.take();
      await person.enter(`p${number}`);
      assert.equal(person.heard().at(-2), `presence p${number} none/${role} 110 170`);
      await person.send(`<presence to='${hall}/p${number}' type='unavailable'/>`);
    }
  }
});

for (const [whois, more] of [
  ['moderators', ['presence Juliet owner/moderator', 'presence Nurse none/visitor']],
  ['anyone', []],
] as const) {
  test(`§8: who becomes a moderator where JIDs are for ${whois} is shown ${more.length} of them`, async () => {
    await configure(juliet, { whois });
    const nurse = await stage.join('nurse@b.example/street');
    await nurse.enter('Nurse');
    paris.take();
    await adminSet(juliet, "<item role='moderator' nick='Paris'/>");
    const shown = paris.inbox.slice(1);
    assert.deepEqual(paris.heard(), ['presence Paris none/moderator 110', ...more]);
    for (const xml of shown) assert.match(xml, / jid='[a-z]+@[ab]\.example\/[a-z]+'/);
    await adminSet(juliet, "<item affiliation='admin' jid='paris@a.example'/>");
    assert.deepEqual(paris.heard(), ['presence Paris admin/moderator 110'], 'that is known already');
  });
}
