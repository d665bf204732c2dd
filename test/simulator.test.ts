/**
 * A slice of the simulator (docs/reliability.md): some seeds, and that a seed replays exactly. `npm run simulate -- --seeds 10000` does more
 * of it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSeed } from './simulator/run.ts';

const seeds = 8;

describe('a cluster whose parts fail', () => {
  const remote = { leftTaken: 0, leftTwice: 0, arrived: 0, remoteStreams: 0 };

  test(`keeps its promises, seeds 1 to ${seeds}`, async () => {
    const phones = { sleeps: 0, pushes: 0, tokensUsed: 0, guests: 0, boshAnswers: 0, announced: 0 };
    const totals = { sent: 0, acknowledged: 0, resumed: 0, unconfirmed: 0, blocked: 0, unblocked: 0, ...remote, ...phones };
    for (let seed = 1; seed <= seeds; seed++) {
      const { faults, numbers } = await runSeed(seed);
      assert.deepEqual(faults, [], `again: npm run simulate -- --seeds 1 --from ${seed} --trace`);
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += numbers[name];
    }
    // Seeds in which nothing happens would pass as well.
    assert.ok(totals.sent > seeds * 50 && totals.resumed > seeds && totals.unconfirmed > seeds, JSON.stringify(totals));
    assert.ok(totals.blocked > seeds && totals.unblocked > seeds / 2, JSON.stringify(totals));
    assert.ok(
      totals.leftTaken > seeds * 5 && totals.arrived > seeds * 10 && totals.remoteStreams > seeds * 4,
      JSON.stringify(totals),
    );
    assert.ok(
      totals.sleeps > seeds / 2 &&
        totals.pushes > seeds &&
        totals.tokensUsed > 3 &&
        totals.guests > 3 &&
        totals.boshAnswers > 50 &&
        totals.announced > 1,
      JSON.stringify(totals),
    );
    // What is said to those who block is refused.
    assert.ok(totals.acknowledged > totals.sent * 0.7, JSON.stringify(totals));
  });

  test('does the same in two runs of one seed, event by event, and something else in another', async () => {
    const [first, again, other] = [await runSeed(5), await runSeed(5), await runSeed(8)];
    assert.deepEqual(again, first);
    assert.notEqual(other.hash, first.hash);
  });
});
