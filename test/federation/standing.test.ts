/** What stands between people of two servers is asked about when a server was away: rooms (XEP-0410), and presence (RFC 6121 §4.3). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseElement } from '../../lib/xmpp/element.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { bodyOf, type Deployment, Ground } from './deployments.ts';
import { FakePeer, type PeerClient } from './fake-peer.ts';

const full = 'juliet@a.example/balcony';
const room = (name: string, nick = 'Juliet') => `${name}@rooms.example/${nick}`;
let ground: Ground;
let skylark: Deployment;
let rooms: FakePeer;
let people: FakePeer;
let juliet: TcpClient;

before(async () => {
  ground = await Ground.open();
  skylark = await ground.deploy({ domains: ['a.example'] });
  rooms = await FakePeer.start(ground, { domain: 'rooms.example', isCertified: true });
  people = await FakePeer.start(ground, { domain: 'people.example', isCertified: true });
  juliet = await skylark.join(full);
  await juliet.ask('roster', `<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
});

after(() => ground[Symbol.asyncDispose]());

async function streamFrom(peer: FakePeer): Promise<PeerClient> {
  const stream = await peer.dial(skylark, 'a.example');
  await stream.open();
  assert.match(await stream.prove(), /type='valid'/);
  return stream;
}

async function arrival(peer: FakePeer, ...parts: readonly string[]): Promise<string> {
  const matches = (xml: string) => parts.every((part) => xml.includes(part));
  await peer.until(() => peer.received.some(matches), parts.join(' '));
  return peer.received.splice(peer.received.findIndex(matches), 1)[0]!;
}

async function enter(name: string): Promise<void> {
  juliet.send(`<presence to='${room(name)}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await arrival(rooms, '<presence', `to='${room(name)}'`);
}

const answer = (question: string, type: string, child = ''): string => {
  const { id, to, from } = parseElement(question).attrs as Record<string, string>;
  return `<iq type='${type}' id='${id}' from='${to}' to='${from}'>${child}</iq>`;
};
const refusal = (condition: string) => `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;

test('XEP-0410: after an interruption rooms are asked, and who is outside is told with 110 and 333', async () => {
  for (const name of ['in', 'odd', 'out', 'gone', 'left', 'renamed']) await enter(name);
  juliet.send(`<presence to='${room('left')}' type='unavailable'/>`);
  await arrival(rooms, '<presence', `to='${room('left')}'`, 'unavailable');
  juliet.send(`<presence to='${room('renamed', 'Capulet')}'/>`);
  await arrival(rooms, '<presence', `to='${room('renamed', 'Capulet')}'`);
  rooms.breakStreams();
  const questions: Record<string, string> = {};
  for (const [name, nick] of [['in'], ['odd'], ['out'], ['gone'], ['renamed', 'Capulet']] as const)
    questions[name] = await arrival(rooms, '<iq', 'urn:xmpp:ping', `to='${room(name, nick)}'`, `from='${full}'`);
  const stream = await streamFrom(rooms);
  stream.send(answer(questions.in!, 'result'));
  stream.send(answer(questions.odd!, 'error', refusal('service-unavailable')));
  stream.send(answer(questions.renamed!, 'result'));
  stream.send(answer(questions.out!, 'error', refusal('not-acceptable')));
  stream.send(answer(questions.gone!, 'error', refusal('item-not-found')));
  for (const name of ['out', 'gone']) {
    const { attributes, xml } = await juliet.next('presence');
    assert.deepEqual([attributes.from, attributes.to, attributes.type], [room(name), full, 'unavailable']);
    for (const code of ['110', '333']) assert.match(xml, new RegExp(`<status code="${code}">`));
  }
  stream.send(`<message from='${room('in', 'Nurse')}' to='${full}' type='groupchat'><body>still here</body></message>`);
  assert.equal(bodyOf((await juliet.next('message')).xml), 'still here');
  assert.deepEqual(juliet.received, [], 'neither answers nor other presence');
  assert.ok(!rooms.received.some((xml) => xml.includes(room('left'))), 'who has left is not asked about');
});

test('XEP-0045 §7.14: a room that was found to be left hears no more of the session, and the others do', async () => {
  rooms.received.splice(0);
  juliet.send(`<presence type='unavailable'/>`);
  await arrival(rooms, `to='${room('in')}'`, 'unavailable');
  await arrival(rooms, `to='${room('renamed', 'Capulet')}'`, 'unavailable');
  assert.ok(!rooms.received.some((xml) => xml.includes(room('out')) || xml.includes(room('gone'))), rooms.received.join('\n'));
  juliet.send('<presence/>');
  await juliet.next(({ name, attributes }) => name === 'presence' && attributes.from === full && attributes.type === undefined);
});

test('RFC 6121 §4.3: presence of contacts there is asked for again, and converges', async () => {
  const romeo = 'romeo@people.example';
  juliet.send(`<presence to='${romeo}' type='subscribe'/>`);
  await arrival(people, `type='subscribe'`);
  const stream = await streamFrom(people);
  stream.send(`<presence from='${romeo}' to='juliet@a.example' type='subscribed'/>`);
  stream.send(`<presence from='${romeo}/orchard' to='juliet@a.example'/>`);
  await juliet.next(({ attributes }) => attributes.from === `${romeo}/orchard`);
  juliet.send(`<presence type='unavailable'/>`);
  juliet.send('<presence/>');
  await arrival(people, `type='probe'`, `from='${full}'`, `to='${romeo}'`);
  people.breakStreams();
  await arrival(people, `type='probe'`, `from='${full}'`, `to='${romeo}'`);
  const again = await streamFrom(people);
  again.send(`<presence from='${romeo}' to='${full}' type='unavailable'/>`);
  await juliet.next(({ attributes }) => attributes.from === romeo && attributes.type === 'unavailable');
});

test('presence that was given up while the server was away is said when it is back: the last one of each session, and no other', async () => {
  const romeo = 'romeo@people.example';
  const stream = await streamFrom(people);
  stream.send(`<presence from='${romeo}' to='juliet@a.example' type='subscribe'/>`);
  await juliet.next(({ attributes }) => attributes.type === 'subscribe');
  juliet.send(`<presence to='${romeo}' type='subscribed'/>`);
  await arrival(people, `type='subscribed'`);
  const nurse = await skylark.join('juliet@a.example/nursery');
  nurse.send('<presence><status>in the nursery</status></presence>');
  await arrival(people, 'in the nursery', `to='${romeo}'`);
  await skylark.setPolicy('a.example', { hold: 0 });
  await people.kill();
  people.received.splice(0);
  juliet.send('<presence><status>once</status></presence>');
  nurse.send(`<presence type='unavailable'/>`);
  juliet.send('<presence><status>twice</status></presence>');
  juliet.send(`<message to='${romeo}' type='chat' id='m1'><body>anybody?</body></message>`);
  await juliet.next(({ name, attributes }) => name === 'message' && attributes.id === 'm1' && attributes.type === 'error');
  await people.start();
  await arrival(people, 'twice', `from='${full}'`, `to='${romeo}'`);
  await arrival(people, `type='unavailable'`, `from='juliet@a.example/nursery'`, `to='${romeo}'`);
  assert.ok(!people.received.some((xml) => xml.includes('once') || xml.includes('in the nursery')), people.received.join('\n'));
  await skylark.setPolicy('a.example', { hold: 3_600 });
});
