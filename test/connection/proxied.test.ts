/** A node behind a load balancer that speaks the PROXY protocol: clients, health checks, and those who pretend. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { Hono } from 'hono';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { ProxiedPeers } from '../../lib/runtime/peer-addresses.ts';
import type { DoorRates } from '../../services/connection/door/admission.ts';
import { serverOptions } from '../../services/connection/door/tls.ts';
import type { ConnectionNode } from '../../services/connection/node.ts';
import { startWebServer, type WebServer } from '../../services/web/server.ts';
import { connectBehind, field, localHeader, proxyHeader, rawHeader } from '../support/proxy-header.ts';
import { type Fixture, header, startFixture, until } from './fixture.ts';
import { RawClient } from './raw-client.ts';

const ample = { perSecond: 1_000_000, burst: 1_000_000 };
const open: DoorRates = { accepts: ample, acceptsPerAddress: ample, opensPerTenant: ample, ready: ample };
const from = (address: string) =>
  proxyHeader({ from: address, fromPort: 40_000, to: address.includes(':') ? '2001:db8::99' : '192.0.2.99', toPort: 5222 });
const juliet = from('192.0.2.7');

let fixture: Fixture;
let peers: ProxiedPeers;
let node: ConnectionNode;
before(async () => {
  fixture = await startFixture();
  peers = new ProxiedPeers(fixture.clock);
  node = await fixture.another('proxied', { rates: open, peers });
});
after(() => fixture[Symbol.asyncDispose]());

const plainPort = () => node.addresses.c2s!.port;
const tlsPort = () => node.addresses.c2sTls!.port;

/** Each piece in a packet of its own, as far as that can be had. */
async function write(socket: Socket, pieces: readonly Uint8Array[]): Promise<void> {
  for (const piece of pieces) {
    await new Promise<void>((resolve) => void socket.write(piece, () => resolve()));
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

function tlsBehind(head: Buffer): RawClient {
  return RawClient.of(
    connectTls({ socket: connectBehind(head, tlsPort()), rejectUnauthorized: false, ALPNProtocols: ['xmpp-client'] }),
  );
}

/** The log is silent here; a rate of one shows whose a connection is taken for. */
async function strictNode(name: string): Promise<{ node: ConnectionNode; peers: ProxiedPeers }> {
  const own = new ProxiedPeers(fixture.clock);
  const rates = { ...open, acceptsPerAddress: { perSecond: 0.001, burst: 1 } };
  return { node: await fixture.another(name, { rates, peers: own }), peers: own };
}

describe('a client', () => {
  test('is served on the port with STARTTLS, TLS included', async () => {
    const client = RawClient.plain(plainPort());
    client.send(Buffer.concat([juliet, Buffer.from(header)]));
    await client.read(/<\/stream:features>/);
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.read(/<proceed[^>]*>/);
    await client.upgrade();
    client.send(header);
    await client.read(/<mechanism>.*<\/stream:features>/s);
    assert.equal(peers.size, 1);
    client.destroy();
    await until(() => peers.size === 0, 'its address is forgotten');
  });

  test('is served on the port with TLS, although its handshake comes in one piece with the header', async () => {
    const client = tlsBehind(from('2001:db8::7'));
    client.send(header);
    await client.read(/<mechanism>.*<\/stream:features>/s);
    assert.equal(peers.size, 1);
    client.destroy();
    await until(() => peers.size === 0, 'its address is forgotten');
  });

  test('is served at whatever byte the stream of header and XML is cut', async () => {
    const bytes = Buffer.concat([
      proxyHeader({ from: '192.0.2.7', fromPort: 1, to: '192.0.2.8', toPort: 2 }, field(0xea, Buffer.alloc(9))),
      Buffer.from(header),
    ]);
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const at = [0, ...places.toSorted((a, b) => a - b), bytes.length];
        const client = RawClient.plain(plainPort());
        await write(
          client.socket,
          at.slice(1).map((end, index) => bytes.subarray(at[index], end)),
        );
        await client.read(/<\/stream:features>/);
        client.destroy();
      }),
      { numRuns: 25 },
    );
  });

  test('has the rate of its own address, not that of the load balancer', async () => {
    const strict = await strictNode('strict');
    const say = (head: Buffer) => {
      const client = RawClient.plain(strict.node.addresses.c2s!.port);
      client.send(Buffer.concat([head, Buffer.from(header)]));
      return client;
    };
    const [first, again, other, third] = [say(juliet), say(juliet), say(from('192.0.2.8')), say(from('2001:db8::1'))];
    const texts = await Promise.all([first, again].map((client) => client.read(/<\/stream:features>|policy-violation/)));
    assert.deepEqual(texts.map(([text]) => text).sort(), ['</stream:features>', 'policy-violation']);
    await other.read(/<\/stream:features>/);
    await third.read(/<\/stream:features>/);
    for (const client of [first, again, other, third]) client.destroy();
  });
});

describe('pages and WebSocket', () => {
  const app = new Hono().get('/page', (c) => c.text('a page'));
  let strict: Awaited<ReturnType<typeof strictNode>>;
  let web: WebServer;
  before(async () => {
    strict = await strictNode('web');
    const tls = serverOptions(fixture.tls);
    web = await startWebServer(app, {
      ...{ bind: '127.0.0.1', httpPort: 0, httpsPort: 0, webSocketPath: '/xmpp', boshPath: '/bosh', tls },
      peers: strict.peers,
    });
    for (const server of web.servers) strict.node.attachWebSocket(server, '/xmpp');
  });
  after(() => web.stop());

  /** All in one piece: header, then the request. */
  function request(scheme: 'http' | 'https', head: Buffer, path: string, more = '', at = web): RawClient {
    const wire = connectBehind(head, at.addresses[scheme]!.port);
    const client = RawClient.of(scheme === 'http' ? wire : connectTls({ socket: wire, rejectUnauthorized: false }));
    client.send(`GET ${path} HTTP/1.1\r\nHost: example.org\r\n${more}\r\n`);
    return client;
  }
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Version: 13\r\n';
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

  for (const scheme of ['http', 'https'] as const) {
    test(`are served over ${scheme}`, async () => {
      const client = request(scheme, juliet, '/page', 'Connection: close\r\n');
      await client.read(/a page/);
      await client.closed();
      await until(() => strict.peers.size === 0, 'its address is forgotten');
    });
  }

  test('a server behind ends connections that wait for nothing, and asks nobody for a certificate', {
    timeout: 20_000,
  }, async () => {
    const other = await startWebServer(app, {
      ...{
        bind: '127.0.0.1',
        httpPort: 0,
        httpsPort: 0,
        webSocketPath: '/xmpp',
        boshPath: '/bosh',
        tls: serverOptions(fixture.tls),
      },
      peers: strict.peers,
    });
    for (const server of other.servers) server.keepAliveTimeout = 600_000;
    const clients = (['http', 'https'] as const).map((scheme) => request(scheme, juliet, '/page', '', other));
    for (const client of clients) await client.read(/a page/);
    assert.equal((clients[1]!.socket as TLSSocket).getSharedSigalgs().length, 0);
    await other.stop();
    for (const client of clients) await client.closed();
  });

  test('a WebSocket has the rate of its own address', async () => {
    const open = (address: string) => request('https', from(address), '/xmpp', upgrade + key);
    const [first, again] = [open('192.0.2.20'), open('192.0.2.20')];
    await Promise.all([first, again].map((client) => client.read(/101 Switching Protocols/)));
    await until(() => first.isClosed !== again.isClosed, 'one of them is closed');
    const other = open('192.0.2.21');
    await other.read(/101 Switching Protocols/);
    await until(() => strict.node.stats.streams === 2, 'both are streams');
    for (const client of [first, again, other]) client.destroy();
  });

  test('without a header nothing is served', async () => {
    const { refused } = strict.peers;
    const client = request('http', Buffer.alloc(0), '/page');
    assert.equal(await client.closed(), '');
    assert.equal(strict.peers.refused, refused + 1);
  });
});

describe('a health check', () => {
  for (const [what, bytes] of [
    ['says nothing', Buffer.alloc(0)],
    ['says LOCAL', localHeader()],
    ['says LOCAL with fields', localHeader(field(0x03, Buffer.alloc(4)))],
  ] as const) {
    test(`that ${what} and goes counts neither as a stream nor as a fault`, async () => {
      const [{ streams }, refused] = [node.stats, peers.refused];
      const client = RawClient.plain(plainPort());
      client.send(bytes);
      client.socket.end();
      assert.equal(await client.closed(), '');
      assert.deepEqual([node.stats.streams, node.stats.badProxyHeaders, peers.size], [streams, refused, 0]);
    });
  }

  test('that says LOCAL and stays is let go after some seconds, and does not count as a fault', async () => {
    const refused = peers.refused;
    const client = RawClient.plain(plainPort());
    await write(client.socket, [localHeader()]);
    await new Promise((resolve) => void setTimeout(resolve, 30));
    await fixture.clock.advance(runtimeLimits.proxyHeaderMs + 1);
    assert.equal(await client.closed(), '');
    assert.equal(peers.refused, refused);
  });

  test('takes no token, however often it comes', async () => {
    const strict = await strictNode('checked');
    for (let n = 0; n < 5; n++) {
      const client = RawClient.plain(strict.node.addresses.c2s!.port);
      client.send(localHeader());
      client.socket.end();
      await client.closed();
    }
    assert.equal(strict.peers.refused, 0);
  });

  test('that goes on to speak XMPP is answered: the proxy itself is the client', async () => {
    const client = RawClient.plain(plainPort());
    await write(client.socket, [localHeader(), Buffer.from(header)]);
    await client.read(/<\/stream:features>/);
    assert.equal(peers.size, 0);
    client.destroy();
  });
});

describe('a connection without a good header is closed without a word, and counted:', () => {
  for (const [what, bytes] of [
    ['a stream without one', Buffer.from(header)],
    ['version 1', Buffer.concat([Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.8 40000 5222\r\n'), Buffer.from(header)])],
    ['UDP', rawHeader(0x21, 0x12, Buffer.alloc(12))],
    ['a header that is too long', rawHeader(0x21, 0x11, Buffer.alloc(12), 65_535)],
    ['random bytes', Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7_919) & 255))],
  ] as const) {
    test(what, async () => {
      await until(() => node.stats.streams === 0, 'the streams of other tests are over');
      for (const port of [plainPort(), tlsPort()]) {
        const { badProxyHeaders } = node.stats;
        const client = RawClient.plain(port);
        client.send(bytes);
        assert.equal(await client.closed(), '');
        assert.equal(node.stats.badProxyHeaders, badProxyHeaders + 1);
        assert.equal(node.stats.streams, 0);
      }
    });
  }

  test('one that does not end in time, byte by byte or not at all', async () => {
    const { badProxyHeaders } = node.stats;
    const [silent, slow] = [RawClient.plain(plainPort()), RawClient.plain(tlsPort())];
    await write(
      slow.socket,
      [...juliet.subarray(0, 14)].map((byte) => Buffer.from([byte])),
    );
    await write(silent.socket, [Buffer.alloc(0)]);
    await until(() => slow.socket.bytesWritten === 14, 'it is on its way');
    await new Promise((resolve) => void setTimeout(resolve, 30));
    await fixture.clock.advance(runtimeLimits.proxyHeaderMs + 1);
    await Promise.all([silent.closed(), slow.closed()]);
    assert.equal(node.stats.badProxyHeaders, badProxyHeaders + 2);
  });

  test('one that is cut off', async () => {
    const { badProxyHeaders } = node.stats;
    const client = RawClient.plain(plainPort());
    client.send(juliet.subarray(0, 20));
    client.socket.end();
    await client.closed();
    await until(() => node.stats.badProxyHeaders === badProxyHeaders + 1, 'it is counted');
  });
});

describe('a header where none belongs is a bad stream:', () => {
  test('in a second one', async () => {
    const client = RawClient.plain(plainPort());
    client.send(Buffer.concat([juliet, from('203.0.113.1'), Buffer.from(header)]));
    await client.read(/<stream:error>.*<\/stream:stream>/s);
    client.destroy();
  });

  test('at a node that no proxy stands before', async () => {
    const client = RawClient.plain(fixture.node.addresses.c2s!.port);
    client.send(Buffer.concat([juliet, Buffer.from(header)]));
    await client.read(/<stream:error>.*<\/stream:stream>/s);
    const secure = RawClient.plain(fixture.node.addresses.c2sTls!.port);
    secure.send(juliet);
    await secure.closed();
    assert.equal(fixture.node.stats.badProxyHeaders, 0);
  });
});
