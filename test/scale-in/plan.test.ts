/** What each look at the connection tasks leads to (services/scale-in/plan.ts). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LiveNode } from '../../lib/runtime/nodes.ts';
import { scaleInLimits } from '../../services/scale-in/limits.ts';
import { type Look, plan, type Remembered } from '../../services/scale-in/plan.ts';

const bounds = { tasksMin: 3, streamsPerTask: 1_000, surplusMs: 900_000 };
const nowMs = 1_800_000_000_000;

function node(name: string, held: number, more: Partial<LiveNode> = {}): LiveNode {
  const [release, load] = [
    { service: 'connection', id: 'x:1' },
    { held, cpuPercent: 5 },
  ];
  return { subject: `n.${name}.1`, name, kind: 'connection', startedAt: '2026-01-01', beat: 1, release, load, ...more };
}

const four = [node('a', 500), node('b', 400), node('c', 300), node('d', 200)];

function look(nodes: readonly LiveNode[] = four, service: Partial<Look['service']> = {}): Look {
  const count = nodes.length;
  return { nowMs, nodes, service: { desired: count, running: count, pending: 0, isDeploying: false, ...service } };
}

const longAgo: Remembered = { surplusSinceMs: nowMs - bounds.surplusMs };
const leaving = { subject: 'n.d.1', name: 'd', sinceMs: nowMs - 60_000, desired: 4 };

describe('one too many', () => {
  test('is noted at first, and goes when it has been so for some time: the one that holds least', () => {
    const first = plan({}, look(), bounds);
    assert.deepEqual([first.next, first.drain, first.lowerTo], [{ surplusSinceMs: nowMs }, undefined, undefined]);
    const later = plan(longAgo, look(), bounds);
    assert.equal(later.drain, 'n.d.1');
    assert.equal(later.lowerTo, undefined, 'the number falls only when it holds nothing');
    assert.deepEqual(later.next, { leaving: { subject: 'n.d.1', name: 'd', sinceMs: nowMs, desired: 4 } });
  });

  for (const [what, seen] of [
    ['a deployment', look(four, { isDeploying: true })],
    ['a task that does not run', look(four, { running: 3 })],
    ['a task that is about to run', look(four, { pending: 1 })],
    ['a task whose heartbeat is not there', look(four.slice(1), { desired: 4, running: 4 })],
    ['a task of a release that does not tell its load', look([...four.slice(1), node('e', 0, { load: undefined })])],
    ['the least number', look(four.slice(1))],
    ['as many streams as would fill the others', look([node('a', 700), node('b', 700), node('c', 500), node('d', 300)])],
    ['work that would fill the others', look(four.map((one) => ({ ...one, load: { held: 1, cpuPercent: 40 } })))],
  ] as const)
    test(`is not seen with ${what}, and what was noted is forgotten`, () => {
      const { next, drain, lowerTo, why } = plan(longAgo, seen, bounds);
      assert.deepEqual([next, drain, lowerTo], [{}, undefined, undefined], why);
    });
});

describe('the one that goes', () => {
  const surplus = (held: number) => [...four.slice(0, 3), node('d', held, { isSurplus: true })];

  test('is asked again when its row does not say that it was asked', () => {
    assert.equal(plan({ leaving }, look(), bounds).drain, 'n.d.1');
  });

  test('is waited for while it holds anything', () => {
    const { next, lowerTo } = plan({ leaving }, look(surplus(1)), bounds);
    assert.deepEqual([next, lowerTo], [{ leaving }, undefined]);
  });

  const empty = { ...leaving, emptySinceMs: nowMs - scaleInLimits.emptyMs };

  test('makes the number fall when it has held nothing for a while, by one and once', () => {
    const first = plan({ leaving }, look(surplus(0)), bounds);
    assert.deepEqual([first.next, first.lowerTo], [{ leaving: { ...leaving, emptySinceMs: nowMs } }, undefined]);
    assert.deepEqual(plan({ leaving: empty }, look(surplus(1)), bounds).next, { leaving });
    const { next, lowerTo } = plan({ leaving: empty }, look(surplus(0)), bounds);
    assert.deepEqual([next, lowerTo], [{ leaving: { ...empty, isLowered: true } }, 3]);
    assert.equal(plan(next, look(surplus(0), { desired: 3 }), bounds).lowerTo, undefined);
    const lost = plan({ leaving: empty }, look(surplus(0), { desired: 3 }), bounds);
    assert.equal(lost.lowerTo, undefined, 'the number has fallen, although nobody wrote that down');
    assert.deepEqual(lost.next, next);
  });

  test('does not make it fall when more are wanted meanwhile, or the others would not do', () => {
    const more = plan({ leaving: empty }, look(surplus(0), { desired: 5, running: 4 }), bounds);
    assert.deepEqual([more.next, more.lowerTo], [{}, undefined]);
    const full = [node('a', 1_001), node('b', 1_000), node('c', 1_000), node('d', 0, { isSurplus: true })];
    const { next, lowerTo } = plan({ leaving: empty }, look(full), bounds);
    assert.deepEqual([next, lowerTo], [{}, undefined]);
  });

  test('waits for a deployment', () => {
    const { next, lowerTo } = plan({ leaving: empty }, look(surplus(0), { isDeploying: true }), bounds);
    assert.deepEqual([next, lowerTo], [{ leaving: empty }, undefined]);
  });

  test('is forgotten when it has gone, and the next one is not before its time', () => {
    assert.deepEqual(plan({ leaving: { ...leaving, isLowered: true } }, look(four.slice(0, 3)), bounds).next, {});
  });

  test('is a case for a person when it takes too long, whatever it waits for', () => {
    const old = { ...leaving, sinceMs: nowMs - scaleInLimits.stuckMs - 1 };
    for (const [state, nodes] of [
      [old, surplus(5)],
      [old, four],
      [{ ...old, isLowered: true } as const, surplus(0)],
    ] as const)
      assert.equal(plan({ leaving: state }, look(nodes), bounds).isStuck, true);
    assert.equal(plan({ leaving }, look(surplus(5)), bounds).isStuck, undefined);
  });
});
