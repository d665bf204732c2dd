/** The bus between processes of one machine: the contract over real sockets, and what happens when either side ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { socketBus } from '../../lib/adapters/socket-bus.ts';
import { socketHub } from '../../lib/adapters/socket-hub.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { busContract } from '../contracts/bus.contract.ts';

/** Timers that keep the process alive: sockets do that too, but not after a close. */
const clock: Clock = {
  ...systemClock,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

async function open() {
  const hub = socketHub({ clock });
  const server = createServer((socket) => hub.attach(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dial = async (): Promise<Socket> => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const close = async () => {
    await hub.close();
    server.close();
  };
  return { hub, dial, close };
}

busContract('socket bus', async () => {
  const { dial, close } = await open();
  return { join: async () => socketBus({ socket: await dial(), clock }), close };
});

busContract('socket bus and its hub', async () => {
  const { hub, dial, close } = await open();
  let isFirst = true;
  return {
    async join() {
      if (!isFirst) return socketBus({ socket: await dial(), clock });
      isFirst = false;
      return hub.bus;
    },
    close,
  };
});

const timeoutMs = 60_000;

test('a process that dies leaves its subjects to others, and its requesters are told', { timeout: 10_000 }, async () => {
  const { hub, dial, close } = await open();
  const socket = await dial();
  const dying = socketBus({ socket, clock });
  const asked = Promise.withResolvers<void>();
  await dying.serve('work', () => {
    asked.resolve();
    return new Promise(() => {});
  });
  const underWay = assert.rejects(hub.bus.request('work', Uint8Array.of(1), { timeoutMs: 300 }), Unavailable);
  await asked.promise;
  socket.destroy();
  await underWay;
  await assert.rejects(hub.bus.request('work', Uint8Array.of(1), { timeoutMs }), Unavailable);
  await close();
});

test('a process that loses its hub is told, and its requests fail at once', { timeout: 10_000 }, async () => {
  const { dial, close } = await open();
  const lost = Promise.withResolvers<void>();
  const bus = socketBus({ socket: await dial(), clock, onLost: () => lost.resolve() });
  const serving = await bus.serve('own', (payload) => payload);
  await close();
  await lost.promise;
  await assert.rejects(bus.request('x', Uint8Array.of(1), { timeoutMs }), Unavailable);
  await assert.rejects(
    bus.serve('y', () => undefined),
    Unavailable,
  );
  bus.publish('x', Uint8Array.of(1));
  await serving.stop();
  await bus.close();
});

test('bytes that are not a frame end the socket, but not the hub', { timeout: 10_000 }, async () => {
  const { hub, dial, close } = await open();
  await hub.bus.serve('echo', (payload) => payload);
  for (const hostile of [
    Buffer.alloc(64, 0xff),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.alloc(8),
    Buffer.from('0000000b03000000010000000500ff', 'hex'), // a subject that ends after the frame
    Buffer.from('0000000c0400000000000000000001203e', 'hex'), // an invalid subject
  ]) {
    const socket = await dial();
    socket.on('error', () => {});
    socket.end(hostile);
    socket.resume();
    await once(socket, 'close');
  }
  const bus = socketBus({ socket: await dial(), clock });
  assert.deepEqual([...(await bus.request('echo', Uint8Array.of(7), { timeoutMs }))], [7]);
  await bus.close();
  await close();
});
