import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Chaos } from '../../lib/adapters/bus-chaos.ts';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { busContract } from '../contracts/bus.contract.ts';

/** The system's clock, except that its timers keep the process alive: here nothing else does. */
const clock: Clock = {
  ...systemClock,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

busContract('memory bus', async () => {
  const first = memoryBus({ clock });
  return { join: async () => first.join(), close: () => first.close() };
});

/** A clock that stands still until it is moved. */
class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  now = (): number => this.#now;
  monotonic = (): number => this.#now;
  randomBytes = (length: number): Buffer => Buffer.alloc(length);

  after(delayMs: number, run: () => void): { cancel(): void } {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.#now).toSorted((a, b) => a.at - b.at);
    this.#timers = this.#timers.filter((timer) => timer.at > this.#now);
    for (const timer of due) timer.run();
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

interface Step {
  readonly verb: 'publish' | 'request';
  readonly subject: 'a' | 'b';
  readonly advanceMs: number;
}

/** Performs the steps on a bus with chaos, and records everything that happens. */
async function play(steps: readonly Step[], chaos: Chaos): Promise<{ trace: string[]; stats: unknown[] }> {
  const manual = new ManualClock();
  const one = memoryBus({ clock: manual, chaos });
  const two = one.join();
  const trace: string[] = [];
  const log = (who: string) => (payload: Uint8Array) => {
    trace.push(`${manual.now()} ${who} got ${payload[0]}`);
    return payload;
  };
  await two.serve('a', log('plain'));
  await two.serve('b', log('left'), { queue: 'q' });
  await one.serve('b', log('right'), { queue: 'q' });
  const requests: Promise<unknown>[] = [];
  for (const [index, { verb, subject, advanceMs }] of steps.entries()) {
    if (verb === 'publish') one.publish(subject, Uint8Array.of(index));
    else {
      const note = (outcome: string) => () => trace.push(`${manual.now()} request ${index} ${outcome}`);
      requests.push(one.request(subject, Uint8Array.of(index), { timeoutMs: 50 }).then(note('answered'), note('failed')));
    }
    if (advanceMs > 0) {
      await turns(2);
      manual.advance(advanceMs);
    }
  }
  for (let rest = 0; rest < 30; rest++) {
    await turns(3);
    manual.advance(10);
  }
  await Promise.all(requests);
  return { trace, stats: [{ ...one.stats }, { ...two.stats }] };
}

const steps = fc.array(
  fc.record({
    verb: fc.constantFrom('publish' as const, 'request' as const),
    subject: fc.constantFrom('a' as const, 'b' as const),
    advanceMs: fc.constantFrom(0, 0, 0, 1, 7),
  }),
  { minLength: 1, maxLength: 40 },
);
const chance = fc.constantFrom(0, 0.1, 0.5, 1);
const chaosOf = fc.record({
  seed: fc.integer(),
  lose: chance,
  delay: fc.record({ p: chance, maxMs: fc.integer({ min: 1, max: 80 }) }),
  duplicate: chance,
  reorder: chance,
});

test('the same seed gives the same trace, and every request ends', { timeout: 30_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, chaosOf, async (script, chaos) => {
      const first = await play(script, { ...chaos });
      assert.deepEqual(await play(script, { ...chaos }), first);
      const ends = first.trace.filter((line) => line.includes('request')).length;
      assert.equal(ends, script.filter((step) => step.verb === 'request').length);
    }),
    { numRuns: 60 },
  );
});

test('without chances chaos changes nothing', async () => {
  const script = Array.from({ length: 30 }, (): Step => ({ verb: 'publish', subject: 'a', advanceMs: 0 }));
  const { trace } = await play(script, { seed: 1 });
  assert.deepEqual(
    trace,
    script.map((_, index) => `0 plain got ${index}`),
  );
});

test('each kind of chaos does what it says, and different seeds do it differently', async () => {
  const script = Array.from({ length: 60 }, (): Step => ({ verb: 'publish', subject: 'a', advanceMs: 0 }));
  const inOrder = script.map((_, index) => index);
  const arrivals = async (chaos: Chaos): Promise<{ at: number; item: number }[]> =>
    (await play(script, chaos)).trace.map((line) => ({ at: Number(line.split(' ')[0]), item: Number(line.split(' ')[3]) }));
  const items = async (chaos: Chaos): Promise<number[]> => (await arrivals(chaos)).map(({ item }) => item);

  const lossy = await items({ seed: 1, lose: 0.5 });
  assert.ok(lossy.length > 5 && lossy.length < 55, `${lossy.length} of 60 arrive`);
  assert.deepEqual(
    lossy,
    lossy.toSorted((a, b) => a - b),
  );
  assert.notDeepEqual(await items({ seed: 2, lose: 0.5 }), lossy);

  const doubled = await items({ seed: 1, duplicate: 0.5 });
  assert.ok(doubled.length > 65 && doubled.length < 115, `${doubled.length} arrive`);
  assert.deepEqual([...new Set(doubled)], inOrder);

  const shuffled = await items({ seed: 1, reorder: 0.5 });
  assert.notDeepEqual(shuffled, inOrder);
  assert.deepEqual(
    shuffled.toSorted((a, b) => a - b),
    inOrder,
  );

  const delayed = await arrivals({ seed: 1, delay: { p: 0.5, maxMs: 100 } });
  assert.equal(delayed.length, 60);
  assert.ok(delayed.some(({ at }) => at === 0) && delayed.some(({ at }) => at > 20) && delayed.every(({ at }) => at <= 110));
});

test('chaos may be changed during a test', async () => {
  const chaos: Chaos = { seed: 3, lose: 1 };
  const bus = memoryBus({ clock: new ManualClock(), chaos });
  let arrived = 0;
  await bus.serve('a', () => {
    arrived++;
    return undefined;
  });
  bus.publish('a', Uint8Array.of(1));
  await turns(2);
  assert.equal(arrived, 0);
  assert.equal(bus.stats.lost, 1);
  chaos.lose = 0;
  bus.publish('a', Uint8Array.of(1));
  await turns(2);
  assert.equal(arrived, 1);
});

test('a timeout is the clock’s, not the system’s', async () => {
  const manual = new ManualClock();
  const bus = memoryBus({ clock: manual });
  await bus.serve('a', () => new Promise(() => {}));
  let outcome = 'under way';
  const request = bus.request('a', Uint8Array.of(1), { timeoutMs: 1_000 }).catch((error: Error) => {
    outcome = error.message;
  });
  await turns(3);
  manual.advance(999);
  await turns(3);
  assert.equal(outcome, 'under way');
  assert.equal(bus.stats.requestsUnderWay, 1);
  manual.advance(1);
  await request;
  assert.equal(outcome, 'cannot request a: no answer within 1000 ms');
  assert.equal(bus.stats.requestsUnderWay, 0);
});

test('the members of a queue take turns', async () => {
  const bus = memoryBus({ clock });
  const counts = [0, 0, 0];
  for (const index of counts.keys()) {
    await bus.serve(
      'a',
      () => {
        counts[index]!++;
        return undefined;
      },
      { queue: 'q' },
    );
  }
  for (let index = 0; index < 30; index++) bus.publish('a', Uint8Array.of(1));
  await turns(2);
  assert.deepEqual(counts, [10, 10, 10]);
});

test('messages sent in one turn arrive in one turn', async () => {
  const bus = memoryBus({ clock });
  let arrived = 0;
  await bus.serve('a', () => {
    arrived++;
    return undefined;
  });
  for (let index = 0; index < 1_000; index++) bus.publish('a', Uint8Array.of(1));
  assert.equal(arrived, 0);
  await turns(1);
  assert.equal(arrived, 1_000);
});

test('a full bus loses publishes, fails requests at once, and recovers', async () => {
  const bus = memoryBus({ clock });
  let arrived = 0;
  await bus.serve('a', (payload) => {
    arrived++;
    return payload;
  });
  for (let index = 0; index < adapterLimits.busQueuedMax + 5; index++) bus.publish('a', Uint8Array.of(1));
  await assert.rejects(bus.request('a', Uint8Array.of(1), { timeoutMs: 60_000 }), /the bus is full/);
  assert.equal(bus.stats.lost, 6);
  await turns(2);
  assert.equal(arrived, adapterLimits.busQueuedMax);
  assert.equal((await bus.request('a', Uint8Array.of(7), { timeoutMs: 60_000 }))[0], 7);
});

test('handlers beyond the bound are not started, and counted', async () => {
  const bus = memoryBus({ clock });
  const gate = Promise.withResolvers<undefined>();
  await bus.serve('a', () => gate.promise);
  for (let index = 0; index < adapterLimits.busHandlersMax + 3; index++) bus.publish('a', Uint8Array.of(1));
  await turns(2);
  assert.deepEqual(
    { running: bus.stats.handlersRunning, dropped: bus.stats.dropped },
    { running: adapterLimits.busHandlersMax, dropped: 3 },
  );
  gate.resolve(undefined);
  await turns(2);
  assert.equal(bus.stats.handlersRunning, 0);
});

test('close() gives up on a handler that never finishes', async () => {
  const manual = new ManualClock();
  const bus = memoryBus({ clock: manual });
  await bus.serve('a', () => new Promise(() => {}));
  const request = assert.rejects(bus.join().request('a', Uint8Array.of(1), { timeoutMs: 100 }), Unavailable);
  await turns(2);
  const closed = bus.close();
  await turns(2);
  manual.advance(adapterLimits.busCloseMs);
  await closed;
  await request;
});

test('the counters tell what happened', async () => {
  const bus = memoryBus({ clock });
  await bus.serve('a', (payload) => {
    if (payload[0] === 9) throw new Error('thrown in a test');
    return payload;
  });
  await bus.request('a', Uint8Array.of(1), { timeoutMs: 60_000 });
  await assert.rejects(bus.request('a', Uint8Array.of(9), { timeoutMs: 20 }), Unavailable);
  await assert.rejects(bus.request('b', Uint8Array.of(1), { timeoutMs: 60_000 }), Unavailable);
  assert.deepEqual(
    { ...bus.stats },
    {
      sent: 4,
      received: 2,
      lost: 0,
      dropped: 0,
      handlerErrors: 1,
      timeouts: 1,
      noResponders: 1,
      disconnects: 0,
      requestsUnderWay: 0,
      handlersRunning: 0,
    },
  );
});
