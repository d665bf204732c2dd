/**
 * Debian's Psi+: signs in over STARTTLS with a certificate of an authority that it has been given, and sends a file to somebody at another domain
 * (XEP-0095, XEP-0096) through the proxy of its own (XEP-0065). An admin adds an account with it by a command (XEP-0050, XEP-0133). Leaves a screenshot.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createAuthority } from '../support/authority.ts';
import { freePorts } from '../support/free-ports.ts';
import { Skylark } from '../support/skylark.ts';
import { type Received, TcpClient } from '../support/tcp-client.ts';
import { PsiWindow } from './psi-window.ts';

const domain = 'verona.test';
const other = 'mantua.test';
const juliet = `juliet@${domain}`;
const romeo = `romeo@${other}`;
const proxyJid = `proxy.${domain}`;
const bytestreams = 'http://jabber.org/protocol/bytestreams';
const profile = 'http://jabber.org/protocol/si/profile/file-transfer';
const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'skylark-psi-test-'));
let skylark: Skylark;
let authority = '';
let psi: PsiWindow | undefined;

before(async () => {
  mkdirSync(shots, { recursive: true });
  const { cert, issue } = await createAuthority();
  authority = cert;
  const identity = await issue([domain]);
  writeFileSync(join(folder, 'cert.pem'), identity.cert);
  writeFileSync(join(folder, 'key.pem'), identity.key, { mode: 0o600 });
  const files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
  const [port] = await freePorts(1);
  skylark = await Skylark.start(domain, [...files, '--proxy-port', `${port}`, '--proxy-host', '127.0.0.1']);
  skylark.command('tenant', 'add', other);
  skylark.addUser(juliet, 'capulet');
  skylark.addUser(romeo, 'montague');
  skylark.command('user', 'role', juliet, 'admin');
});

after(async () => {
  psi?.close();
  await skylark.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A person who takes files that go through the proxy, and no others. */
class Taker {
  readonly client: TcpClient;
  #taken: Promise<Buffer> | undefined;

  constructor(client: TcpClient) {
    this.client = client;
    client.onElement = (element) => this.#answer(element);
  }

  async taken(): Promise<Buffer> {
    await this.client.next(({ xml }) => xml.includes(`<query xmlns="${bytestreams}"`));
    return this.#taken!;
  }

  #answer(request: Received): void {
    const { name, xml, attributes } = request;
    if (name !== 'iq' || !['get', 'set'].includes(attributes.type!)) return;
    const reply = (payload: string) =>
      this.client.send(`<iq type='result' id='${attributes.id}' to='${attributes.from}'>${payload}</iq>`);
    if (xml.includes('disco#info')) {
      const features = ['http://jabber.org/protocol/si', profile, bytestreams].map((one) => `<feature var='${one}'/>`);
      reply(`<query xmlns='http://jabber.org/protocol/disco#info'>${features.join('')}</query>`);
    } else if (xml.includes(profile)) {
      const chosen = `<field var='stream-method'><value>${bytestreams}</value></field>`;
      const form = `<x xmlns='jabber:x:data' type='submit'>${chosen}</x>`;
      reply(
        `<si xmlns='http://jabber.org/protocol/si'><feature xmlns='http://jabber.org/protocol/feature-neg'>${form}</feature></si>`,
      );
    } else if (xml.includes(`xmlns="${bytestreams}"`)) {
      this.#taken = take(request, () => reply(`<query xmlns='${bytestreams}'><streamhost-used jid='${proxyJid}'/></query>`));
    }
  }
}

/** §6: what comes through the proxy until it ends. @param onConnected called when the proxy has taken the connection */
async function take({ xml, attributes }: Received, onConnected: () => void): Promise<Buffer> {
  const [host] = [...xml.matchAll(/<streamhost [^>]*>/g)].map(([text]) => text).filter((text) => text.includes(proxyJid));
  assert.ok(host !== undefined, xml);
  const said = (name: string, text = host) => new RegExp(` ${name}="([^"]+)"`).exec(text)![1]!;
  const address = createHash('sha1')
    .update(`${said('sid', xml)}${attributes.from}${attributes.to}`)
    .digest('hex');
  const socket = connect(Number(said('port')), said('host'));
  await once(socket, 'connect');
  socket.write(Buffer.from([5, 1, 0]));
  const [method] = (await once(socket, 'data')) as [Buffer];
  assert.deepEqual(method, Buffer.from([5, 0]));
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, 3, address.length]), Buffer.from(address), Buffer.from([0, 0])]));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.deepEqual(answer.subarray(0, 2), Buffer.from([5, 0]));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(socket, 'close');
  onConnected();
  await ended;
  return Buffer.concat(chunks);
}

/** Each sees the other's presence. */
async function befriend(one: TcpClient): Promise<void> {
  one.send(`<presence/><presence to='${juliet}' type='subscribed'/><presence to='${juliet}' type='subscribe'/>`);
  const setup = await TcpClient.signIn(skylark.ports.c2sTls, `${juliet}/setup`, 'capulet');
  for (const type of ['subscribed', 'subscribe']) setup.send(`<presence to='${romeo}' type='${type}'/>`);
  await setup.ask('ping', `<iq type='get' id='ping' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await setup.close();
}

test('XEP-0065, XEP-0096: Psi+ sends a file to another domain through the proxy of its own', async () => {
  const content = randomBytes(300_001);
  const path = join(folder, 'heart.bin');
  writeFileSync(path, content);
  const client = await TcpClient.signIn(skylark.ports.c2sTls, `${romeo}/orchard`, 'montague');
  const taker = new Taker(client);
  await befriend(client);
  psi = await PsiWindow.open({ jid: juliet, password: 'capulet', port: skylark.ports.c2s, authority, proxy: proxyJid });
  await client.next(({ name, attributes }) => name === 'presence' && attributes.from === `${juliet}/psi`);
  await psi.openChat(`${romeo}/orchard`);
  await psi.sendFile(path);
  assert.deepEqual(await taker.taken(), content);
  await client.close();
});

test('XEP-0050, XEP-0133: an admin adds an account with Psi+', async () => {
  const address = `nurse@${domain}`;
  const answers = { 'The address of the account:': address, 'The password:': 'angelica', 'The password again:': 'angelica' };
  await psi!.runFirstCommand(answers, 'jid:');
  psi!.screenshot(join(shots, 'psi.png'));
  const nurse = await TcpClient.signIn(skylark.ports.c2sTls, `${address}/kitchen`, 'angelica');
  await nurse.close();
});
