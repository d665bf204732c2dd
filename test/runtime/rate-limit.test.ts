/** Token buckets, alone and by key: on a clock that stands until the test moves it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RateLimit, TokenBucket } from '../../lib/runtime/rate-limit.ts';
import { ManualClock } from '../connection/manual-clock.ts';

test('a bucket never gives more than its burst and its rate allow, and gives that', async () => {
  const rates = fc.record({ perSecond: fc.integer({ min: 1, max: 1_000 }), burst: fc.integer({ min: 1, max: 100 }) });
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 1, max: 50 })), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(rates, steps, async (rate, moves) => {
      const clock = new ManualClock();
      const bucket = new TokenBucket(clock, rate);
      let taken = 0;
      for (const [ms, wanted] of moves) {
        await clock.advance(ms);
        for (let n = 0; n < wanted; n++) if (bucket.take()) taken++;
        assert.ok(taken <= rate.burst + (clock.monotonic() * rate.perSecond) / 1_000 + 1e-6);
      }
      await clock.advance((rate.burst * 1_000) / rate.perSecond + 1);
      for (let n = 0; n < rate.burst; n++) assert.ok(bucket.take(), 'it is full again');
      assert.ok(!bucket.take());
    }),
    { numRuns: 50 },
  );
});

test('the wall clock has no part in it', () => {
  let wallMs = 1_700_000_000_000;
  const clock = Object.assign(new ManualClock(), { now: () => wallMs });
  const bucket = new TokenBucket(clock, { perSecond: 1, burst: 1 });
  assert.ok(bucket.take());
  wallMs += 24 * 60 * 60 * 1_000;
  assert.ok(!bucket.take());
});

test('what was spent beyond the burst is a debt, and the wait says how long it lasts', async () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket(clock, { perSecond: 10, burst: 5 });
  bucket.spend(25);
  assert.equal(bucket.waitMs(0), 2_000);
  assert.equal(bucket.waitMs(), 2_100);
  await clock.advance(2_000);
  assert.equal(bucket.waitMs(0), 0);
  assert.ok(!bucket.take());
});

test('each key has a bucket of its own', async () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, { perSecond: 1, burst: 2 }, 10);
  assert.deepEqual(
    ['a', 'a', 'a', 'b'].map((key) => limit.take(key)),
    [true, true, false, true],
  );
  assert.equal(limit.waitMs('a'), 1_000);
  assert.equal(limit.waitMs('never seen'), 0);
  await clock.advance(1_000);
  assert.ok(limit.take('a'));
});

test('the number of keys is bounded, and a key that was forgotten begins anew', () => {
  const limit = new RateLimit(new ManualClock(), { perSecond: 1, burst: 1 }, 3);
  for (let n = 0; n < 100; n++) assert.ok(limit.take(`key ${n}`));
  assert.equal(limit.size, 3);
  assert.ok(limit.take('key 0'));
});

test('whoever sprays keys does not have the bucket forgotten that he has emptied', () => {
  const limit = new RateLimit(new ManualClock(), { perSecond: 1, burst: 3 }, 20);
  for (let n = 0; n < 3; n++) limit.take('flooding');
  for (let n = 0; n < 1_000; n++) limit.take(`sprayed ${n}`);
  assert.ok(!limit.take('flooding'));
});

test('a bucket that time has filled again makes room first', async () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, { perSecond: 1, burst: 2 }, 3);
  limit.take('old');
  await clock.advance(5_000);
  for (const key of ['x', 'x', 'y', 'y', 'z']) limit.take(key);
  assert.ok(!limit.take('x'));
  assert.ok(!limit.take('y'));
});
