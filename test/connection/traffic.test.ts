/** What streams are counted by: how many there are, the stanzas of clients and the bytes each way, by what carries them and by tenant. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { otherTenants, tenantLabels } from '../../lib/runtime/counts.ts';
import { type Carriage, stanzas, streamBytes } from '../../lib/runtime/traffic.ts';
import { grown } from '../support/grown.ts';
import { BoshClient, type BoshServer, messageOf, startBoshServer } from './bosh-ground.ts';
import { connected, type Fixture, header, plainAuth, signIn, startFixture, until } from './fixture.ts';
import { RawClient } from './raw-client.ts';

const tenant = 'example.org';
const framing = 'urn:ietf:params:xml:ns:xmpp-framing';
let fixture: Fixture;
let bosh: BoshServer;
let web: Server;
before(async () => {
  tenantLabels.limit(2);
  fixture = await startFixture();
  bosh = await startBoshServer(fixture.node);
  web = createServer();
  fixture.node.attachWebSocket(web, '/xmpp-websocket');
  await new Promise<void>((resolve) => void web.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  await fixture[Symbol.asyncDispose]();
  bosh.stop();
  web.closeAllConnections();
  web.close();
});
afterEach(() => until(() => fixture.node.stats.streams === 0, 'the end of all streams of the test'));

/** How many streams a node has of those that it has. */
function open(): Partial<Record<Carriage, number>> {
  const found = fixture.node.openStreams.filter(({ peer, count }) => peer === 'client' && count > 0);
  return Object.fromEntries(found.map(({ transport, count }) => [transport, count]));
}

const stanzasSeen = (count: number) => {
  const before = fixture.router.stanzas.length;
  return () => until(() => fixture.router.stanzas.length - before === count, 'the stanzas at the router');
};

/** What has grown, without the words that all lines have. */
async function bytes(work: () => unknown): Promise<Record<string, number>> {
  return grown(streamBytes, work);
}

test('before TLS and after it', async () => {
  const starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  const client = RawClient.plain(fixture.node.addresses.c2s!.port);
  let came = '';
  const plain = await bytes(async () => {
    client.send(header);
    await client.read(/<\/stream:features>/);
    assert.deepEqual(open(), { tcp: 1 });
    client.socket.on('data', (chunk: Buffer) => (came += chunk));
    client.send(starttls);
    await client.read(/<proceed [^>]*>/);
  });
  assert.equal(plain['in client tcp'], Buffer.byteLength(header + starttls));
  assert.ok(plain['out client tcp']! > came.length, JSON.stringify(plain));
  await client.upgrade({ servername: tenant });
  const secure = await bytes(async () => {
    client.send(header);
    await client.read(/<\/stream:features>/);
  });
  assert.deepEqual(Object.keys(secure).toSorted(), ['in client tls', 'out client tls']);
  assert.equal(secure['in client tls'], Buffer.byteLength(header));
  assert.deepEqual(open(), { tls: 1 });
  client.destroy();
});

test('each byte and each stanza over TLS, as its tenant’s once the client has signed in', async () => {
  const of = (domain: string) =>
    streamBytes.byTenant.filter((line) => line.tenant === domain).reduce((sum, { total }) => sum + total, 0);
  const [strange, own] = [of(otherTenants), of(tenant)];
  const client = await signIn(fixture.node, 'juliet');
  const before = of(otherTenants);
  assert.ok(before > strange, 'what a stranger says belongs to nobody');
  client.forget();
  const said = `<message to='a@b' id='1'><body>Ö €</body></message><presence/>`;
  const pings = `<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>`;
  const seen = stanzasSeen(3);
  const counted = await grown(stanzas, async () => {
    client.send(said + pings);
    await seen();
  });
  assert.deepEqual(counted, { 'message client tls': 1, 'presence client tls': 1, 'iq client tls': 1 });
  assert.ok(of(tenant) >= own + Buffer.byteLength(said + pings));
  assert.equal(of(otherTenants), before);
  client.destroy();
});

test('what is written is what arrives', async () => {
  const client = await connected(fixture.node, 'juliet', 'tybalt');
  client.forget();
  const { sid } = fixture.router.steps.at(-1)!.request;
  const written = await bytes(async () => {
    await fixture.router.deliver(fixture.node.subject, sid, `<message from='x@y' id='seen'><body>Ö €</body></message>`);
    await client.read(/(?=<\/message>)/);
  });
  assert.deepEqual(written, { 'out client tls': Buffer.byteLength(`<message from='x@y' id='seen'><body>Ö €</body></message>`) });
  client.destroy();
});

test('on a WebSocket, without its framing', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${(web.address() as AddressInfo).port}/xmpp-websocket`, ['xmpp']);
  let arrived = 0;
  let text = '';
  socket.on('message', (data) => {
    arrived += (data as Buffer).length;
    text += data.toString();
  });
  await new Promise((resolve) => socket.once('open', resolve));
  const saw = (pattern: RegExp) => until(() => pattern.test(text), `${pattern}`);
  const opening = `<open xmlns='${framing}' to='${tenant}' version='1.0'/>`;
  const sent = [opening, plainAuth('romeo'), opening, messageOf('ö')];
  const counts: Record<string, number> = {};
  const moved = await bytes(async () => {
    Object.assign(
      counts,
      await grown(stanzas, async () => {
        socket.send(sent[0]!);
        await saw(/<\/stream:features>/);
        assert.deepEqual(open(), { websocket: 1 });
        socket.send(sent[1]!);
        await saw(/<success /);
        socket.send(sent[2]!);
        await saw(/<sm .*<\/stream:features>/);
        const seen = stanzasSeen(1);
        socket.send(sent[3]!);
        await seen();
      }),
    );
  });
  assert.deepEqual(counts, { 'message client websocket': 1 });
  assert.deepEqual(moved, { 'in client websocket': Buffer.byteLength(sent.join('')), 'out client websocket': arrived });
  socket.terminate();
});

test('with BOSH, without its bodies', async () => {
  const client = new BoshClient(bosh.port);
  await client.signIn('mercutio');
  assert.deepEqual(open(), { bosh: 1 });
  const message = messageOf('ö');
  let counted: Record<string, number> = {};
  const moved = await bytes(async () => {
    const seen = stanzasSeen(1);
    counted = await grown(stanzas, async () => {
      client.send(message);
      await seen();
    });
  });
  assert.deepEqual(counted, { 'message client bosh': 1 });
  assert.equal(moved['in client bosh'], Buffer.byteLength(message));
  const ended = await client.ask('', { type: 'terminate' });
  assert.match(ended, /terminate/);
});
