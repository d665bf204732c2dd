/** Shares in front of something scarce: whose turn it is, and who is refused when too much waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue, Overloaded } from '../../lib/runtime/fair-queue.ts';

/** Work that is done one piece at a time, when the test says so, and in which order it came. */
class Bench {
  readonly queue: FairQueue;
  readonly order: string[] = [];
  readonly refused: string[] = [];
  readonly #ends: (() => void)[] = [];

  constructor(options: { readonly waitingMax?: number; readonly waitingPerPathMax?: number; readonly atOnceMax?: number } = {}) {
    this.queue = new FairQueue({ atOnceMax: 1, waitingMax: 100, waitingPerPathMax: 100, ...options });
  }

  ask(...path: string[]): void {
    const name = path.join(' ');
    const work = () =>
      new Promise<void>((end) => {
        this.order.push(name);
        this.#ends.push(end);
      });
    this.queue.run(path, work).catch((error: unknown) => {
      assert.ok(error instanceof Overloaded);
      this.refused.push(name);
    });
  }

  async finishAll(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const end = this.#ends.shift();
      if (end === undefined) return;
      end();
    }
  }
}

test('whoever asks once waits for one of a flood, not for all of it', async () => {
  const bench = new Bench();
  for (let n = 0; n < 50; n++) bench.ask('flood');
  bench.ask('someone');
  await bench.finishAll();
  assert.ok(bench.order.indexOf('someone') <= 2);
  assert.equal(bench.order.length, 51);
  assert.ok(bench.queue.isIdle);
});

test('addresses take turns, and behind each address its accounts do', async () => {
  const bench = new Bench();
  bench.ask('running', 'x');
  for (const account of ['a', 'a', 'a', 'b', 'c']) bench.ask('office', account);
  bench.ask('home', 'd');
  await bench.finishAll();
  assert.deepEqual(bench.order, ['running x', 'office a', 'home d', 'office b', 'office c', 'office a', 'office a']);
});

test('a tenant with many addresses has one share', async () => {
  const bench = new Bench();
  for (let n = 0; n < 20; n++) bench.ask('loud.example', `192.0.2.${n}`, 'x');
  bench.ask('quiet.example', '198.51.100.1', 'y');
  await bench.finishAll();
  assert.ok(bench.order.indexOf('quiet.example 198.51.100.1 y') <= 2);
});

test('the line of one path is bounded, and others do not notice', async () => {
  const bench = new Bench({ waitingPerPathMax: 3 });
  for (let n = 0; n < 10; n++) bench.ask('flood');
  for (let n = 0; n < 3; n++) bench.ask('someone');
  await bench.finishAll();
  assert.deepEqual(new Set(bench.refused), new Set(['flood']));
  assert.equal(bench.refused.length, 6);
  assert.equal(bench.order.filter((name) => name === 'someone').length, 3);
});

test('when the queue is full, the longest line makes room', async () => {
  const bench = new Bench({ waitingMax: 10 });
  for (let n = 0; n < 11; n++) bench.ask('flood', `${n % 2}`);
  for (const name of ['one', 'two', 'three']) bench.ask(name, 'x');
  await bench.finishAll();
  assert.deepEqual(
    bench.refused.map((name) => name.split(' ')[0]),
    ['flood', 'flood', 'flood'],
  );
  for (const name of ['one x', 'two x', 'three x']) assert.ok(bench.order.includes(name));
});

test('as much runs at once as may, and work that fails hands its place on', async () => {
  const queue = new FairQueue({ atOnceMax: 2, waitingMax: 10, waitingPerPathMax: 10 });
  let running = 0;
  let most = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) =>
      queue.run(['a'], async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        if (n % 2 === 0) throw new RangeError('of the work');
        return n;
      }),
    ),
  );
  assert.equal(most, 2);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 4);
  assert.ok(queue.isIdle);
});
