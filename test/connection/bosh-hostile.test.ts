/** BOSH (XEP-0124): what a hostile client sends, and requests that come to another node than their session. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import {
  BoshClient,
  type BoshServer,
  beginning,
  bodyOf,
  messageOf,
  post,
  sidOf,
  startBoshServer,
  terminated,
} from './bosh-ground.ts';
import { type Fixture, startFixture, until } from './fixture.ts';
import { RawClient } from './raw-client.ts';

let fixture: Fixture;
let web: BoshServer;

before(async () => {
  fixture = await startFixture();
  web = await startBoshServer(fixture.node);
});
after(async () => {
  await fixture[Symbol.asyncDispose]();
  web.stop();
});

const client = () => new BoshClient(web.port);

describe('of HTTP', () => {
  test('pages of any origin may ask, as for WebSockets', async () => {
    const { status, headers } = await post(web.port, '', { method: 'OPTIONS', headers: { origin: 'https://client.example' } })
      .answer;
    assert.equal(status, 204);
    assert.equal(headers['access-control-allow-origin'], '*');
    assert.equal(headers['access-control-allow-methods'], 'POST, OPTIONS');
    assert.equal(headers['access-control-allow-headers'], 'content-type');
    const answered = await post(web.port, beginning(5)).answer;
    assert.equal(answered.headers['access-control-allow-origin'], '*');
    assert.equal(answered.headers['content-type'], 'text/xml; charset=utf-8');
    assert.equal(answered.headers['cache-control'], 'no-store');
  });

  test('no answer is a page of this origin, whatever `content` asks for', async () => {
    const { headers } = await post(web.port, beginning(6, { content: 'text/html' })).answer;
    assert.equal(headers['content-type'], 'text/xml; charset=utf-8');
    assert.equal(headers['content-security-policy'], "default-src 'none'; sandbox");
    assert.equal(headers['x-content-type-options'], 'nosniff');
  });

  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
    test(`${method} is not for BOSH`, async () => {
      const { status, headers } = await post(web.port, '', { method }).answer;
      assert.equal(status, 405);
      assert.equal(headers.allow, 'POST, OPTIONS');
    });
  }

  for (const [what, body, condition] of [
    ['nothing', '', 'bad-request'],
    ['no XML', 'hello', 'bad-request'],
    ['another element', '<html/>', 'bad-request'],
    ['a body without a namespace', "<body rid='1' to='example.org'/>", 'bad-request'],
    ['half a body', "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'>", 'bad-request'],
    ['two bodies', beginning(1) + beginning(2), 'bad-request'],
    ['text between payloads', bodyOf({ rid: 1, to: 'example.org' }, '<a xmlns="b"/>x<a xmlns="b"/>'), 'bad-request'],
    ['text before them', bodyOf({ rid: 1, to: 'example.org' }, 'x<a xmlns="b"/>'), 'bad-request'],
    ['a comment', bodyOf({ rid: 1, to: 'example.org' }, '<!-- x -->'), 'bad-request'],
    ['a document type', `<!DOCTYPE body>${beginning(1)}`, 'bad-request'],
    [
      'an element of the WebSocket framing',
      bodyOf({ rid: 1, to: 'example.org' }, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"),
      'bad-request',
    ],
    ['no rid', bodyOf({ to: 'example.org' }), 'bad-request'],
    ['a foreign sid', bodyOf({ rid: 1, sid: 'SomeSID' }), 'item-not-found'],
    ['a sid of a node that nobody knows', bodyOf({ rid: 1, sid: `${'a'.repeat(32)}.c9.abc` }), 'item-not-found'],
    ['a sid that nobody has', bodyOf({ rid: 1, sid: `${'a'.repeat(32)}.rt.x` }), 'item-not-found'],
  ] as const) {
    test(`§17.2: ${what} is ${condition}`, async () => {
      const { status, body: answer } = await post(web.port, body).answer;
      assert.equal(status, 200);
      assert.match(answer, terminated(condition));
    });
  }

  test('§17.1: a client without a version is answered in HTTP', async () => {
    const legacy = client();
    await legacy.signIn('legacy', { ver: undefined });
    const { status } = await legacy.again(legacy.rid + 9).answer;
    assert.equal(status, 404);
  });

  test('compressed requests are refused: no encoding was offered', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const { body } = await post(web.port, gzipSync(beginning(1)), { headers }).answer;
    assert.match(body, terminated('bad-request'));
  });

  test('a long request is read only of a client that has signed in', async () => {
    const filler = 'x'.repeat(100_000);
    const stranger = client();
    await stranger.begin();
    const long = `<message xmlns='jabber:client' to='a@b' id='long'><body>${filler}</body></message>`;
    await assert.rejects(
      stranger.send(long).answer.then(({ body }) => assert.doesNotMatch(body, terminated('policy-violation'))),
    );
    const known = client();
    await known.signIn('known');
    const sent = known.send(long);
    await until(() => fixture.router.stanzas.some((xml) => xml.includes("id='long'")), 'the message');
    sent.abort();
  });

  test('a request that is too long is refused from its header', async () => {
    const raw = RawClient.plain(web.port);
    raw.send(`POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: ${connectionLimits.boshBodyBytesMax + 1}\r\n\r\n<body`);
    await raw.read(/condition='policy-violation'/);
    raw.destroy();
  });

  test('a stanza that is too long ends the stream', async () => {
    const big = client();
    await big.signIn('big');
    const body = await big.ask(`<message xmlns='jabber:client'><body>${'x'.repeat(xmppLimits.stanzaBytesMax)}</body></message>`);
    assert.match(body, terminated('remote-stream-error'));
    assert.match(body, /<policy-violation /);
  });

  test('a slow request is given up', async () => {
    const raw = RawClient.plain(web.port);
    raw.send('POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n<bo');
    await new Promise((resolve) => void setTimeout(resolve, 30));
    await fixture.clock.advance(connectionLimits.boshBodyMs);
    await raw.read(/condition='policy-violation'/);
    raw.destroy();
  });

  test('who asks too often waits', async () => {
    const eager = client();
    await eager.signIn('eager', { hold: '0' });
    let answered = 0;
    const flood = async () => {
      for (let count = 0; count < connectionLimits.boshRequestsBurst + 50; count++) {
        await eager.ask();
        answered++;
      }
    };
    const flooding = flood();
    let before = -1;
    await until(() => {
      const isStill = before === answered && answered >= connectionLimits.boshRequestsBurst - 10;
      before = answered;
      return isStill;
    }, 'the flood stands still');
    assert.ok(answered < connectionLimits.boshRequestsBurst + 5, `${answered}`);
    for (let seconds = 0; seconds < 20; seconds++) {
      await fixture.clock.advance(1_000);
      await new Promise((resolve) => void setTimeout(resolve, 10));
    }
    await flooding;
  });
});

test('a stranger that does not sign in is ended', async () => {
  const slow = client();
  await slow.begin();
  const { answer } = slow.send();
  await new Promise((resolve) => void setTimeout(resolve, 30));
  await fixture.clock.advance(connectionLimits.preauthTimeoutMs);
  const { body } = await answer;
  assert.match(body, terminated('remote-stream-error'));
  assert.match(body, /<connection-timeout /);
});

describe('behind a load balancer', () => {
  test('a request that comes to another node is passed on to the one that has the session', async () => {
    const other = await fixture.another('c2');
    const there = await startBoshServer(other);
    const roamer = client();
    await roamer.signIn('roamer');
    const sid = sidOf(fixture, 'roamer');
    const elsewhere = new BoshClient(there.port);
    Object.assign(elsewhere, { sid: roamer.sid, rid: roamer.rid });
    const { answer } = elsewhere.send(messageOf('roam'));
    await until(() => fixture.router.stanzas.some((xml) => xml.includes('roam')), 'the message');
    await fixture.router.deliver(fixture.node.subject, sid, "<message id='d6'/>");
    const { body } = await answer;
    assert.match(body, /id='d6'/);
    assert.equal(
      (await roamer.again(elsewhere.rid, messageOf('roam')).answer).body,
      body,
      'the answer is kept where the session is',
    );
    assert.match((await elsewhere.again(elsewhere.rid + 7).answer).body, terminated('item-not-found'));
    there.stop();
  });

  test('a session of a node that is gone is not found', async () => {
    const dying = await fixture.another('c3');
    const there = await startBoshServer(dying);
    const orphan = new BoshClient(there.port);
    await orphan.signIn('orphan');
    const held = orphan.send();
    await new Promise((resolve) => void setTimeout(resolve, 30));
    await fixture.stopNode(dying);
    assert.match((await held.answer).body, terminated('system-shutdown'));
    there.stop();
    const elsewhere = client();
    Object.assign(elsewhere, { sid: orphan.sid, rid: orphan.rid });
    assert.match((await elsewhere.send().answer).body, terminated('item-not-found'));
  });
});
