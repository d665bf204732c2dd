/** RFC 7395: each element a message of its own, with its namespaces. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { certificate, type Fixture, NS_SM, plainAuth, startFixture, until } from './fixture.ts';
import { RawClient } from './raw-client.ts';

const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const open = `<open xmlns='${NS_FRAMING}' to='example.org' version='1.0'/>`;
const path = '/xmpp-websocket';
const patienceMs = 8_000;

let fixture: Fixture;
let http: Server;
let https: Server;

before(async () => {
  fixture = await startFixture();
  http = createServer();
  https = createSecureServer(await certificate('example.org'));
  for (const server of [http, https]) {
    fixture.node.attachWebSocket(server, path);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  }
});
after(async () => {
  await fixture[Symbol.asyncDispose]();
  for (const server of [http, https]) {
    server.closeAllConnections();
    server.close();
  }
});

/** Messages one by one. */
class Client {
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  #messages: string[] = [];
  #waiting: ((message: string) => void)[] = [];

  constructor(options: { readonly secure?: boolean; readonly path?: string; readonly protocols?: string[] } = {}) {
    const { secure = false, protocols = ['xmpp'] } = options;
    const { port } = (secure ? https : http).address() as AddressInfo;
    const url = `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}${options.path ?? path}`;
    this.socket = new WebSocket(url, protocols, { rejectUnauthorized: false });
    this.socket.on('message', (data, isBinary) => {
      assert.equal(isBinary, false);
      const message = data.toString();
      const next = this.#waiting.shift();
      if (next) next(message);
      else this.#messages.push(message);
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('error', () => resolve(-1));
      this.socket.on('close', resolve);
    });
  }

  async opened(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    return this;
  }

  send(...messages: string[]): void {
    for (const message of messages) this.socket.send(message);
  }

  next(): Promise<string> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('waited in vain for a message')), patienceMs);
      this.#waiting.push((next) => {
        clearTimeout(timer);
        resolve(next);
      });
    });
  }

  async signIn(user: string, more = ''): Promise<void> {
    this.send(open);
    await this.next();
    await this.next();
    this.send(plainAuth(user));
    assert.match(await this.next(), /^<success /);
    this.send(open.replace("version='1.0'", `version='1.0' ${more}`));
    assert.match(await this.next(), /^<open /);
    assert.match(await this.next(), /<sm xmlns='urn:xmpp:sm:3'\/>.*<\/stream:features>$/);
    this.send(
      "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>",
    );
    assert.match(await this.next(), /^<iq xmlns='jabber:client' type='result' id='b'>/);
  }
}

describe('the handshake', () => {
  test('agrees on the subprotocol and no compression', async () => {
    const client = await new Client().opened();
    assert.equal(client.socket.protocol, 'xmpp');
    assert.equal(client.socket.extensions, '');
    client.socket.terminate();
  });

  test('refuses clients that do not speak xmpp', async () => {
    for (const protocols of [[], ['chat']]) {
      const client = new Client({ protocols });
      assert.equal(await client.closed, -1);
    }
  });
});

test('requests that are odd do not hurt the server', async () => {
  for (const target of ['//', '/%', 'http://[', `${path}?x=//`, '*']) {
    const client = RawClient.plain((http.address() as AddressInfo).port);
    client.send(
      `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n`,
    );
    await new Promise<void>((resolve) => void setTimeout(resolve, 5));
    client.destroy();
  }
  const client = await new Client().opened();
  client.socket.terminate();
});

describe('a stream', () => {
  for (const secure of [false, true]) {
    test(`goes from <open/> to <close/> over ${secure ? 'wss' : 'ws from this machine'}`, async () => {
      const client = await new Client({ secure }).opened();
      client.send(open);
      const opened = await client.next();
      assert.match(
        opened,
        /^<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='[\w-]+' version='1.0' xml:lang='en'\/>$/,
      );
      const features = await client.next();
      assert.match(features, /^<stream:features xmlns:stream='http:\/\/etherx.jabber.org\/streams'><mechanisms xmlns=/);
      assert.doesNotMatch(features, /starttls/);
      client.send(plainAuth('webber'));
      assert.equal(await client.next(), "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
      const bindings = Object.keys(fixture.router.items('sasl').at(-1)!.item.binding).sort();
      assert.deepEqual(bindings, secure ? ['tls-exporter', 'tls-server-end-point'] : []);
      client.send(`<close xmlns='${NS_FRAMING}'/>`);
      assert.match(await client.next(), /^<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'\/>$/);
      assert.equal(await client.closed, 1005);
    });
  }

  test('carries stanzas: canonical towards routers, with their namespace towards the client', async () => {
    const client = await new Client().opened();
    await client.signIn('stanzas');
    const { sid } = fixture.router.steps.findLast(({ request }) => request.session.startsWith('stanzas@'))!.request;
    client.send("<message xmlns='jabber:client' to='a@b' id='m1'><body>x</body></message>");
    await until(() => fixture.router.stanzas.some((xml) => xml.includes('m1')), 'the message');
    assert.equal(fixture.router.stanzas.at(-1), "<message to='a@b' id='m1'><body>x</body></message>");
    await fixture.router.deliver(fixture.node.subject, sid, "<message id='d1'/>", undefined, 'stanzas@example.org/web');
    await fixture.router.deliver(fixture.node.subject, sid, '<presence/>');
    assert.equal(await client.next(), "<message xmlns='jabber:client' to='stanzas@example.org/web' id='d1'/>");
    assert.equal(await client.next(), "<presence xmlns='jabber:client'/>");
    client.socket.terminate();
  });

  test('has stream management and resumption', async () => {
    const client = await new Client().opened();
    await client.signIn('resumer');
    client.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
    const previd = /id='([^']+)'/.exec(await client.next())![1]!;
    client.socket.terminate();
    await until(() => fixture.node.stats.parked === 1, 'parked');
    const again = await new Client().opened();
    again.send(open);
    await again.next();
    await again.next();
    again.send(plainAuth('resumer'));
    await again.next();
    again.send(open);
    await again.next();
    await again.next();
    again.send(`<resume xmlns='${NS_SM}' previd='${previd}' h='0'/>`);
    assert.match(await again.next(), /^<resumed /);
    again.send(`<close xmlns='${NS_FRAMING}'/>`);
    await again.closed;
  });

  test('is kept awake with pings, not with white space', async () => {
    const client = await new Client().opened();
    await client.signIn('awake');
    const pinged = new Promise<void>((resolve) => void client.socket.once('ping', () => resolve()));
    await fixture.clock.advance(connectionLimits.keepAliveMs * 1.5);
    await pinged;
    client.socket.terminate();
  });
});

describe('the answer to <open/>', () => {
  const opening = (more: string): string => open.replace("version='1.0'", `version='1.0' ${more}`);

  for (const [from, to] of [
    ["from='juliet@example.org'", " to='juliet@example.org'"],
    ["from='Juliet@example.org'", " to='juliet@example.org'"],
    ["from='juliet@example.org/web'", ''],
    ["from='example.org' xml:lang='de'", " to='example.org'"],
    ['', ''],
  ] as const) {
    test(`${from || 'without from'}: the bare JID of the client, or nobody`, async () => {
      const client = await new Client().opened();
      client.send(opening(from));
      const shape = new RegExp(
        `^<open xmlns='${NS_FRAMING}' from='example.org'${to} id='[\\w-]{16}' version='1.0' xml:lang='en'/>$`,
      );
      assert.match(await client.next(), shape);
      client.socket.terminate();
    });
  }

  for (const [what, sent, condition, from] of [
    ['no to', open.replace("to='example.org' ", ''), 'improper-addressing', ''],
    ['a host that is not served', open.replace('example.org', 'example.net'), 'host-unknown', ''],
    ['a from that is not an address', opening("from='@'"), 'improper-addressing', 'example.org'],
    ['a from of another domain', opening("from='juliet@example.net'"), 'invalid-from', 'example.org'],
    ['version 0.9', open.replace("'1.0'", "'0.9'"), 'unsupported-version', 'example.org'],
  ] as const) {
    test(`${what}: ${condition}, from '${from}'`, async () => {
      const client = await new Client().opened();
      client.send(sent);
      assert.match(await client.next(), new RegExp(`^<open [^>]*from='${from}' id=`));
      assert.match(await client.next(), new RegExp(`<${condition} `));
      await client.closed;
    });
  }

  test('its language is put on stanzas that name none', async () => {
    const client = await new Client().opened();
    await client.signIn('tongue', "xml:lang='fr'");
    client.send("<message xmlns='jabber:client' id='w1'/>", "<message xmlns='jabber:client' id='w2' xml:lang='cs'/>");
    client.send("<iq xmlns='jabber:client' type='get' id='w3'><x xmlns='y'/></iq>");
    await client.next();
    const sent = (id: string) => fixture.router.stanzas.find((each) => each.includes(`id='${id}'`));
    assert.equal(sent('w1'), "<message xml:lang='fr' id='w1'/>");
    assert.equal(sent('w2'), "<message id='w2' xml:lang='cs'/>");
    client.socket.terminate();
  });
});

describe('what is wrong', () => {
  const error = (condition: string): RegExp =>
    new RegExp(
      `^<stream:error xmlns:stream='http://etherx.jabber.org/streams'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>`,
    );

  for (const [what, messages, condition] of [
    ['a stanza before <open/>', ["<message xmlns='jabber:client'/>"], 'bad-format'],
    [
      'a header of RFC 6120',
      ["<stream:stream to='example.org' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"],
      'not-well-formed',
    ],
    ['half an element', ['<open '], 'not-well-formed'],
    ['two elements in a message', [open + open], 'not-well-formed'],
    ['an element without namespace', ['<open/>'], 'invalid-namespace'],
    ['no version', [open.replace(" version='1.0'", '')], 'unsupported-version'],
    ['a host that is not served', [open.replace('example.org', 'example.net')], 'host-unknown'],
    ['text', ['hello'], 'not-well-formed'],
  ] as const) {
    test(`gets <open/>, the error with its namespaces, and <close/>: ${what}`, async () => {
      const client = await new Client().opened();
      client.send(...messages);
      assert.match(await client.next(), /^<open [^>]*\/>$/);
      assert.match(await client.next(), error(condition));
      assert.equal(await client.next(), `<close xmlns='${NS_FRAMING}'/>`);
      await client.closed;
    });
  }

  test('binary messages are refused', async () => {
    const client = await new Client().opened();
    client.socket.send(Buffer.from(open));
    assert.match(await client.next(), /^<open /);
    assert.match(await client.next(), /^<stream:error /);
    await client.closed;
  });

  test('a message beyond the bound ends the stream, one far beyond it closes the socket', async () => {
    const beyond = await new Client().opened();
    beyond.send(open);
    await beyond.next();
    await beyond.next();
    beyond.send(`<message xmlns='jabber:client'><body>${'x'.repeat(xmppLimits.stanzaBytesMax)}</body></message>`);
    assert.match(await beyond.next(), /^<stream:error [^>]*><policy-violation /);
    await beyond.closed;
    const far = await new Client().opened();
    far.send(`<message xmlns='jabber:client'><body>${'x'.repeat(2 * xmppLimits.stanzaBytesMax)}</body></message>`);
    assert.equal(await far.closed, 1009);
  });

  test('a second <open/> is refused', async () => {
    const client = await new Client().opened();
    client.send(open);
    await client.next();
    await client.next();
    client.send(open);
    assert.match(await client.next(), error('bad-format'));
    client.socket.terminate();
  });
});
