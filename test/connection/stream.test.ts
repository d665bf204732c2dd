/** RFC 6120 §4 to §7 as a client sees them: headers, STARTTLS, SASL, bind, keep-alive, and the end. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { connectionLimits } from '../../services/connection/limits.ts';
import { certificate, connected, type Fixture, header, openStream, plainAuth, signIn, startFixture, until } from './fixture.ts';
import { RawClient } from './raw-client.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const NS = 'urn:ietf:params:xml:ns:xmpp-streams';

describe('before TLS', () => {
  test('only STARTTLS is offered, and required', async () => {
    const client = RawClient.plain(fixture.node.addresses.c2s!.port);
    client.send(`<?xml version='1.0'?>${header}`);
    const [, attributes, features] = await client.read(/<stream:stream ([^>]*)><stream:features>(.*)<\/stream:features>/);
    assert.match(attributes!, /from='example.org'/);
    assert.match(attributes!, /version='1.0'/);
    assert.match(attributes!, /xml:lang='en'/);
    assert.match(attributes!, /\bid='[\w-]{16}'/);
    assert.equal(features, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>");
    client.destroy();
  });

  test('RFC 7590: SASL before TLS is refused, and the stream may still take TLS', async () => {
    const client = RawClient.plain(fixture.node.addresses.c2s!.port);
    client.send(header);
    await client.read(/<\/stream:features>/);
    const before = fixture.router.items('sasl').length;
    client.send(plainAuth('juliet'));
    await client.read(/<failure[^>]*><encryption-required\/><\/failure>/);
    assert.equal(fixture.router.items('sasl').length, before);
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.read(/<proceed [^>]*\/>/);
    client.destroy();
  });

  test('STARTTLS leads to a new stream with mechanisms, whatever stood behind <starttls/>', async () => {
    const client = RawClient.plain(fixture.node.addresses.c2s!.port);
    client.send(header);
    await client.read(/<\/stream:features>/);
    client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${plainAuth('injected')}`);
    await client.read(/<proceed [^>]*\/>/);
    const socket = await client.upgrade({ servername: 'example.org' });
    assert.match(socket.getProtocol()!, /^TLSv1\.[23]$/);
    client.send(header);
    const [, mechanisms] = await client.read(/<stream:features>(.*)<\/stream:features>/);
    assert.match(mechanisms!, /<mechanism>PLAIN<\/mechanism>/);
    assert.ok(!fixture.router.items('sasl').some(({ body }) => body.includes(plainAuth('injected'))));
    client.send(plainAuth('juliet'));
    await client.read(/<success/);
    client.destroy();
  });
});

describe('a header that is wrong', () => {
  for (const [what, sent, condition] of [
    ['another content namespace', header.replace('jabber:client', 'jabber:server'), 'invalid-namespace'],
    ['another stream namespace', header.replace('etherx', 'ether'), 'invalid-namespace'],
    ['another root', header.replaceAll('stream:stream', 'stream:flow'), 'bad-format'],
    ['no version', header.replace("version='1.0'", ''), 'unsupported-version'],
    ['version 0.9', header.replace("version='1.0'", "version='0.9'"), 'unsupported-version'],
    ['a version that is not a number', header.replace("version='1.0'", "version='one'"), 'unsupported-version'],
    ['no to', header.replace("to='example.org'", ''), 'improper-addressing'],
    ['a full JID as to', header.replace("to='example.org'", "to='a@example.org/b'"), 'improper-addressing'],
    ['a to that is not an address', header.replace("to='example.org'", "to='exa mple'"), 'improper-addressing'],
    ['a host that is not served', header.replace("to='example.org'", "to='example.net'"), 'host-unknown'],
    ['no XML', 'GET / HTTP/1.1\r\n\r\n', 'not-well-formed'],
  ] as const) {
    test(`is answered inside a stream with an error and an end: ${what}`, async () => {
      const client = RawClient.tls(fixture.node.addresses.c2sTls!.port);
      client.send(sent);
      const text = await client.closed();
      const shape = new RegExp(
        `^<\\?xml version='1.0'\\?><stream:stream [^>]*><stream:error><${condition} xmlns="?'?${NS}'?"?/>(?:<text [^>]*>[^<]*</text>)?</stream:error></stream:stream>$`,
      );
      assert.match(text, shape);
    });
  }

  test('a version above ours is taken, and ours is said', async () => {
    const client = RawClient.tls(fixture.node.addresses.c2sTls!.port);
    client.send(header.replace("version='1.0'", "version='1.7'"));
    await client.read(/version='1.0'.*<\/stream:features>/);
    client.destroy();
  });
});

describe('TLS', () => {
  test('XEP-0368: ALPN for another protocol is refused; a client that names none is served', async () => {
    const wrong = RawClient.tls(fixture.node.addresses.c2sTls!.port, { ALPNProtocols: ['h2'] });
    await wrong.closed();
    const quiet = RawClient.tls(fixture.node.addresses.c2sTls!.port, { ALPNProtocols: undefined });
    quiet.send(header);
    await quiet.read(/<\/stream:features>/);
    quiet.destroy();
  });

  test('binds SASL to the channel: tls-exporter and tls-server-end-point as the client computes them', async () => {
    const client = await openStream(fixture.node);
    const socket = client.socket as TLSSocket;
    const raw = (socket.getPeerCertificate() as { raw: Buffer }).raw;
    client.send(plainAuth('binder', 'secret', 'SCRAM-SHA-1-PLUS'));
    await client.read(/<success/);
    const { item } = fixture.router.items('sasl').at(-1)!;
    assert.equal(item.binding['tls-server-end-point'], createHash('sha256').update(raw).digest('base64'));
    const exporter = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('base64');
    assert.equal(item.binding['tls-exporter'], exporter);
    client.destroy();
  });

  test('tells the router the types of binding alone while no client has chosen to bind', async () => {
    const types = { 'tls-exporter': '', 'tls-server-end-point': '' };
    const client = await openStream(fixture.node);
    assert.deepEqual(fixture.router.items('open').at(-1)!.item.binding, types);
    client.send(plainAuth('binder', 'wrong', 'SCRAM-SHA-1'));
    await client.read(/<failure/);
    assert.deepEqual(fixture.router.items('sasl').at(-1)!.item.binding, types);
    client.send(plainAuth('binder', 'secret', 'SCRAM-SHA-1-PLUS'));
    await client.read(/<success/);
    assert.match(fixture.router.items('sasl').at(-1)!.item.binding['tls-exporter']!, /^[\w+/]{43}=$/);
    client.destroy();
  });

  test('RFC 7590: TLS 1.1 is refused; TLS 1.2 has no tls-exporter', async () => {
    const old = RawClient.tls(fixture.node.addresses.c2sTls!.port, {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await old.closed();
    assert.equal(old.text, '');
    const client = RawClient.tls(fixture.node.addresses.c2sTls!.port, { maxVersion: 'TLSv1.2' });
    client.send(header);
    await client.read(/<\/stream:features>/);
    client.send(plainAuth('older'));
    await client.read(/<success/);
    assert.deepEqual(Object.keys(fixture.router.items('sasl').at(-1)!.item.binding), ['tls-server-end-point']);
    client.destroy();
  });

  test('a reload changes the certificate of new streams, by name and without', async () => {
    const first = await certificate('example.org');
    const second = await certificate('example.net');
    fixture.tls.reload([first, second]);
    for (const [servername, pem] of [
      [undefined, first],
      ['example.org', first],
      ['example.net', second],
      ['other.example', first],
    ] as const) {
      const client = RawClient.tls(fixture.node.addresses.c2sTls!.port, { servername });
      client.send(header);
      await client.read(/<\/stream:features>/);
      const { raw } = (client.socket as TLSSocket).getPeerCertificate() as { raw: Buffer };
      assert.deepEqual(raw, new X509Certificate(pem.cert).raw, `${servername}`);
      client.destroy();
    }
    assert.throws(() => fixture.tls.reload([{ key: 'no', cert: 'no' }]));
    assert.throws(() => fixture.tls.reload([]), /at least one/);
  });
});

describe('after SASL', () => {
  test('the stream restarts with a new id, and offers bind and stream management', async () => {
    const client = RawClient.tls(fixture.node.addresses.c2sTls!.port);
    client.send(header);
    const [, first] = await client.read(/<stream:stream [^>]*\bid='([^']+)'[^>]*>.*<\/stream:features>/);
    client.send(plainAuth('juliet'));
    await client.read(/<success[^>]*>/);
    client.send(header);
    const [, second, features] = await client.read(/<stream:stream [^>]*\bid='([^']+)'[^>]*>(.*)<\/stream:features>/);
    assert.notEqual(first, second);
    assert.match(features!, /<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'\/><sm xmlns='urn:xmpp:sm:3'\/>/);
    client.destroy();
  });

  test('the domain stays what it was', async () => {
    const client = await openStream(fixture.node);
    client.send(plainAuth('juliet'));
    await client.read(/<success[^>]*>/);
    client.send(header.replace("to='example.org'", "to='example.net'"));
    assert.match(await client.closed(), /<not-authorized /);
  });

  test('what the client sends goes to the router as it is, and what the router answers comes back in order', async () => {
    const client = await connected(fixture.node);
    const message = "<message to='romeo@example.org' id='m1'><body>O \u{1F339} &amp; \u00E9</body></message>";
    client.send(`${message}<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq><iq type='get' id='p2'><x xmlns='y'/></iq>`);
    await client.read(/<iq type='result' id='p1'\/><iq type='result' id='p2'\/>/);
    assert.ok(fixture.router.stanzas.includes(message));
    client.send('</stream:stream>');
    await client.read(/<\/stream:stream>$/);
    client.socket.end();
    await client.closed();
  });

  test('active and inactive are taken in silence (XEP-0352)', async () => {
    const client = await connected(fixture.node);
    client.send("<inactive xmlns='urn:xmpp:csi:0'/><active xmlns='urn:xmpp:csi:0'/><iq type='get' id='p'><x xmlns='y'/></iq>");
    await client.read(/^<iq type='result' id='p'\/>$/);
    client.destroy();
  });

  test('a socket that is lost without stream management ends the session', async () => {
    const client = await connected(fixture.node, 'lost');
    const ends = (): number =>
      fixture.router.steps.filter(
        ({ request, items }) => request.session.startsWith('lost@') && items.some(({ item }) => item.kind === 'end'),
      ).length;
    assert.equal(ends(), 0);
    client.destroy();
    await until(() => ends() === 1, 'the end of the session');
  });

  test('the last words of a client that closes in order are handled and answered before its end', async () => {
    const client = await connected(fixture.node, 'closer');
    client.send("<message to='romeo@example.org' id='last'/><iq type='get' id='q'><x xmlns='y'/></iq></stream:stream>");
    await client.read(/<iq type='result' id='q'\/><\/stream:stream>$/);
    client.socket.end();
    await client.closed();
    await until(
      () => fixture.router.steps.at(-1)?.items.some(({ item }) => item.kind === 'end') === true,
      'the end of the session',
    );
    const own = fixture.router.steps.filter(({ request }) => request.session.startsWith('closer@'));
    assert.deepEqual(
      own.slice(-2).map(({ items }) => items.map(({ item }) => item.kind)),
      [['stanza', 'stanza'], ['end']],
    );
  });

  for (const [when, connect, open] of [
    ['signed in', async () => connected(fixture.node, 'leaver'), ''],
    ['not signed in', async () => RawClient.tls(fixture.node.addresses.c2sTls!.port), header],
    ['without TLS', async () => RawClient.plain(fixture.node.addresses.c2s!.port), header],
  ] as const) {
    test(`§4.4: whoever closes the stream first closes the connection; a client that does not is hung up on: ${when}`, async () => {
      for (const isPolite of [true, false]) {
        const client = await connect();
        if (open !== '') {
          client.send(open);
          await client.read(/<\/stream:features>/);
        }
        let hasEnded = false;
        client.socket.once('end', () => {
          hasEnded = true;
        });
        client.send('</stream:stream>');
        await client.read(/<\/stream:stream>$/);
        await fixture.clock.advance(connectionLimits.closeTimeoutMs - 1);
        await new Promise<void>((resolve) => void setTimeout(resolve, 50));
        assert.equal(hasEnded, false, "TLS's goodbye, or that of TCP, must not come with the closing tag");
        if (isPolite) client.socket.end();
        else await fixture.clock.advance(1);
        await client.closed();
      }
    });
  }

  test('one batch is under way at a time; what comes meanwhile goes together', async () => {
    const client = await connected(fixture.node, 'batcher');
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    fixture.router.answer = async ({ items }) => {
      if (items.some(({ body }) => body.includes("id='1'"))) await gate;
      return undefined;
    };
    const own = () => fixture.router.steps.filter(({ request }) => request.session === 'batcher@example.org/balcony');
    client.send("<message id='1'/>");
    await until(() => own().length === 1, 'the first batch');
    for (let id = 2; id < 10; id++) client.send(`<message id='${id}'/>`);
    client.send("<iq type='get' id='done'><x xmlns='y'/></iq>");
    await new Promise<void>((resolve) => void setTimeout(resolve, 20));
    assert.equal(own().length, 1);
    open();
    await client.read(/id='done'/);
    assert.deepEqual(
      own().map(({ items }) => items.length),
      [1, 9],
    );
    const ids = own().flatMap(({ items }) => items.map(({ item }) => (item.kind === 'stanza' ? item.id : '')));
    assert.deepEqual(ids, [...ids].sort());
    fixture.router.answer = () => undefined;
    client.destroy();
  });

  test('a router that closes the stream gives the reason', async () => {
    const client = await connected(fixture.node, 'closed');
    fixture.router.answer = ({ items }) =>
      items.some(({ body }) => body.includes('<presence'))
        ? { close: { condition: 'policy-violation', text: 'enough' } }
        : undefined;
    client.send('<presence/>');
    const text = await client.closed();
    assert.match(text, /<stream:error><policy-violation [^>]*\/><text [^>]*>enough<\/text><\/stream:error><\/stream:stream>$/);
    fixture.router.answer = () => undefined;
  });
});

describe('silence', () => {
  test('white space is sent on a stream that is silent', async () => {
    const client = await connected(fixture.node);
    await fixture.clock.advance(connectionLimits.keepAliveMs * 1.5);
    await client.read(/^ $/);
    client.destroy();
  });

  test('who does not sign in is told, and closed', async () => {
    const silent = RawClient.tls(fixture.node.addresses.c2sTls!.port);
    const waiting = await openStream(fixture.node);
    const unbound = await signIn(fixture.node);
    await until(() => fixture.node.stats.streams >= 3, 'three streams');
    await fixture.clock.advance(connectionLimits.preauthTimeoutMs);
    for (const client of [silent, waiting]) assert.match(await client.closed(), /<connection-timeout .*<\/stream:stream>$/);
    assert.equal(unbound.isClosed, false);
    await fixture.clock.advance(connectionLimits.bindTimeoutMs - connectionLimits.preauthTimeoutMs);
    assert.match(await unbound.closed(), /<connection-timeout .*<\/stream:stream>$/);
  });
});

test('a stop says system-shutdown, tells routers of each end, and leaves nothing', async () => {
  const node = await fixture.another('c9');
  const clients = await Promise.all(['a', 'b', 'c'].map((user) => connected(node, user)));
  const waiting = await openStream(node);
  assert.deepEqual(node.stats, {
    streams: 4,
    peerStreams: 0,
    sessions: 3,
    parked: 0,
    batchesInFlight: 0,
    badProxyHeaders: 0,
    resyncs: 0,
  });
  await fixture.stopNode(node);
  for (const client of [...clients, waiting]) assert.match(await client.closed(), /<system-shutdown .*<\/stream:stream>$/);
  const ends = fixture.router.steps.filter(
    ({ request, items }) => request.node === node.subject && items.some(({ item }) => item.kind === 'end'),
  );
  assert.equal(ends.length, 3);
  assert.deepEqual(node.stats, {
    streams: 0,
    peerStreams: 0,
    sessions: 0,
    parked: 0,
    batchesInFlight: 0,
    badProxyHeaders: 0,
    resyncs: 0,
  });
});
