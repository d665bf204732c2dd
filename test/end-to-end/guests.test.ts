/**
 * Guests (RFC 4505) with @xmpp/client, which signs in by ANONYMOUS when it has no user name: in both profiles of SASL. They are gone with their
 * connection, and after kill -9, too.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, xml } from '@xmpp/client';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

let skylark: Skylark;
const clients: Client[] = [];

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
  skylark.command('tenant', 'add', 'other.example');
  skylark.command('tenant', 'set', 'localhost', '--sign-in', 'anonymous,password', '--guests-max', '5');
  await sleep(1_500); // a policy is felt within a second
});

after(async () => {
  await Promise.all(clients.map((one) => one.stop().catch(() => {})));
  await skylark.stop();
});

async function come(domain = 'localhost'): Promise<{ readonly xmpp: Client; readonly jid: string; readonly heard: string[] }> {
  const xmpp = xmppjs({ service: `xmpps://127.0.0.1:${skylark.ports.c2sTls}`, domain });
  clients.push(xmpp);
  const heard: string[] = [];
  xmpp.reconnect.stop();
  xmpp.on('error', () => undefined);
  xmpp.on('stanza', (stanza) => heard.push(stanza.toString()));
  const jid = await xmpp.start();
  return { xmpp, jid: `${jid}`, heard };
}

const users = () => skylark.command('user', 'list', 'localhost');

async function until(holds: () => boolean, msMax: number): Promise<void> {
  for (const began = performance.now(); !holds(); await sleep(200))
    if (performance.now() - began > msMax) throw new Error(`not within ${msMax} ms: ${holds}`);
}

test('two guests talk, a sixth is refused, and each is gone when it leaves', async () => {
  const [one, other] = [await come(), await come()];
  assert.match(one.jid, /^guest-[0-9a-f]{28}@localhost\//);
  await one.xmpp.send(xml('message', { to: other.jid, type: 'chat' }, xml('body', {}, 'hello')));
  await until(() => other.heard.some((stanza) => stanza.includes('hello')), 5_000);
  for (let count = 0; count < 3; count++) await come();
  await assert.rejects(come(), /temporary-auth-failure/);
  await assert.rejects(come('other.example'));
  assert.match(users(), new RegExp(one.jid.split('/')[0]!));
  await one.xmpp.stop();
  await until(() => !users().includes(one.jid.split('/')[0]!), 5_000);
  assert.match((await come()).jid, /^guest-/);
});

test('after kill -9 the guests of before are gone within a minute', async () => {
  assert.match(users(), /guest-/);
  await skylark.kill('SIGKILL');
  await Promise.all(clients.map((one) => one.stop().catch(() => {})));
  await skylark.start();
  await until(() => !users().includes('guest-'), 90_000);
});
