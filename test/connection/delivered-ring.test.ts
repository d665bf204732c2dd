/** The ids that a session was given of late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { firstIdAt } from '../../lib/runtime/ids.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { DeliveredRing } from '../../services/connection/session/delivered-ring.ts';

const full = Array.from({ length: serviceLimits.deliveredRingMax }, (_, index) => `m${index + 1000}`);

/** A set that forgets what it was told first. */
class Model {
  readonly #ids = new Set<string>();

  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > serviceLimits.deliveredRingMax) this.#ids.delete(this.#ids.values().next().value!);
    return true;
  }

  remove(id: string): void {
    this.#ids.delete(id);
  }

  get ids(): readonly string[] {
    return [...this.#ids];
  }
}

test('it keeps the last ids in the order in which they came, whatever that is, and knows each once', () => {
  const id = fc.oneof(
    fc.integer({ min: 990, max: 1020 }).map((number) => `m${number}`),
    fc.integer({ min: 1240, max: 1300 }).map((number) => `m${number}`),
  );
  const steps = fc.array(fc.record({ isRemoved: fc.boolean(), id }), { maxLength: 100 });
  fc.assert(
    fc.property(fc.boolean(), steps, (isFull, list) => {
      const start = isFull ? full : [];
      const ring = new DeliveredRing(start);
      const model = new Model();
      for (const one of start) model.add(one);
      for (const { isRemoved, id } of list) {
        assert.equal(ring.has(id), model.ids.includes(id));
        if (isRemoved) {
          ring.remove(id);
          model.remove(id);
        } else assert.equal(ring.add(id), model.add(id));
        assert.deepEqual(ring.ids, model.ids);
      }
    }),
  );
});

test('where reading begins: a little before now, or behind what a full ring has forgotten', () => {
  const nowMs = 1_800_000_000_000;
  const overlap = new DeliveredRing().startAt(nowMs);
  assert.equal(new DeliveredRing(full.slice(1)).startAt(nowMs), overlap);
  const [least] = [...full].sort();
  assert.equal(new DeliveredRing(full).startAt(nowMs), least! > overlap ? least : overlap);
  const later = full.map((id) => `z${id}`);
  assert.equal(new DeliveredRing(['a', ...later]).startAt(nowMs), later.toSorted()[0]);
});

test('more ids are kept while they are recent, up to a bound, and others are told the last ones', () => {
  const nowMs = 1_800_000_000_000;
  const idAt = (ms: number, number: number) => `${firstIdAt(ms)}${`${number}`.padStart(18 - firstIdAt(ms).length, '0')}`;
  const { recentIdsMax, recentIdsMs } = connectionLimits;
  const { deliveredRingMax } = serviceLimits;
  const kept = (ids: readonly string[], ring = new DeliveredRing(ids, true)) => ids.filter((id) => ring.has(id)).length;
  const burst = Array.from({ length: 1_000 }, (_, number) => idAt(nowMs + number, number));
  assert.equal(kept(burst), 1_000);
  assert.equal(kept(burst, new DeliveredRing(burst)), deliveredRingMax, 'unless they are asked for');
  assert.deepEqual(new DeliveredRing(burst, true).ids, burst.slice(-deliveredRingMax));
  const later = idAt(nowMs + 1_000 + recentIdsMs, 0);
  assert.equal(kept([...burst, later]), deliveredRingMax, 'an old burst is forgotten with the next entry');
  const flood = Array.from({ length: recentIdsMax + 10 }, (_, number) => idAt(nowMs, number));
  assert.equal(kept(flood), recentIdsMax);
});
