/** People of two deployments of Skylark, and a room of one of them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TcpClient } from '../support/tcp-client.ts';
import { bodyOf, Ground } from './deployments.ts';

let ground: Ground;
let juliet: TcpClient;
let romeo: TcpClient;

before(async () => {
  ground = await Ground.open();
  const a = await ground.deploy({ domains: ['a.example'] });
  const b = await ground.deploy({ domains: ['b.example'], isCertified: true });
  juliet = await a.join('juliet@a.example/balcony');
  romeo = await b.join('romeo@b.example/orchard');
});

after(() => ground[Symbol.asyncDispose]());

const presence = (from: string, type?: string) => (element: { name: string; attributes: Record<string, string> }) =>
  element.name === 'presence' && element.attributes.from === from && element.attributes.type === type;

test('RFC 6121 §3: a subscription is asked for, granted, and shows presence; a probe is answered', async () => {
  for (const client of [juliet, romeo]) await client.ask('r', `<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`);
  juliet.send(`<presence to='romeo@b.example' type='subscribe'/>`);
  await romeo.next(presence('juliet@a.example', 'subscribe'));
  romeo.send(`<presence to='juliet@a.example' type='subscribed'/>`);
  await juliet.next(presence('romeo@b.example', 'subscribed'));
  await juliet.next(presence('romeo@b.example/orchard'));
  romeo.send('<presence><show>away</show></presence>');
  assert.match((await juliet.next(presence('romeo@b.example/orchard'))).xml, /<show>away/);
  juliet.send(`<presence type='unavailable'/>`);
  juliet.send('<presence/>');
  assert.match((await juliet.next(presence('romeo@b.example/orchard'))).xml, /<show>away/);
});

test('RFC 6120 §8.2.3: requests are answered by servers and by clients there', async () => {
  juliet.send(`<iq type='get' id='host' to='b.example'><ping xmlns='urn:xmpp:ping'/></iq>`);
  assert.equal((await juliet.next(({ attributes }) => attributes.id === 'host')).attributes.type, 'result');
  juliet.send(`<iq type='get' id='person' to='romeo@b.example/orchard'><query xmlns='jabber:iq:version'/></iq>`);
  const request = await romeo.next(({ attributes }) => attributes.id === 'person');
  romeo.send(`<iq type='result' id='person' to='${request.attributes.from}'/>`);
  assert.equal((await juliet.next(({ attributes }) => attributes.id === 'person')).attributes.type, 'result');
});

test('XEP-0045: somebody of another server enters a room, and both hear each other', async () => {
  const room = 'hall@conference.a.example';
  const enter = (client: TcpClient, nick: string) =>
    client.send(`<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  enter(juliet, 'Juliet');
  await juliet.next(presence(`${room}/Juliet`));
  juliet.send(
    `<iq type='set' id='open' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  await juliet.next(({ attributes }) => attributes.id === 'open');
  enter(romeo, 'Romeo');
  await romeo.next(presence(`${room}/Juliet`));
  await juliet.next(presence(`${room}/Romeo`));
  const said = (element: { name: string; xml: string }) => element.name === 'message' && bodyOf(element.xml) !== undefined;
  romeo.send(`<message to='${room}' type='groupchat'><body>hello from b</body></message>`);
  assert.equal(bodyOf((await juliet.next(said)).xml), 'hello from b');
  assert.equal(bodyOf((await romeo.next(said)).xml), 'hello from b');
  juliet.send(`<message to='${room}' type='groupchat'><body>hello from a</body></message>`);
  assert.equal(bodyOf((await romeo.next(said)).xml), 'hello from a');
  romeo.send(`<presence to='${room}/Romeo' type='unavailable'/>`);
  await juliet.next(presence(`${room}/Romeo`, 'unavailable'));
});
