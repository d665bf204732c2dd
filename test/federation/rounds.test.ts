/** Pairs are looked at some at a time, however many there are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { federationLimits } from '../../services/federation/limits.ts';
import type { Pair } from '../../services/federation/pairs/pair.ts';
import { Rounds } from '../../services/federation/rounds.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const { pairsPerTurn, pairTurnsMax, tickMs } = federationLimits;

interface Turn {
  readonly atMs: number;
  count: number;
}

function begin(pairs: Set<Pair>) {
  const clock = new ManualClock();
  const turns: Turn[] = [];
  const looks = new Map<Pair, number>();
  const rounds = new Rounds({
    clock,
    pairs: () => pairs,
    begin: () => {},
    look(pair, now) {
      if (turns.at(-1)?.atMs !== now) turns.push({ atMs: now, count: 0 });
      turns.at(-1)!.count++;
      looks.set(pair, (looks.get(pair) ?? 0) + 1);
      return pairs.has(pair);
    },
  });
  rounds.start();
  return { clock, rounds, turns, looks };
}

function pairsOf(count: number): Set<Pair> {
  const made = Array.from({ length: count }, (_, index) => {
    const [carrier, waiting, way] = [index === 0 ? {} : undefined, 1, index < 3 ? { lastError: 'refused' } : {}];
    return { carrier, waiting, way, oldestAt: 1_000 + index } as unknown as Pair;
  });
  return new Set(made);
}

test('a few pairs are looked at together, with each tick', async () => {
  const { clock, turns, looks } = begin(pairsOf(pairsPerTurn));
  await clock.advance(3 * tickMs);
  assert.deepEqual(
    turns.map(({ atMs }) => atMs),
    [tickMs, 2 * tickMs, 3 * tickMs],
  );
  assert.ok([...looks.values()].every((times) => times === 3));
});

test('a thousand are looked at once in each tick, and never more than some of them in one turn of the event loop', async () => {
  const { clock, turns, looks } = begin(pairsOf(1_000));
  await clock.advance(5 * tickMs);
  assert.ok(
    turns.every(({ count }) => count <= pairsPerTurn),
    JSON.stringify(turns),
  );
  assert.equal(looks.size, 1_000);
  assert.ok([...looks.values()].every((times) => times >= 4 && times <= 5));
});

test('as many as there may be still have their look within each tick', async () => {
  const { clock, turns, looks } = begin(pairsOf(federationLimits.pairsMax));
  await clock.advance(3 * tickMs);
  assert.ok(turns.every(({ count }) => count <= federationLimits.pairsMax / pairTurnsMax));
  assert.ok([...looks.values()].every((times) => times >= 2));
});

test('the figures of a round are those of all pairs that are still there', async () => {
  const pairs = pairsOf(120);
  const { clock, rounds } = begin(pairs);
  await clock.advance(tickMs + 1);
  for (const pair of [...pairs].slice(-10)) pairs.delete(pair); // while the round goes on
  assert.equal(rounds.figures.pairs, 0);
  await clock.advance(tickMs);
  const { pairs: all, streams, failing, oldestAt, lateAt } = rounds.figures;
  assert.deepEqual([all, streams, failing, oldestAt, lateAt], [110, 1, 3, 1_000, 1_000]);
});
