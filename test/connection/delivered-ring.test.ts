/** The ids that a session was given of late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
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
