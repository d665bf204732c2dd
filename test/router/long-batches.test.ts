/** How many stanzas of sessions that send much at once are under way: as many as make none of their batches slow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../lib/ports/clock.ts';
import { LongBatches } from '../../services/router/core/long-batches.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const { shortBatchItemsMax, longBatchWindowMin, longBatchAloneMs, longBatchQuietMs } = routerLimits;
const stanzas = 10;
const domains = ['a.example', 'b.example'];
const mostAtFirst = Math.ceil(longBatchWindowMin / stanzas) * stanzas;

/** Whoever handles the batches, and how many stanzas it has under way. */
class Handler {
  readonly clock = new ManualClock();
  readonly batches = new LongBatches(this.clock);
  readonly #tookMs: (underWay: number) => number;
  underWay = 0;
  begun = 0;

  /** @param tookMs how long a batch takes that begins as so many stanzas are under way */
  constructor(tookMs: (underWay: number) => number) {
    this.#tookMs = tookMs;
  }

  take(domain: string, count: number, areMessages = true): Promise<void> {
    return this.batches.run(domain, count, areMessages, async () => {
      this.begun++;
      this.underWay += count;
      await sleep(this.clock, this.#tookMs(this.underWay));
      this.underWay -= count;
    });
  }

  /** Eight batches begin in a turn of the event loop. */
  async settle(): Promise<void> {
    for (let times = 0; times < 5; times++) await this.clock.advance(0);
  }

  /** @returns the most that was under way while many waited, until none does */
  async flood(batches: number): Promise<number> {
    let most = 0;
    let done = 0;
    void this.take('b.example', 1);
    for (let index = 0; index < batches; index++)
      for (const domain of domains) void this.take(domain, stanzas).then(() => done++);
    while (done < batches * domains.length) {
      void this.take('a.example', 1);
      most = Math.max(most, this.underWay);
      await this.clock.advance(1);
    }
    return most;
  }
}

test('at first few long batches of each domain are under way, and short ones wait for nobody', async () => {
  const handler = new Handler(() => 10);
  void handler.take('a.example', 1);
  for (let index = 0; index < 100; index++) for (const domain of domains) void handler.take(domain, stanzas);
  await handler.settle();
  assert.equal(handler.underWay, 1 + mostAtFirst);
  void handler.take('b.example', shortBatchItemsMax);
  await handler.clock.advance(0);
  assert.equal(handler.underWay, 1 + mostAtFirst + shortBatchItemsMax);
});

test('where all send much, nobody waits', async () => {
  const handler = new Handler(() => 10);
  await Promise.all([handler.take('a.example', 1), handler.clock.advance(routerLimits.shortBatchSeenMs + 1)]);
  for (let index = 0; index < 100; index++) for (const domain of domains) void handler.take(domain, stanzas);
  await handler.settle();
  assert.equal(handler.underWay, 100 * domains.length * stanzas);
});

test('what clients ask for when they come does not wait for each other', async () => {
  const handler = new Handler(() => 1_000);
  void handler.take('a.example', 1);
  for (let index = 0; index < 50; index++) for (const domain of domains) void handler.take(domain, stanzas, false);
  await handler.settle();
  assert.equal(handler.begun, 1 + 50 * domains.length);
});

test('a batch larger than all that may be under way begins when nothing else is', async () => {
  const handler = new Handler(() => 10);
  void handler.take('b.example', 1);
  await Promise.all([handler.take('a.example', longBatchWindowMin * 10), handler.clock.advance(10)]);
  assert.equal(handler.begun, 2);
});

for (const tookMs of [5, 30]) {
  test(`more and more are under way where that makes none slow, though each takes ${tookMs} ms`, async () => {
    const handler = new Handler(() => tookMs);
    assert.ok((await handler.flood(1_000)) > 4 * longBatchWindowMin);
  });
}

test('as many are under way as make them no more than about twice as slow', async () => {
  const tookMs = (underWay: number) => 5 + underWay / 10;
  const most = await new Handler(tookMs).flood(1_000);
  assert.ok(most > longBatchWindowMin && tookMs(most) < 2.5 * tookMs(longBatchWindowMin), `${most}`);
});

test('what was learned is forgotten after a quiet time', async () => {
  const handler = new Handler(() => 5);
  assert.ok((await handler.flood(1_000)) > mostAtFirst);
  await handler.clock.advance(longBatchQuietMs + 1);
  void handler.take('a.example', 1);
  for (let index = 0; index < 100; index++) void handler.take('b.example', stanzas);
  await handler.settle();
  assert.equal(handler.underWay, 1 + mostAtFirst);
});

test('batches that wait for another service keep nobody waiting, and one that fails says so', async () => {
  const handler = new Handler(() => 1_000_000);
  void handler.take('b.example', 1);
  const batches = 2 * (mostAtFirst / stanzas);
  for (let index = 0; index < batches; index++) void handler.take('a.example', stanzas);
  await handler.settle();
  assert.equal(handler.begun, 1 + mostAtFirst / stanzas);
  await handler.clock.advance(longBatchAloneMs);
  assert.equal(handler.begun, 1 + batches);
  const failing = new LongBatches(handler.clock).run('a.example', stanzas, true, () =>
    Promise.reject(new RangeError('of the work')),
  );
  await assert.rejects(failing, RangeError);
});
