import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock } from '../../lib/ports/clock.ts';
import { firstIdAt, IdMint, isId, timeOfId } from '../../lib/runtime/ids.ts';

function clockAt(times: readonly number[]): Clock {
  let at = 0;
  return {
    now: () => times[Math.min(at++, times.length - 1)]!,
    monotonic: () => 0,
    after: () => ({ cancel: () => undefined }),
    randomBytes: (length) => Buffer.alloc(length, 7),
  };
}

test('ids of a node rise whatever its clock does, and never repeat', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1_600_000_000_000, max: 1_600_000_000_050 }), { minLength: 2, maxLength: 200 }),
      (times) => {
        const mint = new IdMint(clockAt(times));
        const ids = times.map(() => mint.mint());
        assert.deepEqual(ids, [...new Set(ids)].sort());
      },
    ),
  );
});

test('an id tells its millisecond, and stands between the first ids of that and the next', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (ms) => {
      const id = new IdMint(clockAt([ms])).mint();
      assert.ok(isId(id));
      assert.equal(timeOfId(id), Math.max(ms, 0));
      assert.ok(firstIdAt(ms) < id && id < firstIdAt(ms + 1));
    }),
    { examples: [[1_795_000_000_000], [0]] },
  );
});

test('more ids than the counter holds in one millisecond run ahead of the clock', () => {
  const mint = new IdMint(clockAt([1_700_000_000_000]));
  let last = '';
  for (let count = 0; count < 2 ** 20 + 10; count++) {
    const id = mint.mint();
    assert.ok(id > last, `${id} after ${last}`);
    last = id;
  }
  assert.equal(timeOfId(last), 1_700_000_000_001);
});

test('text that is not an id has no time', () => {
  for (const text of ['', 'abc', '0'.repeat(17), '0'.repeat(19), `${'0'.repeat(17)}u`, `${'0'.repeat(17)}'`]) {
    assert.equal(isId(text), false, text);
    assert.ok(Number.isNaN(timeOfId(text)), text);
  }
});
