/** XEP-0478 between servers: what a peer does not take is not sent, its sender is told, and what comes behind it arrives. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import type { TcpClient } from '../support/tcp-client.ts';
import { bodyOf, Ground } from './deployments.ts';
import { type FakePeer, NS_BIDI_FEATURE } from './fake-peer.ts';
import { TwoTenants } from './two-tenants.ts';

const stage = await TwoTenants.open();
const { juliet, romeo } = stage;
let peer: FakePeer;

after(() => stage.close());

beforeEach(async () => {
  peer = await stage.newPeer();
});

const say = (client: TcpClient, to: string, body: string, id = 'm') =>
  client.send(`<message to='${to}' type='chat' id='${id}'><body>${body}</body></message>`);
const large = (bytes: number) => 'x'.repeat(bytes);

for (const [client, tenant] of [
  [juliet, 'a.example'],
  [romeo, 'b.example'],
] as const) {
  test(`${tenant}, §4: a message that the peer does not take bounces, and the stream goes on`, async () => {
    peer.saysBytes = '20000';
    peer.takesBytes = 20_000;
    const nurse = `nurse@${peer.domain}`;
    say(client, nurse, 'first');
    await peer.until(() => peer.bodies.length === 1, 'the first');
    say(client, nurse, large(25_000), 'large');
    say(client, nurse, large(15_000), 'fits');
    say(client, nurse, 'last');
    const error = await client.next('message');
    assert.equal(error.attributes.id, 'large');
    assert.match(error.xml, /<policy-violation.*takes 20000 bytes at most/);
    await peer.until(() => peer.bodies.includes('last'), 'the last');
    assert.deepEqual(
      peer.bodies.map(({ length }) => length),
      [5, 15_000, 4],
    );
    assert.equal(peer.streams, 1);
  });
}

test('§4: a peer that says nothing ends the stream once for a message, and not again', async () => {
  peer.takesBytes = 20_000;
  const nurse = `nurse@${peer.domain}`;
  say(juliet, nurse, 'first');
  await peer.until(() => peer.bodies.length === 1, 'the first');
  say(juliet, nurse, large(15_000), 'fits');
  say(juliet, nurse, large(25_000), 'large');
  say(juliet, nurse, 'last');
  const error = await juliet.next('message');
  assert.equal(error.attributes.id, 'large');
  assert.match(error.xml, /<policy-violation/);
  await peer.until(() => peer.bodies.includes('last'), 'the last');
  assert.equal(peer.streams, 2);
});

for (const [what, said, isSent] of [
  ['less than RFC 6120 §13.12 allows for', '1', 9_000],
  ['no number', 'much', 25_000],
  ['nothing', '', 25_000],
] as const) {
  test(`a peer that says ${what} is sent ${isSent} bytes`, async () => {
    peer.saysBytes = said;
    say(juliet, `nurse@${peer.domain}`, 'first');
    await peer.until(() => peer.bodies.length === 1, 'the first');
    say(juliet, `nurse@${peer.domain}`, large(isSent));
    await peer.until(() => peer.bodies.length === 2, 'the second');
  });
}

test('§3.2: a peer that may send on our stream is told how large its stanzas may be', async () => {
  peer.bidi = NS_BIDI_FEATURE;
  say(juliet, `nurse@${peer.domain}`, 'hello');
  await peer.until(() => peer.bodies.length === 1, 'the message');
  assert.deepEqual(
    peer.bidiRequests.map((xml) => /<limits xmlns=["']urn:xmpp:stream-limits:0["']><max-bytes>(\d+)</.exec(xml)?.[1]),
    ['327680'],
  );
});

describe('two deployments', () => {
  for (const isCertified of [true, false]) {
    test(`a stanza that has grown beyond what the other takes, ${isCertified ? 'with certificates' : 'by dialback'}`, async () => {
      await using ground = await Ground.open();
      const a = await ground.deploy({ domains: ['c.example'], isCertified });
      const b = await ground.deploy({ domains: ['d.example'], isCertified });
      const client = await a.join('juliet@c.example/balcony');
      const other = await b.join('romeo@d.example/orchard');
      say(client, 'romeo@d.example', 'first');
      assert.equal(bodyOf((await other.next('message')).xml), 'first');
      const frame = `<message to='romeo@d.example' type='chat' id='large'><body></body></message>`;
      say(client, 'romeo@d.example', large(327_680 - frame.length), 'large'); // `from` is added to it
      say(client, 'romeo@d.example', 'last');
      const error = await client.next('message');
      assert.equal(error.attributes.id, 'large');
      assert.match(error.xml, /<policy-violation/);
      assert.equal(bodyOf((await other.next('message')).xml), 'last');
    });
  }
});
