/** XEP-0288 on streams that we have opened: the other server sends on them, too, and is held to what holds on a stream of its own. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { bodyOf } from './deployments.ts';
import { type FakePeer, NS_BIDI, NS_BIDI_FEATURE, NS_SM, type PeerClient } from './fake-peer.ts';
import { TwoTenants } from './two-tenants.ts';

const stage = await TwoTenants.open();
const { ground, skylark, juliet, romeo } = stage;
let peer: FakePeer;

after(() => stage.close());

beforeEach(async () => {
  peer = await stage.newPeer();
  peer.bidi = NS_BIDI_FEATURE;
});

const message = (body: string, from = `nurse@${peer.domain}/x`, to = 'juliet@a.example/balcony') =>
  `<message from='${from}' to='${to}' type='chat'><body>${body}</body></message>`;

/** Somebody here has written to the peer, so that there is a stream. */
async function opened(body = 'hello', client = juliet): Promise<PeerClient> {
  client.send(`<message to='nurse@${peer.domain}' type='chat'><body>${body}</body></message>`);
  await peer.until(() => peer.bodies.includes(body), body);
  return peer.bothWays.at(-1)!;
}

for (const [client, address] of [
  [() => juliet, 'juliet@a.example/balcony'],
  [() => romeo, 'romeo@b.example/orchard'],
] as const) {
  test(`${address}: what the other server sends back on our stream arrives, and it opens none of its own`, async () => {
    const stream = await opened(`to ${peer.domain}`, client());
    for (const body of ['one', 'two', 'three']) stream.send(message(body, undefined, address));
    for (const body of ['one', 'two', 'three']) assert.equal(bodyOf((await client().next('message')).xml), body);
    assert.equal(peer.streams, 1);
    assert.equal(peer.bidiAsked, 1);
  });
}

test('XEP-0198: `h` counts what routers have taken, from where counting began', async () => {
  const stream = await opened();
  for (const body of ['one', 'two']) stream.send(message(body));
  stream.send(`<r xmlns='${NS_SM}'/>`);
  for (const body of ['one', 'two']) assert.equal(bodyOf((await juliet.next('message')).xml), body);
  await peer.until(() => peer.acknowledged.includes('2'), 'two are acknowledged');
});

test('XEP-0199: an answer to a ping that comes back on our stream confirms, and is nobody’s business', async () => {
  peer.hasAcks = false;
  peer.onPing = ({ attributes: { id, from } }) =>
    peer.bothWays.at(-1)!.send(`<iq type='result' id='${id}' from='${peer.domain}' to='${from}'/>`);
  await opened();
  await skylark.settle(5_000);
  assert.equal(peer.streams, 1);
});

test('RFC 6120 §4.4: our closing tag comes when all that was sent is taken', async () => {
  const stream = await opened();
  await skylark.settle();
  for (let count = 0; count < 100; count++) stream.send(message(`m${count}`));
  stream.send('</stream:stream>');
  for (let count = 0; count < 100; count++) assert.equal(bodyOf((await juliet.next('message')).xml), `m${count}`);
  await peer.until(() => peer.acknowledged.includes('100'), 'all to be acknowledged before the end');
});

test('what comes before the end of a process is handed over, or is not acknowledged', async () => {
  const other = await ground.deploy({ domains: ['c.example'] });
  const paris = await other.join('paris@c.example/tomb');
  paris.send(`<message to='nurse@${peer.domain}' type='chat'><body>hello</body></message>`);
  await peer.until(() => peer.bodies.length === 1, 'the message');
  peer.bothWays[0]!.send(message('last', undefined, 'paris@c.example/tomb'));
  assert.equal(bodyOf((await paris.next('message')).xml), 'last');
  await other.stop();
  assert.deepEqual(peer.acknowledged, ['1']);
});

test('§2.2: another domain of the peer is not let in on our stream, which goes on', async () => {
  const stream = await opened();
  stream.send(`<db:result from='rooms.${peer.domain}' to='a.example'>a key</db:result>`);
  await peer.until(() => peer.asked.some((xml) => /type=["']error["']/.test(xml)), 'an error of dialback');
  stream.send(message('still here'));
  assert.equal(bodyOf((await juliet.next('message')).xml), 'still here');
});

describe('a peer that', () => {
  test('does not offer it is not asked, and may not send', async () => {
    peer.bidi = undefined;
    await opened();
    assert.deepEqual([peer.bidiAsked, peer.bothWays.length], [0, 0]);
  });

  test('announces it by the namespace of the request, as ejabberd did, is not asked', async () => {
    peer.bidi = NS_BIDI;
    await opened();
    assert.equal(peer.bidiAsked, 0);
  });

  test('ends streams on which it is asked for is done without it, and nothing is lost', { timeout: 60_000 }, async () => {
    peer.hatesBidi = true;
    await opened('in the end');
    await skylark.settle();
    assert.equal(peer.bidiAsked, 1);
    peer.breakStreams();
    await opened('again');
    assert.equal(peer.bidiAsked, 1, 'it is remembered');
  });

  test('loses answers to pings on it is done without it', { timeout: 60_000 }, async () => {
    peer.hasAcks = false;
    await opened();
    await skylark.settle(30_000);
    await opened('next');
    assert.equal(peer.bidiAsked, 1);
    assert.equal(peer.streams, 2);
  });

  test('sends stanzas before it has let us in is closed, and they are not taken', async () => {
    peer.onEarly = (stream) => {
      stream.send(message('too early'));
      peer.onEarly = undefined;
    };
    await opened('in the end');
    assert.match(peer.errors.join(), /<not-authorized/);
    assert.ok(!juliet.received.some(({ xml }) => xml.includes('too early')));
  });

  for (const [what, from, to, condition] of [
    ['from another domain', 'nurse@other.example', 'juliet@a.example', 'invalid-from'],
    ['from one of ours', 'romeo@b.example', 'juliet@a.example', 'invalid-from'],
    ['to another domain of ours', undefined, 'romeo@b.example', 'host-unknown'],
    ['to a domain that is not here', undefined, 'romeo@elsewhere.example', 'host-unknown'],
    ['without an address', '', 'juliet@a.example', 'improper-addressing'],
  ] as const) {
    test(`sends a stanza ${what} is closed with ${condition}`, async () => {
      const stream = await opened();
      await skylark.settle();
      stream.send(message('stray', from, to));
      await peer.until(() => peer.errors.length > 0, 'an error');
      assert.match(peer.errors[0]!, new RegExp(`<${condition} `));
      for (const client of [juliet, romeo]) assert.ok(!client.received.some(({ xml }) => xml.includes('stray')));
    });
  }

  test('sends what is too large, or entities, is closed, and others are served', async () => {
    for (const [body, condition] of [
      ['x'.repeat(2_000_000), 'policy-violation'],
      ['&lol9;', 'restricted-xml'],
    ] as const) {
      peer.errors.length = 0;
      const stream = await opened(`before ${condition}`);
      await skylark.settle();
      stream.send(message(body));
      await peer.until(() => peer.errors.length > 0, condition);
      assert.match(peer.errors[0]!, new RegExp(`<${condition} `));
    }
    await opened('after', romeo);
  });

  test('is not allowed any more cannot send on the stream that is open', async () => {
    const stream = await opened();
    await skylark.settle();
    await skylark.setPolicy('a.example', { block: [peer.domain] });
    let sent = 0;
    for (; peer.errors.length + peer.closed === 0; sent++) {
      stream.send(message(`forbidden ${sent}`));
      await new Promise((resolve) => setTimeout(resolve, 50)); // the policy is felt within a second
    }
    await skylark.setPolicy('a.example', { block: [] });
    assert.ok(sent < 100, `${sent} stanzas were sent in the meantime`);
    assert.doesNotMatch(peer.errors.join(), /internal-server-error/);
  });

  // Behind the others: what these have not read waits for ever.
  test('reads nothing more is still heard, and others are served', async () => {
    peer.isDeaf = true;
    juliet.send(`<message to='nurse@${peer.domain}' type='chat'><body>unread</body></message>`);
    await peer.until(() => peer.bothWays.length > 0, 'a stream');
    for (const body of ['one', 'two']) peer.bothWays[0]!.send(message(body));
    for (const body of ['one', 'two']) await juliet.next(({ xml }) => bodyOf(xml) === body);
    const honest = await stage.newPeer();
    romeo.send(`<message to='nurse@${honest.domain}' type='chat'><body>served</body></message>`);
    await honest.until(() => honest.bodies.includes('served'), 'the message of another tenant');
  });

  test('asks without end how much was taken, and reads nothing, is closed', { timeout: 90_000 }, async () => {
    peer.isDeaf = true;
    juliet.send(`<message to='nurse@${peer.domain}' type='chat'><body>unread</body></message>`);
    await peer.until(() => peer.bothWays.length > 0, 'a stream');
    const [{ link }] = peer.bothWays as [PeerClient];
    const ended = () => skylark.log.some((line) => line.includes(peer.domain) && line.includes('does not read'));
    const requests = `<r xmlns='${NS_SM}'/>`.repeat(1_000);
    for (let sent = 0; sent < 2_000 && !ended() && !link.isClosed; sent++) {
      link.write(requests);
      while (link.socket.writableLength > 1_000_000 && !ended() && !link.isClosed)
        await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(ended(), 'the stream has ended');
  });
});
