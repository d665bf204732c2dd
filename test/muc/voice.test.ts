/** XEP-0045 §7.13 and §8.6: asking for voice, and granting it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { hall, openHall, openRooms, type Person, type Stage } from './harness.ts';

let stage: Stage;
let juliet: Person;
let paris: Person;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage, { moderatedroom: '1' });
  paris = stage.person('paris@a.example/tomb');
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
  ['that is no submission', 'result', { 'muc#role': 'participant' }, ['error bad-request modify']],
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
