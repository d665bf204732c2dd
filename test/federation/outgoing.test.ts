/**
 * What leaves for another server, and what becomes of it when that server breaks, freezes, dies or is not there: RFC 6120, XEP-0198,
 * XEP-0199, XEP-0203.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TcpClient } from '../support/tcp-client.ts';
import { bodyOf, type Deployment, Ground } from './deployments.ts';
import { FakePeer } from './fake-peer.ts';

let ground: Ground;
let skylark: Deployment;
let peers = 0;

before(async () => {
  ground = await Ground.open();
  skylark = await ground.deploy({ domains: ['a.example', 'b.example'] });
});

after(() => ground[Symbol.asyncDispose]());

const newPeer = () => FakePeer.start(ground, { domain: `peer${++peers}.example` });

async function say(client: TcpClient, to: string, ...bodies: readonly string[]): Promise<void> {
  for (const body of bodies) client.send(`<message to='${to}' type='chat'><body>${body}</body></message>`);
  const id = `said-${Math.random()}`;
  await client.ask(id, `<iq type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`);
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`);

for (const domain of ['a.example', 'b.example']) {
  test(`${domain}: messages, presence and requests leave from their sender, in order`, async () => {
    const peer = await newPeer();
    const client = await skylark.join(`juliet@${domain}/balcony`);
    await say(client, `romeo@${peer.domain}`, ...numbers(1, 50));
    client.send(`<presence to='romeo@${peer.domain}/x'/>`);
    client.send(`<iq type='get' id='v' to='${peer.domain}'><query xmlns='jabber:iq:version'/></iq>`);
    await peer.until(() => peer.received.length === 52, '52 stanzas');
    assert.deepEqual(peer.bodies, numbers(1, 50));
    for (const xml of peer.received) assert.match(xml, new RegExp(`from='juliet@${domain}/balcony'`));
    assert.match(peer.received[50]!, /^<presence /);
    assert.match(peer.received[51]!, /jabber:iq:version/);
  });
}

test('a stream that breaks: what was not confirmed comes again, in order, and what was does not', async () => {
  const peer = await newPeer();
  const client = await skylark.join('juliet@a.example/one');
  await say(client, `romeo@${peer.domain}`, 'confirmed');
  await peer.until(() => peer.bodies.length === 1, 'the first');
  await skylark.settle();
  peer.isConfirming = false;
  await say(client, `romeo@${peer.domain}`, ...numbers(1, 20));
  await peer.until(() => peer.bodies.length === 21, 'twenty more');
  peer.isConfirming = true;
  peer.breakStreams();
  await peer.until(() => peer.bodies.length === 41, 'twenty again');
  assert.deepEqual(peer.bodies.slice(21), numbers(1, 20));
  await skylark.settle();
});

test('a peer that dies with what its socket has taken gets it when it is back', async () => {
  const peer = await newPeer();
  const client = await skylark.join('juliet@a.example/two');
  await say(client, `romeo@${peer.domain}`, 'hello');
  await peer.until(() => peer.bodies.length === 1, 'the first');
  peer.isConfirming = false;
  await say(client, `romeo@${peer.domain}`, ...numbers(1, 100));
  await peer.kill();
  peer.received.length = 0;
  await say(client, `romeo@${peer.domain}`, ...numbers(101, 110));
  peer.isConfirming = true;
  await peer.start();
  await peer.until(() => new Set(peer.bodies).size >= 110, 'all of it');
  assert.deepEqual(
    [...new Set(peer.bodies)].filter((body) => body !== 'hello'),
    numbers(1, 110),
  );
});

test('what waits outlives the process that wrote it', async () => {
  const peer = await newPeer();
  await peer.kill();
  const other = await ground.deploy({ domains: ['c.example'] });
  const client = await other.join('juliet@c.example/three');
  await say(client, `romeo@${peer.domain}`, ...numbers(1, 30));
  await other.stop();
  await peer.start(); // before the next process begins, which would wait for longer and longer between its tries
  await other.start();
  await peer.until(() => new Set(peer.bodies).size === 30, 'all of it');
  assert.deepEqual([...new Set(peer.bodies)], numbers(1, 30));
});

test('XEP-0199: a peer without XEP-0198 confirms by an answer to a ping, and nothing comes twice', async () => {
  const peer = await newPeer();
  peer.hasAcks = false;
  const pings: string[] = [];
  peer.onPing = async ({ attributes: { id, from } }) => {
    pings.push(id!);
    const stream = await peer.dial(skylark, from!);
    await stream.open();
    await stream.prove();
    stream.send(`<iq type='result' id='${id}' from='${peer.domain}' to='${from}'/>`);
  };
  const client = await skylark.join('juliet@a.example/four');
  await say(client, `romeo@${peer.domain}`, ...numbers(1, 5));
  await peer.until(() => pings.length > 0, 'a ping');
  await skylark.settle();
  peer.breakStreams();
  await say(client, `romeo@${peer.domain}`, 'last');
  await peer.until(() => peer.bodies.includes('last'), 'the last');
  assert.deepEqual(peer.bodies, [...numbers(1, 5), 'last']);
});

test('a peer that confirms nothing is asked by a closing tag, and its answer confirms', { timeout: 60_000 }, async () => {
  const peer = await newPeer();
  peer.hasAcks = false;
  const client = await skylark.join('juliet@a.example/five');
  await say(client, `romeo@${peer.domain}`, 'once');
  await peer.until(() => peer.bodies.length === 1, 'the message');
  await skylark.settle(30_000);
  await say(client, `romeo@${peer.domain}`, 'more');
  await peer.until(() => peer.bodies.includes('more'), 'the next');
  assert.deepEqual(peer.bodies, ['once', 'more']);
});

describe('at once', () => {
  test('a message and a request to a domain that does not exist are answered with an error', async () => {
    const client = await skylark.join('juliet@a.example/six');
    client.send(`<message to='romeo@nowhere.example' type='chat' id='m'><body>hello</body></message>`);
    const error = await client.next(({ attributes }) => attributes.id === 'm');
    assert.match(error.xml, /type="error".*remote-server-not-found/);
    assert.equal(error.attributes.from, 'romeo@nowhere.example');
    client.send(`<iq to='nowhere.example' type='get' id='i'><ping xmlns='urn:xmpp:ping'/></iq>`);
    assert.match((await client.next(({ attributes }) => attributes.id === 'i')).xml, /remote-server-not-found/);
  });

  test('an error never bounces', async () => {
    const client = await skylark.join('juliet@a.example/seven');
    client.send(`<message to='romeo@nowhere.example' type='error' id='e'><error type='cancel'/></message>`);
    await say(client, 'romeo@nowhere.example', 'hello');
    const first = await client.next('message');
    assert.notEqual(first.attributes.id, 'e');
  });
});

test('XEP-0203: what had to wait says since when', { timeout: 60_000 }, async () => {
  const peer = await newPeer();
  await peer.kill();
  const client = await skylark.join('juliet@a.example/eight');
  const begun = Date.now();
  await say(client, `romeo@${peer.domain}`, 'late');
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  await peer.start();
  await peer.until(() => peer.bodies.length === 1, 'the message');
  const stamp = /<delay xmlns='urn:xmpp:delay' from='a.example' stamp='([^']+)'/.exec(peer.received[0]!)?.[1];
  assert.ok(Math.abs(Date.parse(stamp!) - begun) < 2_000, peer.received[0]);
});

test('of presence that had to wait, only the last comes', async () => {
  const peer = await newPeer();
  await peer.kill();
  const client = await skylark.join('juliet@a.example/nine');
  for (const show of ['away', 'dnd', 'xa']) client.send(`<presence to='romeo@${peer.domain}/x'><show>${show}</show></presence>`);
  await say(client, `romeo@${peer.domain}`, 'hello');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await peer.start();
  await peer.until(() => peer.bodies.length === 1, 'the message');
  const shows = peer.received.flatMap((xml) => /<show>(\w+)/.exec(xml)?.[1] ?? []);
  assert.deepEqual(shows, ['xa']);
});

test('of presence that had to wait, an entry into a room comes before the change of status behind it', async () => {
  const peer = await newPeer();
  await peer.kill();
  const client = await skylark.join('juliet@a.example/eleven');
  const room = `hall@${peer.domain}/juliet`;
  const muc = `<x xmlns='http://jabber.org/protocol/muc'/>`;
  for (const child of ['<show>away</show>', muc, '<show>dnd</show>', '<show>xa</show>'])
    client.send(`<presence to='${room}'>${child}</presence>`);
  await say(client, `romeo@${peer.domain}`, 'hello');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await peer.start();
  await peer.until(() => peer.bodies.length === 1, 'the message');
  const presences = peer.received.filter((xml) => xml.startsWith('<presence'));
  assert.deepEqual(
    presences.map((xml) => /<show>(\w+)/.exec(xml)?.[1] ?? (xml.includes('protocol/muc') ? 'enters' : xml)),
    ['enters', 'xa'],
  );
});

test('a reply of a stranger reaches the one it is for', async () => {
  const peer = await newPeer();
  const client = await skylark.join('juliet@b.example/ten');
  const stream = await peer.dial(skylark, 'b.example');
  await stream.open();
  await stream.prove();
  stream.send(`<message from='romeo@${peer.domain}/x' to='juliet@b.example/ten' type='chat'><body>for you</body></message>`);
  assert.equal(bodyOf((await client.next('message')).xml), 'for you');
});
