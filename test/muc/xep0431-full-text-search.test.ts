/** XEP-0431: who may read the archive of a room searches it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { setPolicy } from '../router/policy-forms.ts';
import { configure, hall, openHallForTwo } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const mam = 'urn:xmpp:mam:2';
const field = '{urn:xmpp:fulltext:0}fulltext';
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  await setPolicy(stage, 'a.example', { search: 'on' });
  ({ juliet, romeo } = await openHallForTwo(stage));
});
afterEach(() => stage.close());

async function find(person: StreamActor, text: string, fields: Record<string, string> = {}, page = ''): Promise<string[]> {
  const given = Object.entries({ FORM_TYPE: mam, [field]: text, ...fields });
  const form = given.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`).join('');
  person.take();
  await person.send(
    `<iq to='${hall}' type='set' id='q'><query xmlns='${mam}'><x xmlns='jabber:x:data' type='submit'>${form}</x>${page}</query></iq>`,
  );
  const stanzas = await person.takeWithAnswer();
  const error = Stanza.parse(stanzas.at(-1)!).child('error', 'jabber:client');
  if (error) return [error.getChildElements()[0]!.getName()];
  return stanzas.slice(0, -1).map((xml) => /<body>(.*?)<\/body>/.exec(xml)?.[1] ?? xml);
}

async function features(person: StreamActor): Promise<string> {
  person.take();
  await person.send(`<iq to='${hall}' type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  return (await person.takeWithAnswer()).join();
}

test('§2.1, §3: words are found, by members of either tenant, and the room announces it', async () => {
  await juliet.say('wherefore art thou');
  await romeo.say('I take thee at thy word');
  await juliet.say('thy word again');
  for (const person of [juliet, romeo]) {
    assert.deepEqual(await find(person, 'WORD'), ['I take thee at thy word', 'thy word again']);
    assert.deepEqual(await find(person, 'word take'), ['I take thee at thy word']);
    assert.deepEqual(await find(person, 'word', { with: `${hall}/Juliet` }), ['thy word again']);
    assert.deepEqual(await find(person, 'wor'), []);
    assert.match(await features(person), /urn:xmpp:fulltext:0/);
  }
  await stage.restartRooms();
  assert.deepEqual(await find(romeo, 'wherefore'), ['wherefore art thou']);
});

test('§3: pages of what is found are in the order of the room', async () => {
  for (let number = 0; number < 6; number++) await juliet.say(`${number % 2 === 0 ? 'even' : 'odd'} ${number}`);
  const rsm = (inside: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${inside}</set>`;
  assert.deepEqual(await find(juliet, 'even', {}, rsm('<max>2</max>')), ['even 0', 'even 2']);
  assert.deepEqual(await find(juliet, 'even', {}, rsm('<max>2</max><before/>')), ['even 2', 'even 4']);
});

test('what was retracted is not found any more', async () => {
  await romeo.say('a secret');
  const id = Stanza.parse(romeo.take().at(-1)!).child('stanza-id', 'urn:xmpp:sid:0')!.attrs.id;
  assert.deepEqual(await find(juliet, 'secret'), ['a secret']);
  await romeo.send(
    `<message to='${hall}' type='groupchat' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/></message>`,
  );
  assert.deepEqual(await find(juliet, 'secret'), []);
});

test('who may not read the archive may not search it, and where there is none, there is no search', async () => {
  await configure(juliet, { membersonly: '1' });
  await juliet.say('for members');
  const nurse = await stage.join('nurse@a.example/x');
  assert.deepEqual(await find(nurse, 'members'), ['forbidden']);
  await configure(juliet, { enablelogging: '0' });
  assert.doesNotMatch(await features(juliet), /fulltext/);
  assert.deepEqual(await find(juliet, 'members'), ['feature-not-implemented']);
});

test('a tenant that does not want it has no search, and what is said meanwhile is not found later', async () => {
  await setPolicy(stage, 'a.example', { search: 'off' });
  await juliet.say('meanwhile');
  assert.deepEqual(await find(juliet, 'meanwhile'), ['feature-not-implemented']);
  assert.doesNotMatch(await features(juliet), /fulltext/);
  await setPolicy(stage, 'a.example', { search: 'on' });
  assert.deepEqual(await find(juliet, 'meanwhile'), []);
});

test('somebody who searches on and on is told to wait', async () => {
  const answers = new Set<string>();
  for (let count = 0; count < 15; count++) answers.add((await find(juliet, 'word')).join());
  assert.deepEqual([...answers], ['', 'policy-violation']);
});
