/**
 * @xmpp/client (xmpp.js) by the modern way: XEP-0388 with XEP-0386, XEP-0484 and XEP-0198 inside. After TLS and the stream
 * headers, signing in is one element of the client and one answer, with a new session or with the old one.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, type Token, xml } from '@xmpp/client';
import { Cable } from '../support/cable.ts';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

const devices = { phone: 'd4565fa7-4d72-4749-b3d3-740edbf87770', laptop: '0e5d2d0e-3d7e-4f3e-9c53-1a3f0f0a5a11' } as const;
type Device = keyof typeof devices;
const agent = (device: Device) =>
  xml('user-agent', { id: devices[device] }, xml('software', {}, 'xmpp.js'), xml('device', {}, device));
let skylark: Skylark;
let cable: Cable;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  cable = await Cable.lay(skylark.ports.c2sTls);
});

after(async () => {
  await cable.remove();
  await skylark.stop();
});

interface Visit {
  readonly xmpp: Client;
  /** What went out and came in since the features, in short: `> authenticate`, `< success`. */
  readonly wire: string[];
  readonly sent: string[];
}

function visit(password: string, token: Token | undefined, saved: (token: Token) => void, device: Device = 'phone'): Visit {
  const options = { service: `xmpps://127.0.0.1:${cable.port}`, domain: 'localhost', resource: 'balcony' };
  const xmpp = xmppjs({ ...options, username: 'juliet', password, userAgent: agent(device) });
  const wire: string[] = [];
  const sent: string[] = [];
  xmpp.on('error', () => undefined);
  xmpp.on('send', (element) => {
    wire.push(`> ${element.name}`);
    sent.push(element.toString());
  });
  xmpp.on('element', (element) => wire.push(`< ${element.name}`));
  xmpp.fast.fetchToken = async () => token;
  xmpp.fast.saveToken = async (given) => saved(given);
  return { xmpp, wire, sent };
}

/** What happens between the first features and the success. */
function roundTrips(wire: readonly string[]): readonly string[] {
  const begin = wire.indexOf('< stream:features') + 1;
  return wire.slice(begin, wire.indexOf('< success', begin) + 1);
}

test('the password is exchanged for a token; with it, a new session is one round trip, and so is the old one', async () => {
  let token: Token | undefined;
  const first = visit('capulet', undefined, (given) => {
    token = given;
  });
  await first.xmpp.start();
  assert.equal(token?.mechanism, 'HT-SHA-256-NONE');
  await first.xmpp.stop();

  const { xmpp, wire, sent } = visit('wrong', token, () => undefined);
  xmpp.reconnect.delay = 50;
  await xmpp.start();
  assert.deepEqual(roundTrips(wire), ['> authenticate', '< success']);
  assert.match(sent.find((text) => text.startsWith('<authenticate'))!, /mechanism="HT-SHA-256-NONE".*<fast .*/);
  assert.match(`${xmpp.jid}`, /^juliet@localhost\/balcony\/[\w-]{12}$/);
  assert.ok(xmpp.streamManagement.enabled);

  wire.length = 0;
  sent.length = 0;
  const resumed = new Promise<void>((resolve) => xmpp.streamManagement.on('resumed', resolve));
  cable.cut();
  await resumed;
  assert.deepEqual(roundTrips(wire), ['> authenticate', '< success']);
  assert.match(sent.find((text) => text.startsWith('<authenticate'))!, /mechanism="HT-SHA-256-NONE".*<resume /);
  const pong = await xmpp.iqCaller.request(xml('iq', { type: 'get', to: 'localhost' }, xml('ping', { xmlns: 'urn:xmpp:ping' })));
  assert.equal(pong.attrs.type, 'result');
  await xmpp.stop();
});

test('XEP-0494: a client sees which ones have access, and takes it from another: its session ends, and its token is of no use', async () => {
  let token: Token | undefined;
  const first = visit('capulet', undefined, (given) => {
    token = given;
  });
  await first.xmpp.start();
  await first.xmpp.stop();
  const phone = visit('wrong', token, () => undefined);
  await phone.xmpp.start();
  const laptop = visit('capulet', undefined, () => undefined, 'laptop');
  await laptop.xmpp.start();
  const { iqCaller } = laptop.xmpp;
  const list = async () => {
    const answer = await iqCaller.request(xml('iq', { type: 'get' }, xml('list', { xmlns: 'urn:xmpp:cam:0' })));
    return answer.getChild('clients', 'urn:xmpp:cam:0')!.getChildren('client');
  };
  const found = (await list()).find((client) => client.toString().includes('<device>phone</device>'));
  assert.equal(found?.attrs.connected, 'true');
  phone.xmpp.reconnect.stop();
  const gone = new Promise<void>((resolve) => phone.xmpp.on('disconnect', () => resolve()));
  await iqCaller.request(xml('iq', { type: 'set' }, xml('revoke', { xmlns: 'urn:xmpp:cam:0', id: found!.attrs.id! })));
  await gone;
  await phone.xmpp.stop();
  const again = visit('wrong', token, () => undefined);
  again.xmpp.reconnect.stop();
  await assert.rejects(again.xmpp.start(), /not-authorized/);
  await again.xmpp.stop();
  assert.ok((await list()).every((client) => !client.toString().includes('<device>phone</device>')));
  await laptop.xmpp.stop();
});
