/** XEP-0317: hats, and the commands that manage them. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { roomLimits } from '../../services/muc/limits.ts';
import { adminSet, hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const hats = 'urn:xmpp:hats:0';
const user = 'http://jabber.org/protocol/muc#user';
const commands = 'http://jabber.org/protocol/commands';
const teacher = 'http://tech.example.edu/hats#Teacher';
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  juliet = await openHall(stage, { persistentroom: '1' });
  romeo = await stage.join('romeo@b.example/orchard');
  await romeo.enter('Romeo');
  for (const person of [juliet, romeo]) person.take();
});
afterEach(() => stage.close());

/** Submits the form of a command. */
function submit(command: string, fields: Readonly<Record<string, string>>): string {
  const xml = Object.entries(fields).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  return (
    `<command xmlns='${commands}' node='urn:xmpp:hats:commands:${command}' action='execute'><x xmlns='jabber:x:data' type='submit'>` +
    `<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:hats:commands</value></field>${xml.join('')}</x></command>`
  );
}

const make = (uri = teacher, title = 'Teacher', hue = '327.255249') =>
  submit('create', { 'hats#uri': uri, 'hats#title': title, 'hats#hue': hue });
const give = (jid = 'romeo@b.example', uri = teacher) => submit('assign', { 'hats#jid': jid, 'hats#uri': uri });

test('§3.1: a hat that is assigned stands in presence, now and for who enters later', async () => {
  assert.match(await juliet.ask('set', make()), /status='completed'/);
  assert.deepEqual(romeo.heard(), ['message room 104']);
  assert.match(await juliet.ask('set', give()), /status='completed'/);
  const presence = (to: string, jid: string, status = '') =>
    `<presence from='${hall}/Romeo' to='${to}'><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>
      <hats xmlns='${hats}'><hat title='Teacher' uri='${teacher}' hue='327.255249'/></hats>
      <x xmlns='${user}'><item affiliation='none' role='participant'${jid}/>${status}</x></presence>`;
  romeo.receives(presence('romeo@b.example/orchard', ` jid='romeo@b.example/orchard'`, `<status code='110'/>`));
  const nurse = await stage.join('nurse@a.example/x');
  await nurse.enter('Nurse');
  assert.ok(nurse.take().some((xml) => xml.includes(`/Romeo'`) && xml.includes(teacher)));
});

test('§3.3: a hat that is destroyed is taken from all, and all see it', async () => {
  await juliet.ask('set', make());
  await juliet.ask('set', give());
  romeo.take();
  assert.match(await juliet.ask('set', submit('destroy', { 'hats#uri': teacher })), /completed/);
  assert.deepEqual(
    romeo.take().filter((xml) => xml.includes('hats')),
    [],
  );
  assert.match(await juliet.ask('set', submit('list-assigned', {})), /<reported>(?:(?!<item>).)*$/);
});

test('§3.2: creating a hat that is there changes it, for those who wear it', async () => {
  await juliet.ask('set', make());
  await juliet.ask('set', give());
  romeo.take();
  await juliet.ask('set', make(teacher, 'Professor'));
  assert.match(romeo.take().at(-1)!, /title='Professor'/);
});

test('§3.6: taking a hat away', async () => {
  await juliet.ask('set', make());
  await juliet.ask('set', give());
  romeo.take();
  assert.match(
    await juliet.ask('set', submit('unassign', { 'hats#jid': 'romeo@b.example/x', 'hats#uri': teacher })),
    /completed/,
  );
  assert.doesNotMatch(romeo.take().at(-1)!, /hats/);
  assert.match(
    await juliet.ask('set', submit('unassign', { 'hats#jid': 'romeo@b.example', 'hats#uri': teacher })),
    /item-not-found/,
  );
});

test('hats are kept with the room, whichever worker has it', async () => {
  await juliet.ask('set', make());
  await juliet.ask('set', give());
  await stage.restartRooms();
  const nurse = await stage.join('nurse@a.example/x');
  await nurse.enter('Nurse');
  assert.ok(nurse.take().some((xml) => xml.includes(`title='Teacher'`)));
  const listed = await romeo.ask('set', submit('list', {}));
  assert.match(listed, new RegExp(`<value>${teacher}</value>`));
});

test('§2: the room says that it has hats, and when they changed', async () => {
  const info = `<query xmlns='http://jabber.org/protocol/disco#info'/>`;
  const before = await romeo.ask('get', info);
  assert.match(before, /<feature var='urn:xmpp:hats:0'\/>/);
  assert.doesNotMatch(before, /hats#hash/);
  await juliet.ask('set', make());
  const [, hash] = /hats#hash'[^>]*><value>([0-9a-f]{40})</.exec(await romeo.ask('get', info))!;
  await juliet.ask('set', make('x:y', 'Other'));
  const [, other] = /hats#hash'[^>]*><value>([0-9a-f]{40})</.exec(await romeo.ask('get', info))!;
  assert.notEqual(hash, other);
});

test('XEP-0050: commands are found by those who may use them, and start with a form', async () => {
  const items = `<query xmlns='http://jabber.org/protocol/disco#items' node='${commands}'/>`;
  const nodes = (xml: string) => [...xml.matchAll(/node='urn:xmpp:hats:commands:([a-z-]+)'/g)].map((match) => match[1]);
  assert.deepEqual(nodes(await juliet.ask('get', items)), ['create', 'destroy', 'list', 'assign', 'unassign', 'list-assigned']);
  assert.deepEqual(nodes(await romeo.ask('get', items)), ['list']);
  const info = `<query xmlns='http://jabber.org/protocol/disco#info' node='urn:xmpp:hats:commands:create'/>`;
  assert.match(await juliet.ask('get', info), /category='automation' type='command-node'/);
  const start = `<command xmlns='${commands}' node='urn:xmpp:hats:commands:create' action='execute'/>`;
  const form = await juliet.ask('set', start);
  assert.match(form, /status='executing'.*hats#title.*<required\/>.*hats#uri.*hats#hue/);
  const cancel = `<command xmlns='${commands}' node='urn:xmpp:hats:commands:create' sessionid='s1' action='cancel'/>`;
  assert.match(await juliet.ask('set', cancel), /sessionid='s1' status='canceled'/);
});

const refusals: readonly [what: string, who: 'juliet' | 'romeo' | 'nurse', child: string, error: RegExp][] = [
  ['a participant makes hats', 'romeo', make(), /forbidden/],
  ['a participant gives himself one', 'romeo', give(), /forbidden/],
  ['a stranger lists them', 'nurse', submit('list', {}), /forbidden/],
  ['a hat that is not there', 'juliet', give(), /item-not-found/],
  ['a command that is not there', 'juliet', submit('steal', {}), /item-not-found/],
  ['a command called constructor', 'juliet', submit('constructor', {}), /item-not-found/],
  ['no title', 'juliet', make(teacher, ''), /bad-request.*<bad-payload /],
  ['a title without end', 'juliet', make(teacher, 'x'.repeat(129)), /bad-request.*<bad-payload /],
  ['a URI that is none', 'juliet', make('no uri'), /bad-request/],
  ['a hue of 400 degrees', 'juliet', make(teacher, 'T', '400'), /bad-request/],
  ['a hue that is markup', 'juliet', make(teacher, 'T', '&lt;b/&gt;'), /bad-request/],
  ['a JID that is none', 'juliet', give('@@'), /jid-malformed/],
  ['a step back', 'juliet', `<command xmlns='${commands}' node='urn:xmpp:hats:commands:list' action='prev'/>`, /bad-request/],
];
for (const [what, who, child, error] of refusals) {
  test(`${what} is refused with ${error}`, async () => {
    const people = { juliet, romeo, nurse: await stage.join('nurse@a.example/x') };
    if (what === 'a JID that is none') await juliet.ask('set', make());
    assert.match(await people[who].ask('set', child), error);
    assert.deepEqual(
      romeo.take().filter((xml) => xml.includes('<hats')),
      [],
    );
  });
}

test('there are so many hats in a room and on a head, and no more', async () => {
  for (let number = 0; number < roomLimits.hatsMax; number++) await juliet.ask('set', make(`x:${number}`, `${number}`));
  assert.match(await juliet.ask('set', make('x:more')), /resource-constraint/);
  for (let number = 0; number < roomLimits.hatsPerPersonMax; number++) await juliet.ask('set', give(undefined, `x:${number}`));
  assert.match(await juliet.ask('set', give(undefined, 'x:20')), /resource-constraint/);
});

test('what a client claims to wear is taken off its presence and its messages', async () => {
  const claim = `<hats xmlns='${hats}'><hat title='Host' uri='x:host'/></hats>`;
  await romeo.send(`<presence to='${hall}/Romeo'>${claim}</presence>`);
  await romeo.send(`<message to='${hall}' type='groupchat'><body>hi</body>${claim}</message>`);
  assert.deepEqual(
    juliet.take().filter((xml) => xml.includes('host')),
    [],
  );
});

test('an admin manages hats too', async () => {
  await adminSet(juliet, "<item affiliation='admin' jid='romeo@b.example'/>");
  assert.match(await romeo.ask('set', make()), /completed/);
});
