/** The relay of XEP-0065: what a client says to it (RFC 1928), what passes and how fast, and what a hostile one tries. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { type MemoryBus, memoryBus } from '../../lib/adapters/memory-bus.ts';
import { activateAnswer, bytestreamSubject } from '../../lib/runtime/bytestream-wire.ts';
import { ask } from '../../lib/runtime/faults.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { BytestreamProxy } from '../../services/connection/bytestreams/bytestream-proxy.ts';
import { bytestreamLimits } from '../../services/connection/bytestreams/limits.ts';
import { until } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const methods = Buffer.from([5, 1, 0]);
const ok = Buffer.from([5, 0]);

let clock: ManualClock;
let bus: MemoryBus;
let proxy: BytestreamProxy;
let clients: Client[];
beforeEach(async () => {
  clock = new ManualClock();
  bus = memoryBus({ clock });
  proxy = await BytestreamProxy.start({ bus, clock, log: pino({ level: 'silent' }), bind: '127.0.0.1', port: 0 });
  clients = [];
});
afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await proxy.stop();
  await bus.close();
});

const hashOf = (text: string) => createHash('sha1').update(text).digest('hex');

function request(hash: string, more: { readonly command?: number; readonly type?: number; readonly port?: number } = {}): Buffer {
  const { command = 1, type = 3, port = 0 } = more;
  return Buffer.concat([
    Buffer.from([5, command, 0, type, hash.length]),
    Buffer.from(hash),
    Buffer.from([port >> 8, port & 255]),
  ]);
}

class Client {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  isClosed = false;

  constructor() {
    this.socket = connect({ port: proxy.address.port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.on('error', () => {});
    this.socket.on('end', () => {
      this.isClosed = true;
    });
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    clients.push(this);
  }

  async read(length: number): Promise<Buffer> {
    await until(() => this.received.length >= length || this.isClosed, `${length} bytes`);
    const found = this.received.subarray(0, length);
    this.received = this.received.subarray(length);
    return found;
  }

  async greet(hash: string): Promise<this> {
    this.socket.write(methods);
    assert.deepEqual(await this.read(2), ok);
    this.socket.write(request(hash));
    const answer = await this.read(47);
    assert.deepEqual([...answer.subarray(0, 5)], [5, 0, 0, 3, 40]);
    assert.equal(answer.toString('latin1', 5, 45), hash);
    return this;
  }

  async closes(): Promise<void> {
    await until(() => this.isClosed, 'the end of the connection');
  }
}

async function activate(hash: string, account = 'juliet@a.example'): Promise<string | undefined> {
  const payload = encodeFrame({ kind: 'activate', hash, account });
  return (await ask(bus, activateAnswer, bytestreamSubject, payload, 1_000)).take('refusal');
}

async function joined(hash: string, account?: string): Promise<[Client, Client]> {
  const target = await new Client().greet(hash);
  const initiator = await new Client().greet(hash);
  assert.equal(await activate(hash, account), undefined);
  return [target, initiator];
}

test('§5.3: two clients that name the same bytestream are joined when it is activated, and not before', async () => {
  const hash = hashOf('one');
  const target = await new Client().greet(hash);
  assert.equal(await activate(hash), 'not-allowed', 'one side is missing');
  const initiator = await new Client().greet(hash);
  initiator.socket.write('too early, ');
  await pause(30);
  assert.equal(target.received.length, 0);
  assert.equal(await activate(hash), undefined);
  initiator.socket.write('and the rest');
  assert.equal((await target.read(23)).toString(), 'too early, and the rest');
  target.socket.write('thanks');
  assert.equal((await initiator.read(6)).toString(), 'thanks');
  initiator.socket.end();
  await target.closes();
  target.socket.write('bye');
  assert.equal((await initiator.read(3)).toString(), 'bye', 'the other direction is still open');
  target.socket.end();
  await initiator.closes();
  await until(() => proxy.stats.connections === 0 && proxy.stats.active === 0, 'everything is forgotten');
  assert.equal(proxy.stats.bytes, 23 + 6 + 3);
});

test('a greeting may come byte by byte, or in one piece with what follows', async () => {
  const hash = hashOf('bytes');
  const slow = new Client();
  for (const byte of Buffer.concat([methods, request(hash)])) {
    slow.socket.write(Buffer.from([byte]));
    await pause(1);
  }
  await slow.read(49);
  const quick = new Client();
  quick.socket.write(Buffer.concat([methods, request(hash), Buffer.from('data')]));
  await quick.read(49);
  assert.equal(await activate(hash), undefined);
  assert.equal((await slow.read(4)).toString(), 'data');
});

test('who asks for what nobody has connected to is told so', async () => {
  assert.equal(await activate(hashOf('nothing')), 'item-not-found');
  const hash = hashOf('once');
  await joined(hash);
  assert.equal(await activate(hash), 'item-not-found', 'it is active already');
});

test('two bytestreams do not meet, and a third connection gets into none', async () => {
  const [a1, a2] = await joined(hashOf('a'), 'juliet@a.example');
  const [b1, b2] = await joined(hashOf('b'), 'juliet@b.example');
  a2.socket.write('of a');
  b2.socket.write('of b');
  assert.equal((await a1.read(4)).toString(), 'of a');
  assert.equal((await b1.read(4)).toString(), 'of b');
  const hash = hashOf('c');
  await new Client().greet(hash);
  await new Client().greet(hash);
  const third = new Client();
  third.socket.write(Buffer.concat([methods, request(hash)]));
  await third.closes();
  assert.equal(third.received.length, 2);
  assert.equal(await activate(hash), undefined);
});

describe('a client that does not speak as it must is refused', () => {
  for (const [what, bytes, answer] of [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), []],
    ['SOCKS4', Buffer.from([4, 1, 0, 80, 1, 2, 3, 4, 0]), []],
    ['authentication alone', Buffer.from([5, 1, 2]), [5, 0xff]],
    ['BIND', Buffer.concat([methods, request(hashOf('x'), { command: 2 })]), [5, 0, 5, 7]],
    ['UDP', Buffer.concat([methods, request(hashOf('x'), { command: 3 })]), [5, 0, 5, 7]],
    ['an IPv4 address', Buffer.concat([methods, Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, 0, 80])]), [5, 0, 5, 8]],
    ['a name in place of a hash', Buffer.concat([methods, request('localhost')]), [5, 0, 5, 4]],
    ['forty other characters', Buffer.concat([methods, request('z'.repeat(40))]), [5, 0, 5, 4]],
    ['a port', Buffer.concat([methods, request(hashOf('x'), { port: 22 })]), [5, 0, 5, 4]],
  ] as const) {
    test(what, async () => {
      const client = new Client();
      client.socket.write(bytes);
      await client.closes();
      assert.deepEqual([...client.received.subarray(0, 4)], [...answer]);
      await until(() => proxy.stats.connections === 0, 'it is forgotten');
    });
  }
});

test('who is silent, or waits for too long, or passes nothing on, is ended', async () => {
  const silent = new Client();
  const waiting = await new Client().greet(hashOf('waiting'));
  const [one, other] = await joined(hashOf('idle'));
  await clock.advance(bytestreamLimits.greetingMs);
  await silent.closes();
  assert.equal(waiting.isClosed, false);
  await clock.advance(bytestreamLimits.activationMs);
  await waiting.closes();
  one.socket.write('x');
  await other.read(1);
  await clock.advance(bytestreamLimits.idleMs - 1_000);
  assert.equal(other.isClosed, false);
  await clock.advance(1_000);
  await one.closes();
  await other.closes();
  assert.equal(await activate(hashOf('waiting')), 'item-not-found');
});

test('a connection that breaks ends the other one, so that half a file is not taken for a whole one', async () => {
  const [one, other] = await joined(hashOf('broken'));
  one.socket.write('half');
  await other.read(4);
  let error: Error | undefined;
  other.socket.on('error', (found) => {
    error = found;
  });
  one.socket.resetAndDestroy();
  await other.closes();
  await until(() => proxy.stats.active === 0, 'it is over');
  assert.equal(error, undefined);
});

test('an account has a number of bytestreams at once', async () => {
  for (let count = 0; count < bytestreamLimits.perAccountMax; count++) await joined(hashOf(`n${count}`), 'juliet@a.example');
  const hash = hashOf('more');
  await new Client().greet(hash);
  await new Client().greet(hash);
  assert.equal(await activate(hash, 'juliet@a.example'), 'resource-constraint');
  assert.equal(await activate(hash, 'juliet@b.example'), undefined);
});

test('bytes pass at the rate of a bytestream, and the sender is slowed down', async () => {
  const [one, other] = await joined(hashOf('rate'));
  const { bytesBurst, bytesPerSecond } = bytestreamLimits;
  const size = bytesBurst + 4 * bytesPerSecond;
  const file = Buffer.alloc(size, 'abcdefgh');
  let written = false;
  one.socket.write(file, () => {
    written = true;
  });
  const passed = async () => {
    let before = -1;
    for (let still = 0; still < 5; before = other.received.length) {
      still = before === other.received.length ? still + 1 : 0;
      await pause(20);
    }
    return other.received.length;
  };
  const first = await passed();
  assert.ok(first >= bytesBurst && first < bytesBurst + 256 * 1024, `${first} at once`);
  assert.equal(written, false);
  await clock.advance(1_000);
  const second = await passed();
  assert.ok(second - first > bytesPerSecond / 2 && second - first < bytesPerSecond + 512 * 1024, `${second - first} in a second`);
  for (let seconds = 0; seconds < 6; seconds++) {
    await clock.advance(1_000);
    await passed();
  }
  await until(() => other.received.length === size, 'the rest');
  assert.ok(other.received.equals(file));
});
