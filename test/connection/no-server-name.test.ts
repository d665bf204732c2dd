/** STARTTLS of clients that name no server, or a wrong one: they are shown the certificate of the domain that their stream has named. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { type ConnectionNode, startConnectionNode } from '../../services/connection/node.ts';
import { FakeRouter, usual } from './fake-router.ts';
import { header, plainAuth } from './fixture.ts';
import { RawClient } from './raw-client.ts';
import { TlsGround } from './tls-ground.ts';

const domains = ['one.example', 'two.example', 'three.example'] as const;
const certified = new Map<string, string>();
const bus = memoryBus({ clock });
const router = new FakeRouter(bus);

let ground: TlsGround;
let node: ConnectionNode;

before(async () => {
  ground = await TlsGround.open();
  for (const domain of ['one.example', 'two.example']) certified.set(domain, await ground.add(domain));
  router.answer = (step) =>
    (domains as readonly string[]).includes(step.request.domain)
      ? usual({ ...step, request: { ...step.request, domain: 'example.org' } })
      : { close: { condition: 'host-unknown' } };
  await router.start();
  const { source } = await ground.start();
  // Names without a certificate are waited for some times, on a clock that stands here.
  for (const name of ['host.operator.example', 'three.example']) {
    for (let times = 0; times <= connectionLimits.certificateVainWaitsMax; times++)
      await ground.meanwhile(Promise.resolve(source.contextFor(name)));
  }
  const listen = { bind: '127.0.0.1', c2sPort: 0, c2sTlsPort: 0 };
  node = await startConnectionNode({
    ...{ bus, store: ground.store, clock, log: pino({ level: 'silent' }), node: 'c1', tls: source, listen },
  });
});
after(async () => {
  await node.stop();
  await bus.close();
  await ground.close();
});

const headerTo = (domain: string): string => header.replace('example.org', domain);
const fingerprintOf = (socket: TLSSocket): string => createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex');

async function upgrade(domain: string, options: ConnectionOptions): Promise<{ client: RawClient; socket: TLSSocket }> {
  const client = RawClient.plain(node.addresses.c2s!.port);
  client.send(headerTo(domain));
  await client.read(/<\/stream:features>/);
  client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\n");
  await client.read(/<proceed [^>]*\/>/);
  return { client, socket: await client.upgrade(options) };
}

for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
  for (const [domain, servername, shown] of [
    ['one.example', undefined, 'one.example'],
    ['two.example', undefined, 'two.example'],
    ['TWO.example', undefined, 'two.example'],
    ['two.example', 'two.example', 'two.example'],
    ['one.example', 'two.example', 'two.example'],
    ['two.example', 'one.example', 'one.example'],
    ['two.example', 'host.operator.example', 'two.example'],
    ['one.example', 'host.operator.example', 'one.example'],
    ['three.example', undefined, 'one.example'],
    ['three.example', 'two.example', 'two.example'],
  ] as const) {
    test(`${maxVersion}: a stream to ${domain} that asks for ${servername ?? 'no name'} is shown ${shown}, and bound to it`, async () => {
      const { client, socket } = await upgrade(domain, { servername, maxVersion });
      assert.equal(fingerprintOf(socket), certified.get(shown));
      client.send(headerTo(domain));
      await client.read(/<\/stream:features>/);
      client.send(plainAuth('juliet', 'secret', 'SCRAM-SHA-1-PLUS'));
      await client.read(/<success/);
      const { binding } = router.items('sasl').at(-1)!.item;
      const expected = createHash('sha256').update(socket.getPeerCertificate().raw).digest('base64');
      assert.equal(binding['tls-server-end-point'], expected);
      client.destroy();
    });
  }
}

/** @returns what a client needs to come back with the same TLS session */
async function sessionOf(domain: string, servername: string | undefined, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
  const { client, socket } = await upgrade(domain, { servername, maxVersion });
  const ticket = new Promise<Buffer>((resolve) => void socket.once('session', resolve));
  client.send(headerTo(domain));
  await client.read(/<\/stream:features>/);
  const session = maxVersion === 'TLSv1.2' ? socket.getSession()! : await ticket;
  client.destroy();
  return session;
}

for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
  test(`${maxVersion}: a TLS session is resumed by the tenant that it began with, and by no other`, async () => {
    for (const [began, back, isReused] of [
      [['one.example', undefined], ['one.example', undefined], true],
      [['one.example', 'one.example'], ['one.example', 'one.example'], true],
      [['one.example', undefined], ['two.example', undefined], false],
      [['two.example', undefined], ['one.example', undefined], false],
      [['one.example', 'one.example'], ['two.example', 'two.example'], false],
      [['one.example', 'one.example'], ['two.example', undefined], false],
    ] as const) {
      const session = await sessionOf(began[0], began[1], maxVersion);
      const { client, socket } = await upgrade(back[0], { servername: back[1], maxVersion, session });
      assert.equal(socket.isSessionReused(), isReused, `${began} ${back}`);
      if (!isReused) assert.equal(fingerprintOf(socket), certified.get(back[0]));
      client.destroy();
    }
  });
}

test('a session of 5222 is not resumed on 5223, where another certificate is shown', async () => {
  const session = await sessionOf('two.example', undefined, 'TLSv1.3');
  const direct = RawClient.tls(node.addresses.c2sTls!.port, { session });
  direct.send(headerTo('one.example'));
  await direct.read(/<\/stream:features>/);
  assert.equal((direct.socket as TLSSocket).isSessionReused(), false);
  assert.equal(fingerprintOf(direct.socket as TLSSocket), certified.get('one.example'));
  direct.destroy();
});

test('on 5223 a client that names no server is served for every domain', async () => {
  for (const domain of domains) {
    const client = RawClient.tls(node.addresses.c2sTls!.port);
    client.send(headerTo(domain));
    await client.read(/<mechanism>PLAIN/);
    assert.equal(fingerprintOf(client.socket as TLSSocket), certified.get('one.example'));
    client.destroy();
  }
});

test('a stream to an unknown domain does not come as far as STARTTLS', async () => {
  for (const domain of ['four.example', 'conference.one.example', 'localhost']) {
    const client = RawClient.plain(node.addresses.c2s!.port);
    client.send(`${headerTo(domain)}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
    const said = await client.closed();
    assert.match(said, /<stream:stream [^>]*from=''.*<host-unknown /);
    assert.doesNotMatch(said, /<proceed /);
  }
});
