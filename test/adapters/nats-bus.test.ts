import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { connectNatsBus, type NatsBus } from '../../lib/adapters/nats-bus.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { sleep } from '../../lib/ports/clock.ts';
import { portLimits } from '../../lib/ports/limits.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { busContract } from '../contracts/bus.contract.ts';
import { type NatsServer, skipWithoutNats, startNats } from './nats-server.ts';

const clock = systemClock;
const payload = Uint8Array.of(1, 2, 3);
const echo = (arrived: Uint8Array): Uint8Array => arrived;

busContract(
  'NATS bus',
  async () => {
    const server = await startNats();
    return { join: () => connectNatsBus({ servers: [server.url], clock, name: 'contract' }), close: () => server.stop() };
  },
  { skip: skipWithoutNats },
);

const patienceMs = 15_000;

/** Tries until it works, or until a long time has passed. */
async function eventually<T>(run: () => Promise<T>): Promise<T> {
  const endMs = clock.monotonic() + patienceMs;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof Unavailable) || clock.monotonic() > endMs) throw error;
      await sleep(clock, 20);
    }
  }
}

async function until(condition: () => boolean): Promise<void> {
  const endMs = clock.monotonic() + patienceMs;
  while (!condition()) {
    if (clock.monotonic() > endMs) assert.fail(`never came true: ${condition}`);
    await sleep(clock, 10);
  }
}

describe('NATS bus: when the server goes away', { skip: skipWithoutNats, timeout: 60_000 }, () => {
  let server: NatsServer;
  let one: NatsBus;
  let two: NatsBus;
  before(async () => {
    server = await startNats();
    one = await connectNatsBus({ servers: [server.url], clock });
    two = await connectNatsBus({ servers: [server.url], clock });
  });
  after(async () => {
    await Promise.all([one?.close(), two?.close()]);
    await server?.stop();
  });
  const restart = async (): Promise<void> => {
    server = await startNats(server.port);
  };
  const goDown = async (): Promise<void> => {
    await server.stop('SIGKILL');
    await until(() => !one.isConnected && !two.isConnected);
  };

  test('requests under way fail at once, those made meanwhile wait, and afterwards all works again', {
    timeout: 20_000,
  }, async () => {
    await two.serve('echo', echo, { queue: 'q' });
    const gate = Promise.withResolvers<undefined>();
    await two.serve('stuck', () => gate.promise);
    assert.deepEqual(Buffer.from(await one.request('echo', payload, { timeoutMs: 5_000 })), Buffer.from(payload));

    const stuck = assert.rejects(one.request('stuck', payload, { timeoutMs: 60_000 }), /the connection broke/);
    await one.request('echo', payload, { timeoutMs: 5_000 });
    await goDown();
    await stuck;
    gate.resolve(undefined);

    const lost = one.stats.lost;
    one.publish('echo', payload);
    assert.equal(one.stats.lost, lost + 1);
    await assert.rejects(one.request('echo', payload, { timeoutMs: 50 }), /no answer within 50 ms/);

    // `one` serves this itself, so its subscription is at the server before the request is.
    const served = one.serve('own', echo);
    const waiting = one.request('own', payload, { timeoutMs: 15_000 });
    await restart();
    await served;
    assert.deepEqual(Buffer.from(await waiting), Buffer.from(payload));
    await eventually(() => one.request('echo', payload, { timeoutMs: 1_000 }));
    assert.equal(one.stats.disconnects, 1);
    assert.equal(one.stats.requestsUnderWay, 0);
  });

  test('serving and stopping while it is away take effect when it is back', { timeout: 20_000 }, async () => {
    const gone = await two.serve('gone', echo);
    await goDown();
    const served = two.serve('new', echo);
    const stopped = gone.stop();
    await restart();
    await Promise.all([served, stopped]);
    await eventually(() => one.request('new', payload, { timeoutMs: 1_000 }));
    await assert.rejects(one.request('gone', payload, { timeoutMs: 10_000 }), /no one serves it/);
  });

  test('it may go away many times while requests run, and each request ends', { timeout: 30_000 }, async () => {
    await two.serve('busy', echo, { queue: 'q' });
    let isOver = false;
    let answers = 0;
    const worker = async (number: number): Promise<void> => {
      for (let turn = 0; !isOver; turn++) {
        const mine = Buffer.from(`${number} ${turn}`);
        try {
          assert.deepEqual(Buffer.from(await one.request('busy', mine, { timeoutMs: 500 })), mine);
          answers++;
        } catch (error) {
          assert.ok(error instanceof Unavailable, `${error}`);
          await sleep(clock, 5);
        }
      }
    };
    const workers = Array.from({ length: 20 }, (_, number) => worker(number));
    for (let round = 0; round < 3; round++) {
      const before = answers;
      await until(() => answers > before + 100);
      await goDown();
      await restart();
    }
    const before = answers;
    await until(() => answers > before + 100);
    isOver = true;
    await Promise.all(workers);
    assert.equal(one.stats.requestsUnderWay, 0);
    assert.equal(two.stats.handlersRunning, 0);
  });

  test('requests that wait for it are bounded, and requests that timed out make room', { timeout: 20_000 }, async () => {
    await goDown();
    const large = new Uint8Array(portLimits.busPayloadBytesMax);
    const fits = adapterLimits.busHeldBytesMax / large.length;
    const requests = Array.from({ length: fits }, () => one.request('echo', large, { timeoutMs: 200 }));
    const timeouts = Promise.all(requests.map((request) => assert.rejects(request, /no answer within 200 ms/)));
    await assert.rejects(one.request('echo', large, { timeoutMs: 60_000 }), /too many requests wait/);
    await timeouts;
    await assert.rejects(one.request('echo', large, { timeoutMs: 20 }), /no answer within 20 ms/);
    await restart();
    await eventually(() => one.request('echo', payload, { timeoutMs: 1_000 }));
  });

  test('close() while it is away ends, and fails what waits', { timeout: 20_000 }, async () => {
    const three = await connectNatsBus({ servers: [server.url], clock });
    await three.serve('third', echo);
    await goDown();
    await until(() => !three.isConnected);
    const waiting = assert.rejects(three.request('echo', payload, { timeoutMs: 60_000 }), Unavailable);
    const served = assert.rejects(three.serve('never', echo), Unavailable);
    await three.close();
    await Promise.all([waiting, served]);
    await restart();
  });
});

/** A process on another core goes on for a moment after the signal was sent. */
const stopsMs = 100;

describe('NATS bus: how the server behaves', { skip: skipWithoutNats, timeout: 60_000 }, () => {
  test('the first connection may be late', { timeout: 20_000 }, async () => {
    const first = await startNats();
    await first.stop();
    const connecting = connectNatsBus({ servers: [first.url], clock });
    await sleep(clock, 100);
    const server = await startNats(first.port);
    const bus = await connecting;
    await bus.serve('a', echo);
    await bus.request('a', payload, { timeoutMs: 5_000 });
    await bus.close();
    await server.stop();
  });

  test('a frozen server is only silence: requests time out, and go on when it thaws', { timeout: 20_000 }, async () => {
    const server = await startNats();
    const bus = await connectNatsBus({ servers: [server.url], clock });
    await bus.serve('a', echo);
    server.child.kill('SIGSTOP');
    await sleep(clock, stopsMs);
    await assert.rejects(bus.request('a', payload, { timeoutMs: 100 }), /no answer within 100 ms/);
    server.child.kill('SIGCONT');
    await bus.request('a', payload, { timeoutMs: 5_000 });
    await bus.close();
    await server.stop();
  });

  test('data that a frozen server does not read is bounded', { timeout: 30_000 }, async () => {
    const server = await startNats();
    const bus = await connectNatsBus({ servers: [server.url], clock });
    server.child.kill('SIGSTOP');
    await sleep(clock, stopsMs);
    const large = new Uint8Array(portLimits.busPayloadBytesMax);
    const most = adapterLimits.busHeldBytesMax / large.length;
    for (let index = 0; index < most + 10; index++) bus.publish('a', large);
    assert.ok(bus.stats.lost >= 9 && bus.stats.lost <= 11, `${bus.stats.lost} lost`);
    await assert.rejects(bus.request('a', payload, { timeoutMs: 60_000 }), /the connection is full/);
    server.child.kill('SIGCONT');
    await until(() => {
      const lost = bus.stats.lost;
      bus.publish('a', payload);
      return bus.stats.lost === lost;
    });
    await bus.close();
    await server.stop();
  });

  test('a client that reads too slowly is cut off, which is counted, and reconnects', { timeout: 30_000 }, async () => {
    const server = await startNats(-1, 'max_pending: 4MB, write_deadline: "100ms"');
    const [slow, sender] = await Promise.all([1, 2].map(() => connectNatsBus({ servers: [server.url], clock })));
    await slow!.serve('flood', () => {
      // This simulates a process that is busy with something else and reads nothing.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      return undefined;
    });
    const large = new Uint8Array(512 * 1024);
    await eventually(async () => {
      for (let index = 0; index < 40; index++) sender!.publish('flood', large);
      await sleep(clock, 50);
      if (slow!.stats.disconnects === 0) throw new Unavailable('not yet');
    });
    await slow!.serve('after', echo);
    await eventually(() => sender!.request('after', payload, { timeoutMs: 1_000 }));
    assert.ok(slow!.stats.disconnects > 0);
    await Promise.all([slow!.close(), sender!.close()]);
    await server.stop();
  });
});
