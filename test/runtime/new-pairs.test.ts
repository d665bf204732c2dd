/** Nobody makes us connect to thousands of other servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { NewPairs } from '../../lib/runtime/new-pairs.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const { newPairsBurst, newPairsPerSecond, newPairsOfTenantBurst } = runtimeLimits;
const juliet = 'juliet@a.example';

/** @returns to how many of so many servers it may write */
function spray(pairs: NewPairs, sender: string, count: number, prefix = sender): number {
  const [, host = ''] = sender.split('@');
  let allowed = 0;
  for (let index = 0; index < count; index++)
    if (pairs.mayUse(sender, host, { host, peer: `${prefix.replace('@', '.')}${index}.example` })) allowed++;
  return allowed;
}

test('a sender reaches so many new servers at once, and then some more now and then', async () => {
  const clock = new ManualClock();
  const pairs = new NewPairs(clock);
  assert.equal(spray(pairs, juliet, 10_000), newPairsBurst);
  await clock.advance(10_000);
  assert.equal(spray(pairs, juliet, 10_000, 'again'), Math.round(10 * newPairsPerSecond));
  assert.equal(spray(pairs, 'romeo@b.example', 10), 10);
});

test('servers that were used of late cost nothing, whoever used them', () => {
  const pairs = new NewPairs(new ManualClock());
  assert.equal(spray(pairs, juliet, newPairsBurst), newPairsBurst);
  assert.equal(spray(pairs, juliet, newPairsBurst), newPairsBurst);
  pairs.know({ host: 'a.example', peer: 'friend.example' });
  assert.ok(pairs.mayUse(juliet, 'a.example', { host: 'a.example', peer: 'friend.example' }));
  assert.ok(!pairs.mayUse(juliet, 'a.example', { host: 'a.example', peer: 'new.example' }));
});

test('many accounts of a tenant do not reach more, and another tenant does not feel it', () => {
  const pairs = new NewPairs(new ManualClock());
  let allowed = 0;
  for (let account = 0; account < 20; account++) allowed += spray(pairs, `bot${account}@a.example`, newPairsBurst);
  assert.equal(allowed, newPairsOfTenantBurst);
  assert.equal(spray(pairs, 'romeo@b.example', 10), 10);
});
