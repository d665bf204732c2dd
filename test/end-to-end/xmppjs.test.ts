/** @xmpp/client (xmpp.js) as its users write it: STARTTLS, direct TLS, WebSocket without and with TLS. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, type Element, xml } from '@xmpp/client';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

let skylark: Skylark;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
});

after(() => skylark.stop());

interface Person {
  readonly xmpp: Client;
  readonly stanzas: Element[];
  next(matches: (stanza: Element) => boolean): Promise<Element>;
}

async function signIn(service: string, username: string, password: string): Promise<Person> {
  const xmpp = xmppjs({ service, domain: 'localhost', username, password, resource: 'test' });
  const stanzas: Element[] = [];
  const waiting = new Set<() => void>();
  xmpp.on('error', () => undefined);
  xmpp.on('stanza', (stanza) => {
    stanzas.push(stanza);
    for (const wake of waiting) wake();
  });
  await xmpp.start().catch(async (error) => {
    await xmpp.stop(); // else it goes on trying
    throw error;
  });
  await xmpp.send(xml('presence'));
  return {
    xmpp,
    stanzas,
    next: (matches) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`nothing matched among: ${stanzas.map(String).join('\n')}`)), 10_000);
        const look = () => {
          const found = stanzas.find(matches);
          if (!found) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

for (const [what, url] of [
  ['STARTTLS', () => `xmpp://127.0.0.1:${skylark.ports.c2s}`],
  ['direct TLS', () => `xmpps://127.0.0.1:${skylark.ports.c2sTls}`],
  ['WebSocket', () => `ws://127.0.0.1:${skylark.ports.http}/xmpp-websocket`],
  ['secure WebSocket', () => `wss://127.0.0.1:${skylark.ports.https}/xmpp-websocket`],
] as const) {
  test(`two clients of xmpp.js sign in over ${what}, exchange a message and ask for the roster`, async () => {
    const juliet = await signIn(url(), 'juliet', 'capulet');
    const romeo = await signIn(url(), 'romeo', 'montague');
    const body = `over ${what}: O Romeo, Romeo! <wherefore> & "art" thou`;
    await juliet.xmpp.send(xml('message', { to: 'romeo@localhost', type: 'chat' }, xml('body', {}, body)));
    const message = await romeo.next((stanza) => stanza.is('message') && stanza.getChildText('body') === body);
    assert.match(`${message.attrs.from}`, /^juliet@localhost\/test\/[\w-]{12}$/, 'XEP-0386 §2.2.1');
    assert.equal(message.getChild('stanza-id', 'urn:xmpp:sid:0')?.attrs.by, 'romeo@localhost');
    const roster = await juliet.xmpp.iqCaller.get(xml('query', { xmlns: 'jabber:iq:roster' }));
    assert.equal(roster?.name, 'query');
    const ping = await romeo.xmpp.iqCaller.request(
      xml('iq', { type: 'get', to: 'localhost' }, xml('ping', { xmlns: 'urn:xmpp:ping' })),
    );
    assert.equal(ping.attrs.type, 'result');
    await juliet.xmpp.stop();
    await romeo.xmpp.stop();
  });
}

test('a wrong password and an unknown user are refused with the same condition', async () => {
  for (const [username, password] of [
    ['juliet', 'wrong'],
    ['nobody', 'wrong'],
  ] as const) {
    const refused = signIn(`xmpp://127.0.0.1:${skylark.ports.c2s}`, username, password);
    await assert.rejects(refused, (error: Error & { condition?: string }) => error.condition === 'not-authorized', username);
  }
});
