/** XEP-0191 in rooms, with a client that others have written (xmpp.js): who blocks `room/ann` gets nothing of ann, until it unblocks her. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, type Element, xml } from '@xmpp/client';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

const room = 'garden@conference.localhost';
const muc = 'http://jabber.org/protocol/muc';
const names = ['juliet', 'romeo', 'ann'] as const;
let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
  for (const name of names) skylark.addUser(`${name}@localhost`, 'secret');
});
after(() => skylark.stop());

interface Person {
  readonly xmpp: Client;
  readonly stanzas: Element[];
}

async function signIn(username: string): Promise<Person> {
  const service = `ws://127.0.0.1:${skylark.ports.http}/xmpp-websocket`;
  const xmpp = xmppjs({ service, domain: 'localhost', username, password: 'secret', resource: 'test' });
  const stanzas: Element[] = [];
  xmpp.on('error', () => undefined);
  xmpp.on('stanza', (stanza) => void stanzas.push(stanza));
  await xmpp.start();
  await xmpp.send(xml('presence'));
  return { xmpp, stanzas };
}

async function hears({ stanzas }: Person, pattern: RegExp): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    if (stanzas.some((stanza) => pattern.test(`${stanza}`))) return;
    await pause(10);
  }
  assert.fail(`nothing matched ${pattern} among: ${stanzas.join('\n')}`);
}

async function change({ xmpp }: Person, name: 'block' | 'unblock', jid: string): Promise<void> {
  const request = xml(name, { xmlns: 'urn:xmpp:blocking' }, xml('item', { jid }));
  assert.equal((await xmpp.iqCaller.request(xml('iq', { type: 'set' }, request))).attrs.type, 'result');
}

test('whoever blocks an occupant gets none of its private messages, messages to all and presence, and all again after unblocking', async () => {
  const [juliet, romeo, ann] = (await Promise.all(names.map(signIn))) as [Person, Person, Person];
  for (const [person, nick] of [
    [juliet, 'juliet'],
    [romeo, 'romeo'],
    [ann, 'ann'],
  ] as const) {
    await person.xmpp.send(xml('presence', { to: `${room}/${nick}` }, xml('x', { xmlns: muc })));
    await hears(person, /code="110"/);
    if (person !== juliet) continue;
    const form = xml('x', { xmlns: 'jabber:x:data', type: 'submit' });
    await juliet.xmpp.iqCaller.request(xml('iq', { type: 'set', to: room }, xml('query', { xmlns: `${muc}#owner` }, form)));
  }
  await hears(romeo, /garden@conference.localhost\/ann/);
  const say = ({ xmpp }: Person, to: string, type: string, body: string) =>
    xmpp.send(xml('message', { to, type, id: body }, xml('body', {}, body)));

  await change(romeo, 'block', `${room}/ann`);
  romeo.stanzas.length = 0;
  await say(ann, `${room}/romeo`, 'chat', 'psst');
  await say(ann, room, 'groupchat', 'everybody');
  await ann.xmpp.send(xml('presence', { to: `${room}/ann` }, xml('status', {}, 'bored')));
  await hears(ann, /bored/);
  await say(juliet, room, 'groupchat', 'last');
  await hears(romeo, /<body>last</);
  assert.deepEqual(
    romeo.stanzas.map(String).filter((stanza) => stanza.includes('/ann')),
    [],
  );
  await hears(ann, /service-unavailable/);

  await change(romeo, 'unblock', `${room}/ann`);
  await hears(romeo, /bored/);
  await say(ann, `${room}/romeo`, 'chat', 'psst again');
  await hears(romeo, /psst again/);
  await Promise.all([juliet, romeo, ann].map(({ xmpp }) => xmpp.stop()));
});
