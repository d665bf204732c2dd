/** What a stream says of bytes that no stanza may hold, before and after signing in, over TCP and WebSocket. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { connected, type Fixture, openStream, plainAuth, startFixture } from './fixture.ts';

const path = '/xmpp-websocket';
const framing = "xmlns='urn:ietf:params:xml:ns:xmpp-framing'";
const open = `<open ${framing} to='example.org' version='1.0'/>`;

let fixture: Fixture;
let http: Server;
before(async () => {
  fixture = await startFixture();
  http = createServer();
  fixture.node.attachWebSocket(http, path);
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  await fixture[Symbol.asyncDispose]();
  http.closeAllConnections();
  http.close();
});

const bad: readonly (readonly [what: string, bytes: Buffer, condition: string, text: string])[] = [
  ['U+FFFE', Buffer.from('\uFFFE'), 'not-well-formed', 'XML does not allow U\\+FFFE or U\\+FFFF'],
  ['U+FFFF', Buffer.from('\uFFFF'), 'not-well-formed', 'XML does not allow U\\+FFFE or U\\+FFFF'],
  ['ESC', Buffer.from('\x1B'), 'not-well-formed', 'a control character'],
  ['a surrogate', Buffer.from([0xed, 0xa0, 0x80]), 'unsupported-encoding', 'not UTF-8'],
  ['an overlong form', Buffer.from([0xc0, 0xaf]), 'unsupported-encoding', 'not UTF-8'],
  ['a byte that UTF-8 never has', Buffer.from([0xff]), 'unsupported-encoding', 'not UTF-8'],
];

const around = (bytes: Buffer, begin: string, end: string): Buffer =>
  Buffer.concat([Buffer.from(begin), bytes, Buffer.from(end)]);

const saying = (condition: string, text: string): RegExp =>
  new RegExp(`<stream:error[^>]*><${condition} xmlns='[^']*'/><text [^>]*>${text}</text></stream:error>`);

describe('over TCP', () => {
  for (const [what, bytes, condition, text] of bad) {
    test(`${what}: ${condition}`, async () => {
      const early = await openStream(fixture.node);
      early.send(around(bytes, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>", '</auth>'));
      assert.match(await early.closed(), saying(condition, text));
      for (const [begin, end] of [
        ["<message to='romeo@example.org'><body>", '</body></message>'],
        ["<message to='romeo@example.org' id='", "'/>"],
      ] as const) {
        const late = await connected(fixture.node, 'mallory');
        late.send(around(bytes, begin, end));
        assert.match(await late.closed(), saying(condition, text));
      }
    });
  }
});

describe('over WebSocket', () => {
  /** Sends messages one by one, each when the one before was answered, then the last. @returns all that came, and the code of the end */
  async function ending(messages: readonly string[], last: Buffer): Promise<{ text: string; code: number }> {
    const socket = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}${path}`, ['xmpp']);
    let text = '';
    const steps: (string | Buffer)[] = [...messages, last];
    socket.on('open', () => socket.send(steps.shift()!, { binary: false }));
    socket.on('message', (data) => {
      text += data.toString();
      const isAnswer = /<(?:stream:features|success|iq)\b/.test(data.toString());
      if (isAnswer && steps.length > 0) socket.send(steps.shift()!, { binary: false });
    });
    const code = await new Promise<number>((resolve) => void socket.on('close', resolve));
    return { text, code };
  }

  const bind =
    "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>";
  const signedIn = [open, plainAuth('mallory'), open, bind];

  for (const [what, bytes, condition, text] of bad) {
    // RFC 6455 §8.1: a text message that is not UTF-8 fails the connection below us.
    const isNotUtf8 = condition === 'unsupported-encoding';
    test(`${what}: ${isNotUtf8 ? 'the WebSocket closes with 1007' : condition}`, async () => {
      const auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>";
      const early = await ending([open], around(bytes, auth, '</auth>'));
      const late = await ending(signedIn, around(bytes, "<message xmlns='jabber:client'><body>", '</body></message>'));
      for (const end of [early, late]) {
        if (isNotUtf8) assert.equal(end.code, 1007);
        else assert.match(end.text, saying(condition, text));
      }
    });
  }
});
