/**
 * Debian's Dino: signs in, asks for the servers for calls (XEP-0215), gets a password that Debian's coturn takes, sends a picture (XEP-0363), and
 * calls another Dino, to which it names the relays that coturn has given it. Leaves screenshots.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Deadline } from '../../services/cli/doctor/deadline.ts';
import { StunClient } from '../../services/cli/doctor/stun-client.ts';
import { anyPorts, Service, skylark } from '../cli/skylark-command.ts';
import { createAuthority } from '../support/authority.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';
import { Coturn } from './coturn-server.ts';
import { DinoWindow } from './dino-window.ts';
import { cannotTrust as skip } from './private-authorities.ts';

const domain = 'localhost';
const juliet = `juliet@${domain}`;
const romeo = `romeo@${domain}`;
const secret = 'a rose by any other name';
const folder = mkdtempSync(join(tmpdir(), 'skylark-dino-test-'));
const ca = join(folder, 'ca.pem');
const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
/** Dino takes its own addresses of networks alone, from which a relay on the loopback is out of reach. */
const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
let coturn: Coturn | undefined;
let service: Service | undefined;
let dino: DinoWindow | undefined;
let other: DinoWindow | undefined;

before(async () => {
  if (skip) return;
  mkdirSync(shots, { recursive: true });
  coturn = await Coturn.start(folder, secret, address);
  const { cert: own, issue } = await createAuthority();
  const { cert, key } = await issue([domain]);
  for (const [name, text] of Object.entries({ 'ca.pem': own, 'cert.pem': cert, 'key.pem': key }))
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  const data = join(folder, 'data');
  const files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
  service = await Service.start(['start', '--domain', domain, '--data', data, ...files, ...anyPorts, '--c2s-port', '5222']);
  const servers = `stun:${coturn.host}:${coturn.port},turn:${coturn.host}:${coturn.port}?transport=udp`;
  for (const command of [
    ['user', 'add', juliet, '--password', 'capulet'],
    ['user', 'add', romeo, '--password', 'montague'],
    ['tenant', 'set', domain, '--call-servers', servers, '--turn-secret', secret],
  ]) {
    const { err, code } = await skylark([...command, '--data', data]);
    if (code !== 0) throw new Error(err);
  }
  await befriend();
  [dino, other] = await Promise.all([DinoWindow.open(juliet, 'capulet', ca), DinoWindow.open(romeo, 'montague', ca)]);
});

after(async () => {
  dino?.close();
  other?.close();
  await service?.stop();
  coturn?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const signIn = (jid: string, password: string) => TcpClient.signIn(service!.addresses.c2sTls!.port, `${jid}/setup`, password);

/** Each sees the other's presence. */
async function befriend(): Promise<void> {
  const [one, two] = [await signIn(juliet, 'capulet'), await signIn(romeo, 'montague')];
  for (const [person, friend] of [
    [one, romeo],
    [two, juliet],
  ] as const) {
    for (const type of ['subscribed', 'subscribe']) person.send(`<presence to='${friend}' type='${type}'/>`);
    await person.ask('ping', `<iq type='get' id='ping' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  }
  await one.close();
  await two.close();
}

test('XEP-0215: Dino signs in, asks for servers for calls, and coturn takes the password that it is given', {
  skip,
}, async () => {
  const relay = () => /\bservice [^>\n]*:type='turn'[^>\n]*/.exec(dino!.streams)?.[0];
  const given = (name: string) => new RegExp(`:${name}='([^']+)'`).exec(relay() ?? '')?.[1];
  await until(
    () => given('password') !== undefined,
    () => `servers for calls: ${dino!.streams.slice(-4_000)}`,
  );
  dino!.screenshot(join(shots, 'dino.png'));
  const server = { type: 'turn', host: coturn!.host, port: coturn!.port, transport: 'udp' } as const;
  const client = await StunClient.connect(server, coturn!.host, new Deadline(8_000, 8_000));
  await client.allocate({ username: given('username')!, password: given('password')! });
  client.close();
});

test('XEP-0363: Dino uploads a picture for a contact', { skip }, async () => {
  const person = await signIn(romeo, 'montague');
  person.send('<presence/>');
  const picture = join(folder, 'in.png');
  execFileSync('convert', ['-size', '64x48', 'plasma:red-blue', `png24:${picture}`]);
  await dino!.openChat(romeo);
  await dino!.sendPicture(picture);
  const { xml } = await person.next(({ name, xml }) => name === 'message' && xml.includes('jabber:x:oob'));
  const url = /<url>([^<]+)<\/url>/.exec(xml)![1]!;
  const out = join(folder, 'out.png');
  execFileSync('curl', ['-sf', '--cacert', ca, '-o', out, url]);
  // Dino writes the picture anew, so what is the same is what is to be seen.
  const seen = (path: string) => execFileSync('identify', ['-format', '%w %h %#', path], { encoding: 'utf8' });
  assert.equal(seen(out), seen(picture));
  await person.close();
});

test('XEP-0166, XEP-0176: Dino calls another Dino, each naming a relay that coturn gave it for the password', {
  skip: skip || (address === undefined && 'it needs an address beside the loopback'),
}, async () => {
  await dino!.openChat(romeo);
  await dino!.callUp();
  await other!.takeCall();
  for (const one of [dino!, other!]) {
    const names = new RegExp(`:candidate [^>\\n]*:ip='${coturn!.host}'[^>\\n]*:type='relay'`);
    await until(
      () => names.test(one.streams) && one.streams.includes(`:action='session-accept'`),
      () => `a call with relays: ${one.streams.slice(-8_000)}`,
    );
  }
  dino!.screenshot(join(shots, 'dino-call.png'));
});
