/**
 * What the program does at its bounds and at its edges: STARTTLS, HTTP, floods of connections, peers that are slow or do not read.
 * Two people chat all the while; in the end the process holds no socket of an attacker, and little more memory.
 *
 * The 30 seconds of a peer that does not sign in are tested with a clock by hand in test/connection/hostile.test.ts.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { RawClient } from '../connection/raw-client.ts';
import { Bystanders, canLookInside, descriptorsOf, faultsOf, memoryOf } from '../support/bystanders.ts';
import { garbage, many, messageOf, nested } from '../support/hostile-input.ts';
import { HostilePeer, header, plainAuth, startTls, ways } from '../support/hostile-peer.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';

let skylark: Skylark;
let bystanders: Bystanders;
let quietDescriptors = 0;

before(async () => {
  skylark = await Skylark.start();
  for (const name of ['juliet', 'romeo', 'mallory']) skylark.addUser(`${name}@localhost`, 'secret');
  bystanders = await Bystanders.signIn(skylark);
  await bystanders.chat();
  if (canLookInside) quietDescriptors = descriptorsOf(skylark);
});
afterEach(async () => {
  await bystanders.chat();
  assert.deepEqual(faultsOf(skylark), []);
});
after(async () => {
  await bystanders?.leave();
  await skylark?.stop();
});

let bound = 0;
async function bind(peer: HostilePeer): Promise<void> {
  await peer.signIn('mallory', 'secret');
  await peer.bind(`evil-${bound++}`);
}

describe('at the bounds', () => {
  const [start, end] = [`<auth xmlns='${NS_SASL}' mechanism='PLAIN'>`, '</auth>'];
  const auth = (bytes: number) => start + 'A'.repeat(bytes - start.length - end.length) + end;

  test('before SASL: all bytes that are allowed are read, and one more is refused', async () => {
    for (const extra of [0, 1]) {
      const peer = await HostilePeer.connect('TLS', skylark);
      await peer.open();
      peer.send(auth(xmppLimits.preauthStanzaBytesMax));
      await peer.wire.read(/<failure .*<\/failure>/);
      peer.send(auth(xmppLimits.preauthBytesMax - header().length - xmppLimits.preauthStanzaBytesMax + extra));
      if (extra === 1) await peer.endsWith('policy-violation');
      else await peer.wire.read(/<failure .*<\/failure>/);
      peer.wire.destroy();
    }
  });

  test('before SASL: an element of one byte more than is announced is refused', async () => {
    const peer = await HostilePeer.connect('TLS', skylark);
    await peer.open();
    peer.send(auth(xmppLimits.preauthStanzaBytesMax + 1));
    await peer.endsWith('policy-violation');
  });

  test('before SASL: all elements that are allowed are answered, and one more is refused', async () => {
    const peer = await HostilePeer.connect('TLS', skylark);
    await peer.open();
    for (let n = 0; n < xmppLimits.preauthElementsMax; n++) {
      peer.send(`<iq type='get' id='r${n}'><query xmlns='jabber:iq:register'/></iq>`);
      await peer.wire.read(new RegExp(`<iq [^>]*id=["']r${n}["'].*?</iq>`, 's'));
    }
    peer.send("<iq type='get' id='more'><query xmlns='jabber:iq:register'/></iq>");
    await peer.endsWith('policy-violation');
  });

  test('what a session may send just so is delivered', async () => {
    const peer = await HostilePeer.connect('TLS', skylark);
    await bind(peer);
    peer.send('<presence/>');
    await peer.wire.read(/<presence [^>]*>/);
    const attributes = many(xmppLimits.attributesMax - 2, (n) => `a${n}='' `);
    for (const [what, xml] of [
      ['bytes', messageOf(xmppLimits.stanzaBytesMax)],
      ['depth', `<message id='deep' to='mallory@localhost'>${nested(xmppLimits.depthMax)}<body/></message>`],
      ['elements', `<message id='wide' to='mallory@localhost'><body/>${'<a/>'.repeat(xmppLimits.elementsMax - 2)}</message>`],
      ['attributes', `<message id='many' to='mallory@localhost'><body/><x xmlns='y' z='' ${attributes}/></message>`],
      ['name', `<message id='name' to='mallory@localhost'><body/><${'a'.repeat(xmppLimits.nameBytesMax)}/></message>`],
    ] as const) {
      peer.send(xml);
      const id = /id='(\w+)'/.exec(xml)![1];
      const [opening] = await peer.wire.read(new RegExp(`<message [^>]*id=["']${id}["'][^>]*>`));
      assert.doesNotMatch(opening, /type=["']error["']/, what);
    }
    peer.send('</stream:stream>');
    assert.match(await peer.wire.closed(), /<\/stream:stream>$/);
  });

  test('a WebSocket message just beyond the bound is refused by the stream, a huge one by the WebSocket', async () => {
    const beyond = await HostilePeer.connect('secure WebSocket', skylark);
    await bind(beyond);
    beyond.sendStanza(messageOf(xmppLimits.stanzaBytesMax + 1));
    await beyond.endsWith('policy-violation');
    const huge = await HostilePeer.connect('secure WebSocket', skylark);
    await bind(huge);
    huge.sendStanza(messageOf(8 * xmppLimits.stanzaBytesMax));
    assert.match(await huge.wire.closed(), /\[closed with 1009\]$/); // RFC 6455 §7.4.1
  });

  test('an unauthenticated WebSocket has no more room than other peers', async () => {
    const peer = await HostilePeer.connect('WebSocket', skylark);
    await peer.open();
    peer.send(`<auth xmlns='${NS_SASL}' mechanism='PLAIN'>${'A'.repeat(xmppLimits.preauthBytesMax)}</auth>`);
    await peer.endsWith('policy-violation');
  });
});

describe('STARTTLS', () => {
  test('what came behind <starttls/> in the clear is forgotten', async () => {
    const client = RawClient.plain(skylark.ports.c2s);
    client.send(header());
    await client.read(/<\/stream:features>/);
    client.send(startTls + header() + plainAuth('mallory', 'secret'));
    await client.read(/<proceed [^>]*\/>$/);
    // The service takes what followed for neither XMPP nor TLS: were it read as XMPP, an answer would come over TLS.
    await client.upgrade().then(
      () => {
        client.send(header());
        return client.read(/<\/stream:features>/).then(() => assert.doesNotMatch(client.text, /<success/));
      },
      () => client.closed().then((text) => assert.doesNotMatch(text, /success|stream:features/)),
    );
    client.destroy();
  });

  test('under TLS it is refused', async () => {
    const peer = await HostilePeer.connect('STARTTLS', skylark);
    await peer.open();
    peer.send(startTls);
    assert.match(await peer.wire.closed(), /<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'\/><\/stream:stream>$/);
  });

  test('garbage instead of a handshake closes the socket, on either port', async () => {
    const upgrading = RawClient.plain(skylark.ports.c2s);
    upgrading.send(header() + startTls);
    await upgrading.read(/<proceed [^>]*\/>/);
    upgrading.send(garbage(2_048));
    await upgrading.closed();
    const direct = RawClient.plain(skylark.ports.c2sTls);
    direct.send(garbage(2_048));
    assert.doesNotMatch(await direct.closed(), /stream/);
  });
});

describe('HTTP', () => {
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
  const upgrade = (path: string, more: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
  const table: readonly (readonly [what: string, bytes: string | Buffer, answer: RegExp])[] = [
    ['garbage', garbage(512), /^HTTP\/1\.1 400 /],
    ['a header without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`, /^HTTP\/1\.1 431 /],
    ['no host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a host that is none', 'GET / HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a stream header', header(), /^HTTP\/1\.1 400 /],
    ['a path out of the folder', get('/client/../../../package.json'), /^HTTP\/1\.1 404 /],
    ['a path out of the folder, escaped', get('/client/..%2f..%2f..%2fpackage.json'), /^HTTP\/1\.1 404 /],
    ['bad escapes', get('/client/%E0%A4%A.js'), /^HTTP\/1\.1 40[04] /],
    ['a NUL in a path', get('/client/a%00.js'), /^HTTP\/1\.1 40[04] /],
    ['another method', 'DELETE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 40[45] /],
    ['a WebSocket elsewhere', upgrade('/elsewhere', 'Sec-WebSocket-Version: 13\r\n'), /^HTTP\/1\.1 404 /],
    ['a WebSocket without subprotocol', upgrade('/xmpp-websocket', 'Sec-WebSocket-Version: 13\r\n'), /^HTTP\/1\.1 400 /],
    [
      'a WebSocket of an old version',
      upgrade('/xmpp-websocket', 'Sec-WebSocket-Version: 7\r\nSec-WebSocket-Protocol: xmpp\r\n'),
      /^HTTP\/1\.1 4\d\d /,
    ],
  ];
  for (const [what, bytes, answer] of table) {
    test(`${what}: ${answer.source.replaceAll(/\\?[/^\\]/g, '')}`, async () => {
      for (const secure of [false, true]) {
        const client = secure
          ? RawClient.tls(skylark.ports.https, { ALPNProtocols: ['http/1.1'] })
          : RawClient.plain(skylark.ports.http);
        client.send(bytes);
        assert.match(await client.closed(), answer);
      }
    });
  }

  test('a WebSocket frame that is none closes that WebSocket alone', async () => {
    const client = RawClient.plain(skylark.ports.http);
    client.send(upgrade('/xmpp-websocket', 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n'));
    await client.read(/^HTTP\/1\.1 101 .*?\r\n\r\n/s);
    client.send(garbage(1_024));
    await client.closed();
  });
});

describe('many and slow', () => {
  test('500 quick connections that stop at any point leave nothing behind', async () => {
    const { c2s, c2sTls, http } = skylark.ports;
    const starts: readonly (readonly [port: number, bytes: string | Buffer])[] = [
      [c2s, ''],
      [c2s, header().slice(0, 40)],
      [c2s, header()],
      [c2s, header() + startTls],
      [c2sTls, ''],
      [c2sTls, Buffer.from('1603010200', 'hex')],
      [http, ''],
      [http, 'GET /xmpp-websocket HTTP/1.1\r\nHost: l'],
    ];
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 50 }, (_, n) => hitAndRun(...starts[(round + n) % starts.length]!)));
    }
  });

  test('peers that send a byte now and then do not hold up others', async () => {
    const slow = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const peer = await HostilePeer.connect(n % 2 === 0 ? 'TCP' : 'TLS', skylark);
        for (const byte of header().slice(0, 20)) {
          peer.send(byte);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return peer;
      }),
    );
    await bystanders.chat();
    for (const peer of slow) {
      assert.equal(peer.wire.isClosed, false);
      peer.wire.destroy();
    }
  });

  test('a session that does not read is ended, and what it was sent is kept for it', async () => {
    const reader = await HostilePeer.connect('TLS', skylark);
    await reader.signIn('mallory', 'secret');
    await reader.bind('asleep');
    reader.send("<enable xmlns='urn:xmpp:sm:3'/><presence/>");
    await reader.wire.read(/<enabled [^>]*>.*<presence [^>]*>/s);
    (reader.wire as RawClient).socket.pause();
    const sender = await HostilePeer.connect('TLS', skylark);
    await sender.signIn('romeo', 'secret');
    await sender.bind('flood');
    const count = 80;
    const body = 'x'.repeat(200_000);
    for (let n = 0; n < count; n++) {
      sender.send(`<message type='chat' to='mallory@localhost/asleep' id='f${n}'><body>${n} ${body}</body></message>`);
      sender.send(`<iq type='get' id='p${n}'><ping xmlns='urn:xmpp:ping'/></iq>`);
      await sender.wire.read(new RegExp(`<iq [^>]*id=["']p${n}["'][^>]*>`));
    }
    (reader.wire as RawClient).socket.resume();
    assert.match(await reader.wire.closed(), /<message/);
    sender.wire.destroy();
    // Nothing of it was acknowledged.
    const awake = await TcpClient.signIn(skylark.ports.c2sTls, 'mallory@localhost/awake', 'secret');
    awake.send('<presence/>');
    for (let n = 0; n < count; n++) await awake.next(({ attributes }) => attributes.id === `f${n}`);
    await awake.close();
  });
});

describe('in the end', { skip: canLookInside ? false : 'only Linux tells' }, () => {
  test('no socket of an attacker is left', async () => {
    for (let tries = 0; descriptorsOf(skylark) > quietDescriptors + 3; tries++) {
      assert.ok(tries < 100, `${descriptorsOf(skylark)} descriptors are open, ${quietDescriptors} were before`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  test('memory is bounded', async () => {
    // The garbage of the last attack is resident until the collector has had time, while the two go on talking.
    const mebibytes = () => memoryOf(skylark) / 1024 ** 2;
    await until(
      () => mebibytes() < 512,
      () => `${mebibytes()} MiB are resident`,
    );
  });

  test('each way in serves the next client', async () => {
    for (const way of ways.filter((each) => each !== 'TCP')) {
      const peer = await HostilePeer.connect(way, skylark);
      await peer.signIn('mallory', 'secret');
      await peer.bind('honest');
      peer.wire.destroy();
    }
  });
});

function hitAndRun(port: number, bytes: string | Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      if (bytes.length === 0) socket.destroy();
      else socket.write(bytes, () => socket.destroy());
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}
