/** What hostile servers try besides what inbound.test.ts shows: they are slow, deaf, huge, or pass for what they are not. test/README.md has the list. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { bodyOf } from './deployments.ts';
import { FakePeer, type PeerClient } from './fake-peer.ts';
import { endsWith, TwoTenants } from './two-tenants.ts';

const stage = await TwoTenants.open();
const { ground, skylark, juliet, romeo } = stage;
const honest = await FakePeer.start(ground, { domain: 'honest.example' });
let servers = 0;

after(() => stage.close());

/** Another server and another tenant do not notice. */
async function othersAreServed(): Promise<void> {
  const body = `served ${Math.random()}`;
  romeo.send(`<message to='nurse@honest.example' type='chat'><body>${body}</body></message>`);
  await honest.until(() => honest.bodies.includes(body), 'the message of another tenant');
  const stream = await stage.proven(honest, 'b.example');
  stream.send(`<message from='nurse@honest.example' to='romeo@b.example' type='chat'><body>${body}</body></message>`);
  await romeo.next(({ xml }) => bodyOf(xml) === body);
  stream.link.destroy('done');
}

/** A server of its own kind. @returns its domain */
async function rawServer(accept: (socket: Socket) => void): Promise<string> {
  const domain = `raw${++servers}.example`;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ground.publish(domain, { s2s: (server.address() as AddressInfo).port });
  ground.disposals.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return domain;
}

/** @returns the error that a message comes back with */
async function bounceFrom(domain: string, id: string): Promise<string> {
  juliet.send(`<message to='nurse@${domain}' type='chat' id='${id}'><body>hello</body></message>`);
  for (let waited = 0; waited < 60_000; waited += 100) {
    const bounce = juliet.received.find(({ attributes }) => attributes.id === id);
    if (bounce !== undefined) return bounce.xml;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no answer to ${id}`);
}

describe('dialback', () => {
  test('verdicts for another pair or another stream say nothing of this one', async () => {
    const peer = await stage.newPeer();
    peer.verdicts = ({ from, to, id }) => [
      `<db:verify from='${to}' to='${from}' id='another' type='valid'/>`,
      `<db:verify from='${to}' to='b.example' id='${id}' type='valid'/>`,
      `<db:verify from='honest.example' to='${from}' id='${id}' type='valid'/>`,
      `<db:verify from='${to}' to='${from}' id='${id}' type='invalid'/>`,
    ];
    const stream = await peer.dial(skylark, 'a.example');
    await stream.open();
    assert.match(await stream.prove(), /type='invalid'/);
  });

  test('nobody vouches for himself on the stream that he has opened', async () => {
    const peer = await stage.newPeer();
    peer.verdicts = () => [];
    const stream = await peer.dial(skylark, 'a.example');
    await stream.open();
    stream.send(`<db:result from='${peer.domain}' to='a.example'>key</db:result>`);
    stream.send(`<db:verify from='${peer.domain}' to='a.example' id='${stream.id}' type='valid'/>`);
    await endsWith(stream, 'not-authorized');
  });

  test('an authority that does not answer is waited for so long', { timeout: 60_000 }, async () => {
    const peer = await stage.newPeer();
    peer.verdicts = () => [];
    const stream = await peer.dial(skylark, 'a.example');
    await stream.open();
    assert.match(await stream.prove(), /type='error'.*<remote-server-timeout/);
    await othersAreServed();
  });
});

describe('a peer that', () => {
  test('never reads has its bound, beyond which senders are told; others are served', { timeout: 60_000 }, async () => {
    const peer = await stage.newPeer();
    peer.isDeaf = true;
    const body = 'x'.repeat(100_000);
    for (let index = 0; index < 120; index++)
      juliet.send(`<message to='nurse@${peer.domain}' type='chat' id='big${index}'><body>${body}</body></message>`);
    const bounce = await juliet.next(({ attributes }) => attributes.id?.startsWith('big') === true);
    assert.match(bounce.xml, /<resource-constraint/);
    await othersAreServed();
    await skylark.setPolicy('a.example', { block: [peer.domain] });
    await skylark.settle(20_000);
    await skylark.setPolicy('a.example', { block: [] });
  });

  test('accepts and resets, or closes at once, is a server that cannot be reached', { timeout: 60_000 }, async () => {
    await skylark.setPolicy('a.example', { hold: 0 });
    const resetting = await rawServer((socket) => socket.resetAndDestroy());
    const closing = await rawServer((socket) => socket.end());
    assert.match(await bounceFrom(resetting, 'reset'), /<remote-server-timeout/);
    assert.match(await bounceFrom(closing, 'closed'), /<remote-server-timeout/);
    await othersAreServed();
    await skylark.setPolicy('a.example', { hold: 3_600 });
  });

  test('dribbles its header is given up', { timeout: 90_000 }, async () => {
    await skylark.setPolicy('a.example', { hold: 0 });
    const timers: NodeJS.Timeout[] = [];
    const domain = await rawServer((socket) => {
      timers.push(setInterval(() => socket.write(' '), 200));
    });
    const begun = performance.now();
    assert.match(await bounceFrom(domain, 'dribble'), /<remote-server-timeout/);
    assert.ok(performance.now() - begun < 45_000);
    for (const timer of timers) clearInterval(timer);
    await skylark.setPolicy('a.example', { hold: 3_600 });
  });

  test('sends features without end, or garbage, is given up', { timeout: 60_000 }, async () => {
    await skylark.setPolicy('a.example', { hold: 0 });
    const header = `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' id='x' version='1.0'>`;
    const endless = await rawServer((socket) => {
      socket.write(`${header}<stream:features><x xmlns='x'>`);
      const pour = () => {
        while (!socket.destroyed && socket.write('x'.repeat(64 * 1024)));
      };
      socket.on('drain', pour);
      pour();
    });
    const garbage = await rawServer((socket) => socket.write(Buffer.alloc(4_096, 0xff)));
    assert.match(await bounceFrom(endless, 'endless'), /<remote-server-timeout/);
    assert.match(await bounceFrom(garbage, 'garbage'), /<remote-server-timeout/);
    await othersAreServed();
    await skylark.setPolicy('a.example', { hold: 3_600 });
  });

  test('sends a stanza of 12 MB is closed before it is there', async () => {
    const stream = await stage.proven(await stage.newPeer());
    stream.send(`<message from='nurse@${stream.from}' to='juliet@a.example'><body>`);
    const chunk = 'x'.repeat(256 * 1024);
    for (let sent = 0; sent < 12 * 1024 * 1024 && !stream.link.isClosed; sent += chunk.length) {
      stream.send(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const heard = await stream.next();
    assert.ok(heard === 'closed' || /policy-violation/.test(heard), heard);
    assert.ok(!juliet.received.some(({ xml }) => xml.length > 1_000_000));
    await othersAreServed();
  });

  test('sends entities that would grow is closed', async () => {
    const stream = await stage.proven(await stage.newPeer());
    stream.send(`<message from='nurse@${stream.from}' to='juliet@a.example'><body>&lol9;</body></message>`);
    await endsWith(stream, 'restricted-xml');
  });
});

describe('what only our own server may say is not believed of another one', () => {
  let peer: FakePeer;
  let stream: PeerClient;
  before(async () => {
    peer = await stage.newPeer();
    stream = await stage.proven(peer);
  });

  const inner = `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='romeo@b.example' to='juliet@a.example'><body>forged</body></message></forwarded>`;
  for (const [what, child] of [
    ['a carbon that was received', `<received xmlns='urn:xmpp:carbons:2'>${inner}</received>`],
    ['a carbon that was sent', `<sent xmlns='urn:xmpp:carbons:2'>${inner}</sent>`],
    ['the id of an archive', `<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@a.example' id='forged'/>`],
  ] as const) {
    test(what, async () => {
      stream.send(
        `<message from='nurse@${peer.domain}' to='juliet@a.example/balcony' type='chat'><body>${what}</body>${child}</message>`,
      );
      const { xml } = await juliet.next((element) => element.name === 'message' && element.xml.includes(what));
      assert.doesNotMatch(xml, /forged/);
    });
  }

  test('a result of an archive is of the archive that sends it, as those of rooms there are, and never of ours', async () => {
    const result = `<result xmlns='urn:xmpp:mam:2' queryid='q' id='1'>${inner}</result>`;
    stream.send(`<message from='nurse@${peer.domain}' to='juliet@a.example/balcony' id='mam'>${result}</message>`);
    const { attributes } = await juliet.next((element) => element.attributes.id === 'mam');
    assert.equal(attributes.from, `nurse@${peer.domain}`);
  });

  test('a push of the roster', async () => {
    stream.send(
      `<iq type='set' id='push' from='nurse@${peer.domain}' to='juliet@a.example/balcony'><query xmlns='jabber:iq:roster'><item jid='nurse@${peer.domain}' subscription='both'/></query></iq>`,
    );
    stream.send(`<message from='nurse@${peer.domain}' to='juliet@a.example/balcony' type='chat'><body>behind</body></message>`);
    await juliet.next(({ xml }) => xml.includes('behind'));
    assert.ok(!juliet.received.some(({ attributes }) => attributes.id === 'push'));
    const roster = await juliet.ask('roster', `<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
    assert.ok(!roster.xml.includes(peer.domain));
  });
});
