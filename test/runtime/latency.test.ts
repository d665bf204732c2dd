/** A histogram of durations, against the durations themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Latency } from '../../lib/runtime/latency.ts';
import { ManualClock } from '../connection/manual-clock.ts';

test('a share of them is never below what it was, and at most a fifth above, and then they are forgotten', async () => {
  const durations = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(durations, fc.constantFrom(0.5, 0.9, 0.99, 1), async (given, share) => {
      const clock = new ManualClock();
      const latency = new Latency(clock);
      const begun = clock.monotonic();
      const sorted = given.toSorted((a, b) => a - b);
      for (const ms of sorted) {
        await clock.advance(begun + ms - clock.monotonic());
        latency.end(begun);
      }
      const exact = Math.max(1, sorted[Math.ceil(sorted.length * share) - 1]!);
      const told = latency.take(share)!;
      assert.ok(told >= exact - 1e-9 && told <= exact * 1.2, `${told} for ${exact}`);
      assert.equal(latency.take(share), undefined);
    }),
    { numRuns: 20 },
  );
});

test('what takes longer than it can tell counts as the longest that it can', async () => {
  const clock = new ManualClock();
  const latency = new Latency(clock);
  const begun = latency.begin();
  await clock.advance(24 * 60 * 60 * 1_000);
  latency.end(begun);
  assert.equal(latency.take(0.99), 65_536);
});
