/** Certificates from the store, two tenants, and clients that name no server: xmpp.js as its users write it, on every port. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { type Client, type Element, xml } from '@xmpp/client';
import { dns, makePem } from '../support/pem.ts';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

const domains = ['one.example', 'two.example'] as const;
const fingerprints = new Map<string, string>();

async function start(): Promise<Skylark> {
  const skylark = await Skylark.start('one.example', ['--certificates', 'store']);
  skylark.command('tenant', 'add', 'two.example');
  for (const domain of ['two.example', 'one.example']) {
    const { cert, key, certificate } = await makePem(domain, { names: dns(domain, `conference.${domain}`) });
    const files = { cert: join(skylark.data, `${domain}.pem`), key: join(skylark.data, `${domain}.key`) };
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key, { mode: 0o600 });
    skylark.command('certificate', 'add', domain, '--cert', files.cert, '--key', files.key);
    fingerprints.set(domain, Buffer.from(await certificate.getThumbprint('SHA-256')).toString('hex'));
    skylark.addUser(`juliet@${domain}`, 'capulet');
    skylark.addUser(`romeo@${domain}`, 'montague');
  }
  await skylark.kill('SIGTERM'); // the list is looked at when it starts, and then every half minute
  await skylark.start();
  return skylark;
}

let skylark: Skylark;
before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // no authority that Node knows has signed these
  skylark = await start();
});
after(() => skylark.stop());

function shown(port: number, servername?: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase());
      socket.destroy();
    });
  });
}

/** @returns the client, and its address */
async function signIn(service: string, domain: string, username: string, password: string) {
  const xmpp = xmppjs({ service, domain, username, password, resource: 'test' });
  xmpp.on('error', () => undefined);
  // With Bind 2 (XEP-0386) the server adds to the resource.
  const address = `${(await xmpp.start()) as object}`;
  assert.ok(address.startsWith(`${username}@${domain}/test`), address);
  await xmpp.send(xml('presence'));
  return Object.assign(xmpp, { address });
}

function next(xmpp: Client, matches: (stanza: Element) => boolean): Promise<Element> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('waited in vain for a stanza')), 10_000);
    let isOver = false;
    const look = (stanza: Element) => {
      if (isOver || !matches(stanza)) return;
      clearTimeout(timer);
      isOver = true;
      resolve(stanza);
    };
    xmpp.on('stanza', look);
  });
}

for (const [what, url] of [
  ['5222 with STARTTLS', () => `xmpp://127.0.0.1:${skylark.ports.c2s}`],
  ['5223 with direct TLS', () => `xmpps://127.0.0.1:${skylark.ports.c2sTls}`],
  ['WebSocket over TLS', () => `wss://127.0.0.1:${skylark.ports.https}/xmpp-websocket`],
] as const) {
  test(`xmpp.js names no server, and signs in to both tenants and talks over ${what}`, async () => {
    const juliet = await signIn(url(), 'one.example', 'juliet', 'capulet');
    const romeo = await signIn(url(), 'two.example', 'romeo', 'montague');
    for (const [from, to] of [
      [juliet, romeo],
      [romeo, juliet],
    ] as const) {
      const got = next(to, (stanza) => stanza.getChildText('body') === what);
      await from.send(xml('message', { to: to.address, type: 'chat' }, xml('body', {}, what)));
      assert.equal((await got).attrs.from, from.address);
    }
    await Promise.all([juliet.stop(), romeo.stop()]);
  });
}

test('direct TLS and HTTPS show the certificate of --domain to those who name no server, and that of the name to others', async () => {
  for (const port of [skylark.ports.c2sTls, skylark.ports.https]) {
    assert.equal(await shown(port), fingerprints.get('one.example'));
    assert.equal(await shown(port, 'nobody.example'), fingerprints.get('one.example'));
    for (const domain of domains) assert.equal(await shown(port, domain), fingerprints.get(domain));
    assert.equal(await shown(port, 'conference.two.example'), fingerprints.get('two.example'));
  }
});
