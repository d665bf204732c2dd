/** What the internet sends. After each attack the node serves the next client, and holds nothing of the attacker. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import type { Fault } from '../../lib/runtime/wire.ts';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { connected, enable, type Fixture, header, NS_SM, openStream, plainAuth, signIn, startFixture, until } from './fixture.ts';
import { RawClient } from './raw-client.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture[Symbol.asyncDispose]());
afterEach(async () => {
  await until(() => fixture.node.stats.streams === 0, 'the end of the attack');
  const client = await connected(fixture.node, 'witness');
  client.send("<iq type='get' id='alive'><x xmlns='y'/></iq>");
  await client.read(/id='alive'/);
  client.destroy();
  await until(() => fixture.node.stats.streams === 0 && fixture.node.stats.sessions === 0, 'nothing left');
});

const garbage = (bytes: number): Buffer =>
  Buffer.concat(Array.from({ length: bytes / 64 }, (_, n) => createHash('sha512').update(`${n}`).digest()));
const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);
const many = (count: number, one: (n: number) => string): string => Array.from({ length: count }, (_, n) => one(n)).join('');

type Attack = readonly [what: string, bytes: string | Buffer, condition: string];

function attacks(table: readonly Attack[], prepare: () => Promise<RawClient>): void {
  for (const [what, bytes, condition] of table) {
    for (const way of ['at once', 'in pieces'] as const) {
      test(`${what}, ${way}: ${condition}`, async () => {
        const client = await prepare();
        const whole = Buffer.from(bytes as string);
        const step = way === 'at once' ? whole.length : Math.max(1, Math.ceil(whole.length / 40));
        for (let at = 0; at < whole.length && !client.isClosed; at += step) {
          client.send(whole.subarray(at, at + step));
          if (way === 'in pieces') await new Promise<void>((resolve) => void setImmediate(resolve));
        }
        assert.match(await client.closed(), new RegExp(`<stream:error><${condition} .*</stream:error></stream:stream>$`, 's'));
      });
    }
  }
}

describe('before the stream header', () => {
  attacks(
    [
      ['binary garbage', Buffer.concat([Buffer.from([0x80]), garbage(4096)]), 'not-well-formed'],
      ['NULs', Buffer.alloc(100), 'unsupported-encoding'],
      ['a byte order mark of UTF-16', Buffer.from(`\uFEFF${header}`, 'utf16le'), 'unsupported-encoding'],
      ['HTTP', 'POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n\r\nhello', 'not-well-formed'],
      ['a DTD with entities', `<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b "c">]>${header}`, 'restricted-xml'],
      ['a comment', `<!-- hello -->${header}`, 'restricted-xml'],
      ['a header without end', `<stream:stream ${'a'.repeat(20_000)}`, 'policy-violation'],
      ['a header of many attributes', `<stream:stream ${many(500, (n) => `a${n}='' `)}`, 'policy-violation'],
      ['white space without end', ' '.repeat(20_000), 'policy-violation'],
    ],
    async () => RawClient.tls(fixture.node.addresses.c2sTls!.port),
  );
});

describe('before SASL', () => {
  attacks(
    [
      ['a stanza', "<message to='juliet@example.org'><body>spam</body></message>", 'not-authorized'],
      ['bind', "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", 'not-authorized'],
      ['stream management', `<enable xmlns='${NS_SM}'/>`, 'not-authorized'],
      ['resumption', `<resume xmlns='${NS_SM}' previd='x' h='0'/>`, 'not-authorized'],
      ['an unknown element', "<what xmlns='ever'/>", 'not-authorized'],
      ['an element in no namespace', "<what xmlns=''/>", 'invalid-namespace'],
      ['a message SASL does not have', "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", 'unsupported-stanza-type'],
      ['SASL with a prefix', "<s:auth xmlns:s='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>", 'bad-namespace-prefix'],
      [
        'more than is allowed in one element',
        `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${'A'.repeat(xmppLimits.preauthStanzaBytesMax)}</auth>`,
        'policy-violation',
      ],
      ['deep nesting', `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${nested(100)}</auth>`, 'policy-violation'],
      [
        'wrong passwords without end',
        many(serviceLimits.saslFailuresMax + 3, () => plainAuth('juliet', 'wrong')),
        'policy-violation',
      ],
      ['SASL that goes on and on', many(40, () => "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"), 'policy-violation'],
      ['a second header', `${header}</stream:stream>`, 'not-authorized'],
    ],
    () => openStream(fixture.node),
  );

  test('a flood of aborts that routers let pass ends with the count of elements', async () => {
    fixture.router.answer = ({ items }) => (items.some(({ item }) => item.kind === 'sasl') ? { out: [] } : undefined);
    const client = await openStream(fixture.node);
    const before = fixture.router.items('sasl').length;
    client.send(many(xmppLimits.preauthElementsMax + 5, () => "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"));
    assert.match(await client.closed(), /<policy-violation /);
    assert.equal(fixture.router.items('sasl').length - before, xmppLimits.preauthElementsMax);
    fixture.router.answer = () => undefined;
  });

  test('a client that sends a byte now and then is timed out all the same', async () => {
    const client = await openStream(fixture.node);
    for (const byte of "<auth xmlns='urn:ietf:par") {
      client.send(byte);
      await fixture.clock.advance(connectionLimits.preauthTimeoutMs / 20);
    }
    assert.match(await client.closed(), /<connection-timeout /);
  });

  test('a handshake does not begin the time anew', async () => {
    const client = RawClient.plain(fixture.node.addresses.c2s!.port);
    client.send(header);
    await client.read(/<\/stream:features>/);
    await fixture.clock.advance(connectionLimits.preauthTimeoutMs - 1_000);
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.read(/<proceed /);
    await client.upgrade();
    await until(() => fixture.node.stats.streams === 1, 'the stream over TLS');
    await fixture.clock.advance(1_000);
    assert.match(await client.closed(), /<connection-timeout /);
  });

  test('registration is for secure streams only, and nothing else passes with it', async () => {
    const register = "<iq type='get' id='reg'><query xmlns='jabber:iq:register'/></iq>";
    const plain = RawClient.plain(fixture.node.addresses.c2s!.port);
    plain.send(header);
    await plain.read(/<\/stream:features>/);
    plain.send(register);
    assert.match(await plain.closed(), /<not-authorized /);
    const client = await openStream(fixture.node);
    client.send(register);
    await client.read(/<iq type='result' id='reg'\/>/);
    client.send("<message><query xmlns='jabber:iq:register'/></message>");
    assert.match(await client.closed(), /<not-authorized /);
  });
});

describe('STARTTLS', () => {
  const starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

  test('twice is refused', async () => {
    const client = await openStream(fixture.node);
    client.send(starttls);
    assert.match(await client.closed(), /<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'\/><\/stream:stream>$/);
  });

  test('with something other than TLS behind it closes the socket', async () => {
    const client = RawClient.plain(fixture.node.addresses.c2s!.port);
    client.send(header);
    await client.read(/<\/stream:features>/);
    client.send(starttls);
    await client.read(/<proceed [^>]*\/>/);
    client.send(garbage(2_048));
    await client.closed();
    assert.doesNotMatch(client.text, /stream/);
  });

  test('and then gone leaves nothing', async () => {
    for (let n = 0; n < 20; n++) {
      const client = RawClient.plain(fixture.node.addresses.c2s!.port);
      client.send(header);
      await client.read(/<\/stream:features>/);
      client.send(starttls);
      await client.read(/<proceed /);
      client.destroy();
    }
  });
});

describe('after SASL', () => {
  attacks(
    [
      [
        'a message before bind that routers refuse',
        "<message/><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        'unsupported-stanza-type',
      ],
      ["somebody else's address", "<message from='romeo@example.org'/>", 'invalid-from'],
      ['an address that is none', "<message from='@@@'/>", 'invalid-from'],
      ['the server as sender', "<iq from='example.org' type='get' id='1'><x xmlns='y'/></iq>", 'invalid-from'],
      ['an acknowledgement without stream management', `<a xmlns='${NS_SM}' h='1'/>`, 'not-authorized'],
      ['a resume without id', `<resume xmlns='${NS_SM}' h='1'/>`, 'bad-format'],
      ['a resume without count', `<resume xmlns='${NS_SM}' previd='x'/>`, 'bad-format'],
      ['an element of another kind', "<stanza xmlns='jabber:client'/>", 'unsupported-stanza-type'],
      ['a stream error', '<stream:error/>', 'unsupported-stanza-type'],
    ],
    () => signIn(fixture.node, 'mallory'),
  );
});

describe('a bound session', () => {
  attacks(
    [
      [
        'a stanza beyond the bound',
        `<message><body>${'x'.repeat(xmppLimits.stanzaBytesMax)}</body></message>`,
        'policy-violation',
      ],
      ['a stanza that is too deep', `<message>${nested(xmppLimits.depthMax + 2)}</message>`, 'policy-violation'],
      ['too many elements', `<message>${'<a/>'.repeat(xmppLimits.elementsMax + 1)}</message>`, 'policy-violation'],
      ['too many attributes', `<message ${many(xmppLimits.attributesMax + 1, (n) => `a${n}='' `)}/>`, 'policy-violation'],
      ['an attribute twice', "<message to='a@b' to='c@d'/>", 'not-well-formed'],
      ['a prefix nobody declared', '<message><x:y/></message>', 'not-well-formed|bad-namespace-prefix'],
      [
        'bad UTF-8',
        Buffer.from([...Buffer.from('<message><body>'), 0xc0, 0xaf, ...Buffer.from('</body></message>')]),
        'unsupported-encoding|not-well-formed',
      ],
      ['a NUL', '<message><body>\0</body></message>', 'not-well-formed'],
      ['a comment', '<message><!-- --></message>', 'restricted-xml'],
      ['a processing instruction', '<message><?php ?></message>', 'restricted-xml'],
      ['an entity that only a DTD could define', '<message><body>&lol;</body></message>', 'restricted-xml'],
      ['text between stanzas', 'hello', 'bad-format'],
      ['tags that cross', '<message><a><b></a></b></message>', 'not-well-formed'],
      ['a closing tag without an opening one', '</message>', 'not-well-formed'],
      ['binary garbage', garbage(1_024), 'bad-format|not-well-formed'],
    ],
    () => connected(fixture.node, 'mallory'),
  );

  test('a flood of stanzas is slowed down, and memory stays bounded', async () => {
    const client = await connected(fixture.node, 'flooder');
    fixture.router.answer = async ({ request }) => {
      if (request.session.startsWith('flooder@example.org/')) await new Promise<void>((resolve) => void setTimeout(resolve, 1));
      return undefined;
    };
    const count = 3_000;
    client.send(many(count, (n) => `<message id='${n}'/>`));
    client.send("<iq type='get' id='done'><x xmlns='y'/></iq>");
    await client.read(/id='done'/);
    const own = fixture.router.steps.filter(({ request }) => request.session.startsWith('flooder@example.org/'));
    assert.ok(own.every(({ items }) => items.length <= serviceLimits.batchStanzasMax));
    assert.equal(own.flatMap(({ items }) => items).length, count + 1);
    fixture.router.answer = () => undefined;
    client.destroy();
  });

  test('large stanzas go in batches within the bound', async () => {
    const client = await connected(fixture.node, 'heavy');
    const body = 'x'.repeat(100_000);
    client.send(many(12, (n) => `<message id='${n}'><body>${body}</body></message>`));
    client.send("<iq type='get' id='done'><x xmlns='y'/></iq>");
    await client.read(/id='done'/);
    const own = fixture.router.steps.filter(({ request }) => request.session.startsWith('heavy@example.org/'));
    for (const { items } of own) {
      const bytes = items.reduce((sum, { body: text }) => sum + text.length, 0);
      assert.ok(bytes <= serviceLimits.batchBytesMax, `${bytes}`);
    }
    assert.equal(own.flatMap(({ items }) => items).length, 13);
    client.destroy();
  });

  test('a flood of <r/> is answered without waiting, and of <enable/> cut off', async () => {
    const client = await connected(fixture.node, 'nagger');
    await enable(client);
    client.send(`<r xmlns='${NS_SM}'/>`.repeat(1_000) + `<enable xmlns='${NS_SM}'/>`.repeat(100));
    client.send('</stream:stream>');
    const text = await client.closed();
    assert.equal(text.split("h='0'").length - 1, 1_000);
    assert.equal(text.split('<policy-violation').length - 1, 1);
  });
});

test('a WebSocket that is not secure gets no SASL', async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) =>
    fixture.node.acceptWebSocket(socket, { address: '192.0.2.1', isSecure: false, binding: {} }),
  );
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const messages: string[] = [];
  client.on('message', (data) => messages.push(data.toString()));
  await new Promise<void>((resolve) => void client.once('open', () => resolve()));
  const before = fixture.router.items('sasl').length;
  client.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0'/>");
  client.send(plainAuth('juliet'));
  await until(() => messages.length >= 3, 'an answer');
  assert.match(messages[2]!, /<failure [^>]*><encryption-required\/>/);
  assert.equal(fixture.router.items('sasl').length, before);
  client.terminate();
  server.close();
});

describe('a request on the bus that a node cannot read', () => {
  const frame = (header: object, ...bodies: string[]) =>
    encodeFrame(
      header,
      bodies.map((body) => Buffer.from(body)),
    );
  for (const [what, payload] of [
    ['nothing at all', Buffer.alloc(0)],
    ['JSON without a length before it', Buffer.from('{}')],
    ['noise', garbage(256)],
    ['a header that ends early', frame({ kind: 'close', sid: 'x' }).subarray(0, 12)],
    ['a header that is not JSON', Buffer.from([0, 0, 0, 2, 0x7b, 0x7b])],
    ['a header that is null', Buffer.from([0, 0, 0, 4, ...Buffer.from('null')])],
    ['a header without a kind', frame({})],
    ['a kind that only routers know', frame({ kind: 'step', items: [] })],
    ['a delivery without items', frame({ kind: 'deliver' })],
    ['a delivery without its stanza', frame({ kind: 'deliver', items: [{ sids: ['x'] }] })],
    ['a delivery that is cut off', frame({ kind: 'deliver', items: [{ sids: ['x'] }] }, '<message/>').subarray(0, -3)],
  ] as const) {
    test(`${what}: it is answered with a fault, and sessions go on`, async () => {
      const client = await connected(fixture.node, 'bystander');
      const answer = await fixture.bus.request(fixture.node.subject, payload, { timeoutMs: 100 });
      const { ok, fault } = decodeFrame<{ readonly ok: boolean; readonly fault: Fault }>(answer).header;
      assert.deepEqual([ok, fault.kind], [false, 'programming']);
      client.send("<iq type='get' id='on'><x xmlns='y'/></iq>");
      await client.read(/id='on'/);
      client.destroy();
    });
  }
});
