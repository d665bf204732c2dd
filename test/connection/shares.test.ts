/** What one account may send and what one address may hold at a node, and that others do not notice. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { Allowances } from '../../lib/runtime/allowance.ts';
import { Admission } from '../../services/connection/door/admission.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { type Fixture, startFixture, until } from './fixture.ts';
import { ManualClock, settled } from './manual-clock.ts';

describe('what an account sends', () => {
  const rates = { stanzas: { perSecond: 10, burst: 100 }, bytes: { perSecond: 1_000, burst: 10_000 } };
  for (const [what, count, bytes, waitMs] of [
    ['a burst of stanzas', 100, 10, 0],
    ['stanzas beyond the burst', 150, 10, 5_000],
    ['bytes beyond the burst', 15, 1_000, 5_000],
    ['one stanza that is larger than the burst', 1, 30_000, 20_000],
  ] as const) {
    test(`${what}: read again after ${waitMs} ms`, async () => {
      const clock = new ManualClock();
      const allowance = new Allowances(clock, rates, 100).of('juliet@example.org');
      for (let n = 0; n < count; n++) allowance.spend(bytes);
      assert.equal(allowance.waitMs, waitMs);
      let calls = 0;
      if (waitMs > 0) for (let n = 0; n < 3; n++) allowance.wait(() => calls++);
      await clock.advance(waitMs);
      assert.equal(calls, waitMs > 0 ? 1 : 0);
      assert.equal(allowance.waitMs, 0);
    });
  }

  test('counts over all its sessions, and not for others', () => {
    const allowances = new Allowances(new ManualClock(), rates, 100);
    const sessions = Array.from({ length: 30 }, () => allowances.of('juliet@example.org'));
    for (const session of sessions) for (let n = 0; n < 10; n++) session.spend(10);
    assert.equal(allowances.of('juliet@example.org').waitMs, 20_000);
    assert.equal(allowances.of('juliet@example.net').waitMs, 0);
    assert.equal(allowances.of('romeo@example.org').waitMs, 0);
  });
});

describe('what an address holds', () => {
  const ample = { perSecond: 1_000_000, burst: 1_000_000 };
  const rates = { accepts: ample, acceptsPerAddress: ample, opensPerTenant: ample, ready: ample };

  function hold(door: Admission, address: string, count: number): (() => void)[] {
    const ends: (() => void)[] = [];
    for (let n = 0; n < count; n++) if (door.mayConnect(address, (gone) => ends.push(gone)) === false) break;
    return ends;
  }

  test('so many whose clients have not signed in, over IPv4 and as an IPv6 network', () => {
    const door = new Admission(new ManualClock(), rates);
    for (const [address, same, other] of [
      ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2'],
      ['2001:db8::1', '2001:db8::ffff:1', '2001:db8:0:1::1'],
    ] as const) {
      const ends = hold(door, address, connectionLimits.strangersPerNetworkMax + 10);
      assert.equal(ends.length, connectionLimits.strangersPerNetworkMax);
      assert.equal(door.mayConnect(same), false);
      assert.equal(door.mayConnect(other), true);
      ends[0]!();
      assert.equal(door.mayConnect(same), true);
    }
  });

  test('more when they have signed in, up to a share of the node', () => {
    const door = new Admission(new ManualClock(), rates);
    let held = 0;
    for (;;) {
      const more = hold(door, '192.0.2.1', connectionLimits.strangersPerNetworkMax).length;
      if (more === 0) break;
      held += more;
      for (let n = 0; n < more; n++) door.signedIn('192.0.2.1', 1);
    }
    assert.equal(held, connectionLimits.socketsPerNetworkMax);
    assert.equal(door.mayConnect('192.0.2.2'), true);
  });

  test('and a proxy on this machine is not one of them', () => {
    const door = new Admission(new ManualClock(), rates);
    assert.equal(hold(door, '127.0.0.1', connectionLimits.socketsPerNetworkMax + 10).length, 0);
    assert.equal(door.mayConnect('127.0.0.1'), true);
  });
});

describe('a WebSocket before sign-in', () => {
  let fixture: Fixture;
  let server: Server;
  before(async () => {
    fixture = await startFixture();
    server = createServer();
    fixture.node.attachWebSocket(server, '/ws');
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    await fixture[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  const port = () => (server.address() as AddressInfo).port;

  async function opened(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${port()}/ws`, ['xmpp']);
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('open', resolve));
    return socket;
  }

  for (const [what, attack] of [
    ['one long message', (socket: WebSocket) => socket.send('x'.repeat(100_000))],
    [
      'a message in many fragments, never whole',
      (socket: WebSocket) => {
        for (let n = 0; n < 100; n++) socket.send('x'.repeat(1_000), { fin: false });
      },
    ],
    [
      'pings without end',
      (socket: WebSocket) => {
        for (let n = 0; n < 200; n++) socket.ping('x'.repeat(100));
      },
    ],
    [
      'many short messages',
      (socket: WebSocket) => {
        for (let n = 0; n < 2_000; n++) socket.send(' ');
      },
    ],
  ] as const) {
    test(`${what}: the stream ends`, async () => {
      const socket = await opened();
      let closed = false;
      socket.on('close', () => {
        closed = true;
      });
      attack(socket);
      await until(() => closed, 'the end of the WebSocket');
    });
  }

  test('a frame that is announced as long and comes slowly: the stream ends before it is there', async () => {
    const key = Buffer.alloc(16).toString('base64');
    const upgrade = `GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
    const socket = connect(port(), '127.0.0.1');
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.write(upgrade);
    await until(() => text.includes('101 Switching'), 'the upgrade');
    const head = Buffer.alloc(14);
    head[0] = 0x81;
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(400_000n, 2);
    socket.write(head);
    let written = 0;
    for (; written < 400_000 && !text.includes('policy-violation'); written += 1_000) {
      socket.write(Buffer.alloc(1_000, 'x'));
      await settled();
    }
    assert.ok(text.includes('policy-violation'));
    socket.destroy();
  });

  test('after sign-in long messages are read', async () => {
    const socket = await opened();
    const heard: string[] = [];
    socket.on('message', (data) => heard.push(data.toString()));
    const hears = (word: string) => until(() => heard.some((text) => text.includes(word)), word);
    socket.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0'/>");
    await hears('features');
    const data = Buffer.from('\0juliet\0right').toString('base64');
    socket.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${data}</auth>`);
    await hears('success');
    socket.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0'/>");
    await hears('bind');
    socket.send(`<iq xmlns='jabber:client' type='get' id='long'><q xmlns='x'>${'x'.repeat(100_000)}</q></iq>`);
    await hears("id='long'");
    socket.terminate();
  });
});
