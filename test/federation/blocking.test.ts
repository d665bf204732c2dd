/** XEP-0191 across servers: whoever is blocked sees the account go, gets the errors of somebody who is not there, and sees it again afterwards. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Received, TcpClient } from '../support/tcp-client.ts';
import { bodyOf, type Deployment, Ground } from './deployments.ts';
import { FakePeer, type PeerClient } from './fake-peer.ts';

const blocking = 'urn:xmpp:blocking';
let ground: Ground;
let here: Deployment;
let there: Deployment;
let juliet: TcpClient;
/** In Juliet's roster, both ways. */
let romeo: TcpClient;
/** Knows Juliet from what she sends to him alone. */
let mercutio: TcpClient;
let requests = 0;

before(async () => {
  ground = await Ground.open();
  here = await ground.deploy({ domains: ['a.example'] });
  there = await ground.deploy({ domains: ['b.example', 'c.example'], isCertified: true });
  juliet = await here.join('juliet@a.example/balcony');
  romeo = await there.join('romeo@b.example/orchard');
  mercutio = await there.join('mercutio@c.example/street');
  for (const client of [juliet, romeo]) await ask(client, 'get', undefined, `<query xmlns='jabber:iq:roster'/>`);
  await subscribe(juliet, 'romeo@b.example', romeo, 'juliet@a.example');
  await subscribe(romeo, 'juliet@a.example', juliet, 'romeo@b.example');
});

after(() => ground[Symbol.asyncDispose]());

beforeEach(async () => {
  await ask(juliet, 'set', undefined, `<unblock xmlns='${blocking}'/>`);
  for (const client of [juliet, romeo, mercutio]) client.received.length = 0;
});

function ask(client: TcpClient, type: 'get' | 'set', to: string | undefined, payload: string): Promise<Received> {
  const id = `ask-${++requests}`;
  return client.ask(id, `<iq type='${type}' id='${id}'${to ? ` to='${to}'` : ''}>${payload}</iq>`);
}

async function subscribe(who: TcpClient, to: string, whom: TcpClient, from: string): Promise<void> {
  who.send(`<presence to='${to}' type='subscribe'/>`);
  await whom.next(isPresence(from, 'subscribe'));
  whom.send(`<presence to='${from}' type='subscribed'/>`);
  await who.next(isPresence(to, 'subscribed'));
}

const isPresence =
  (from: string, type?: string) =>
  ({ name, attributes }: Received): boolean =>
    name === 'presence' && attributes.from === from && attributes.type === type;
const isError = ({ name, attributes }: Received) => name === 'message' && attributes.type === 'error';
const block = (jid: string) => ask(juliet, 'set', undefined, `<block xmlns='${blocking}'><item jid='${jid}'/></block>`);
const unblock = (jid: string) => ask(juliet, 'set', undefined, `<unblock xmlns='${blocking}'><item jid='${jid}'/></unblock>`);

for (const item of ['romeo@b.example', 'b.example', 'romeo@b.example/orchard']) {
  test(`§3.3, §3.4: with ${item} blocked a contact there sees the account go, and come back`, async () => {
    await block(item);
    await romeo.next(isPresence('juliet@a.example/balcony', 'unavailable'));
    juliet.send('<presence><status>for friends</status></presence>');
    await unblock(item);
    assert.match((await romeo.next(isPresence('juliet@a.example/balcony'))).xml, /for friends/);
    assert.ok(!romeo.received.some(isPresence('juliet@a.example/balcony')), 'it came once');
  });
}

test('§3.3: whoever saw the account by presence to him alone sees it go', async () => {
  juliet.send(`<presence to='mercutio@c.example/street'/>`);
  await mercutio.next(isPresence('juliet@a.example/balcony'));
  await block('mercutio@c.example');
  await mercutio.next(isPresence('juliet@a.example/balcony', 'unavailable'));
});

test('§3.3: messages and requests of whoever is blocked are answered as if nobody were there, presence by nothing', async () => {
  await block('romeo@b.example');
  await romeo.next(isPresence('juliet@a.example/balcony', 'unavailable'));
  for (const to of ['juliet@a.example', 'juliet@a.example/balcony']) {
    romeo.send(`<message to='${to}' type='chat'><body>are you there?</body></message>`);
    assert.match((await romeo.next(isError)).xml, /type="cancel".*<service-unavailable/);
    const answer = await ask(romeo, 'get', to, `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
    assert.match(answer.xml, /<service-unavailable/);
    romeo.send(`<presence to='${to}'><status>knock</status></presence>`);
  }
  romeo.send(`<presence to='juliet@a.example' type='probe'/>`);
  romeo.send(`<presence to='juliet@a.example' type='subscribe'/>`);
  mercutio.send(`<message to='juliet@a.example' type='chat'><body>that is all</body></message>`);
  assert.equal(bodyOf((await juliet.next('message')).xml), 'that is all');
  await ask(romeo, 'get', 'a.example', `<ping xmlns='urn:xmpp:ping'/>`);
  assert.ok(!juliet.received.some(({ attributes }) => attributes.from?.startsWith('romeo@')));
  assert.ok(!romeo.received.some(({ attributes }) => attributes.from?.startsWith('juliet@')));
});

test('§3.3: to whoever is blocked nothing leaves', async () => {
  await block('romeo@b.example');
  await romeo.next(isPresence('juliet@a.example/balcony', 'unavailable'));
  juliet.send(`<message to='romeo@b.example' type='chat'><body>never arrives</body></message>`);
  assert.match((await juliet.next(isError)).xml, /<not-acceptable.*<blocked xmlns="urn:xmpp:blocking:errors"/);
  juliet.send(`<presence to='romeo@b.example'><status>never arrives</status></presence>`);
  juliet.send('<presence><status>for friends</status></presence>');
  await unblock('romeo@b.example');
  assert.match((await romeo.next(isPresence('juliet@a.example/balcony'))).xml, /for friends/);
  assert.ok(!romeo.received.some(({ xml }) => xml.includes('never arrives')));
});

test('XEP-0045 §16.1.2: what a room elsewhere passes on of a blocked occupant is dropped, without an error that would end the visit', async () => {
  const rooms = await FakePeer.start(ground, { domain: 'rooms.example' });
  const room = 'hall@rooms.example';
  juliet.send(`<presence to='${room}/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await rooms.until(() => rooms.received.length > 0, 'the entry');
  await block(`${room}/Tybalt`);
  rooms.received.length = 0;
  const stream: PeerClient = await rooms.dial(here, 'a.example');
  await stream.open();
  assert.match(await stream.prove(), /type='valid'/);
  const say = (nick: string, type: string, child = '') =>
    stream.send(
      `<message from='${room}/${nick}' to='juliet@a.example/balcony' type='${type}' id='${nick}'><body>${nick} ${type}</body>${child}</message>`,
    );
  say('Tybalt', 'groupchat');
  say('Tybalt', 'chat', `<x xmlns='http://jabber.org/protocol/muc#user'/>`);
  say('Nurse', 'groupchat');
  assert.equal(bodyOf((await juliet.next('message')).xml), 'Nurse groupchat');
  stream.send(`<iq from='rooms.example' to='a.example' type='get' id='behind'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await rooms.until(() => rooms.received.some((xml) => xml.includes('behind')), 'what comes behind it');
  assert.deepEqual(
    rooms.received.filter((xml) => /type=["']error["']/.test(xml)),
    [],
  );
  // A person there is told, as always.
  await block('rooms.example');
  stream.send(
    `<message from='nurse@rooms.example/x' to='juliet@a.example/balcony' type='chat' id='person'><body>hello</body></message>`,
  );
  await rooms.until(
    () => rooms.received.some((xml) => xml.includes('service-unavailable') && xml.includes('person')),
    'an error',
  );
});
