/**
 * Debian's coturn with a shared secret: a client is told of it (XEP-0215) and gets a relay from it with the password that it was given, over
 * UDP and TCP; `skylark doctor` sees that, and that the secret is another one.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Deadline } from '../../services/cli/doctor/deadline.ts';
import { StunClient } from '../../services/cli/doctor/stun-client.ts';
import { Examination } from '../cli/doctor-run.ts';
import { anyPorts, Service, skylark } from '../cli/skylark-command.ts';
import { type Authority, createAuthority } from '../support/authority.ts';
import { addressRecord, type DnsServer, srvRecord, startDnsServer } from '../support/dns-server.ts';
import { Coturn } from './coturn-server.ts';

const domain = 'example.org';
const secret = 'a rose by any other name';
const folder = mkdtempSync(join(tmpdir(), 'skylark-coturn-'));
const data = join(folder, 'data');
const ca = join(folder, 'ca.pem');
let authority: Authority;
let service: Service;
let coturn: Coturn;
let dns: DnsServer;

before(async () => {
  coturn = await Coturn.start(folder, secret);
  authority = await createAuthority();
  writeFileSync(ca, authority.cert);
  const { cert, key } = await authority.issue([domain, `*.${domain}`]);
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  const files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
  service = await Service.start(['start', '--domain', domain, '--data', data, ...files, ...anyPorts]);
  await command('user', 'add', `juliet@${domain}`, '--password', 'capulet');
  const at = (name: string) => service.addresses[name]!.port;
  const host = 'lb.example.net';
  dns = await startDnsServer([
    srvRecord(`_xmpp-client._tcp.${domain}`, host, at('c2s')),
    srvRecord(`_xmpps-client._tcp.${domain}`, host, at('c2sTls')),
    ...[host, domain, 'turn.example.org'].map((name) => addressRecord(name)),
  ]);
});

after(async () => {
  dns?.close();
  await service?.stop();
  coturn?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function command(...args: string[]): Promise<string> {
  const { out, err, code } = await skylark([...args, '--data', data]);
  assert.equal(code, 0, err);
  return out;
}

/** A policy is felt within a second. */
async function examineUntil(text: RegExp): Promise<Examination> {
  let found = await examine();
  for (let tries = 0; tries < 10 && !text.test(found.text); tries++) found = await examine();
  return found;
}

const examine = () =>
  Examination.run([
    ...[domain, '--dns', dns.address, '--ca', ca, '--web-port', `${service.addresses.https!.port}`, '--timeout', '40'],
    ...['--user', 'juliet', '--password', 'capulet'],
  ]);

test('XEP-0215: the doctor finds no servers, then relays of coturn over UDP and TCP, then that the secret is wrong', async () => {
  (await examine()).says('warn', /no servers for calls are announced/);
  const { port } = coturn;
  const servers = [
    `stun:turn.example.org:${port}`,
    ...['udp', 'tcp'].map((one) => `turn:turn.example.org:${port}?transport=${one}`),
  ];
  const out = await command('tenant', 'set', domain, '--call-servers', servers.join(','), '--turn-secret', secret);
  assert.match(out, /turn-secret: set/);
  assert.ok(!out.includes(secret));
  let found = await examineUntil(/sees us as/);
  found.says('ok', /^sees us as 127\.0\.0\.1:\d+$/, `stun:turn.example.org:${port} over UDP`);
  for (const transport of ['UDP', 'TCP'])
    found.says('ok', /^relays from 127\.0\.0\.1:\d+$/, `turn:turn.example.org:${port} over ${transport}`);
  await command('tenant', 'set', domain, '--turn-secret', 'another');
  found = await examineUntil(/does not take/);
  found.says('fail', /does not take the password: 401/, `turn:turn.example.org:${port} over UDP`);
  await command('tenant', 'set', domain, '--turn-secret', 'none');
  (await examineUntil(/without a password/)).says(
    'fail',
    /announced without a password/,
    `turn:turn.example.org:${port} over UDP`,
  );
});

test('a password that has expired is refused by coturn', async () => {
  const { port } = coturn;
  const server = { type: 'turn', host: 'turn.example.org', port, transport: 'udp' } as const;
  const client = await StunClient.connect(server, '127.0.0.1', new Deadline(8_000, 8_000));
  await assert.rejects(client.allocate({ username: '1000000000:juliet', password: 'x' }), /does not take the password/);
  client.close();
});
