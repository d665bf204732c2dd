/** Processes with clocks of their own on one store: how their common time begins, goes on, and what moves it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { IdMint, timeOfId } from '../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Heartbeat } from '../../lib/runtime/nodes.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { memoryStore } from '../support/stage/memory-store.ts';
import { watched } from '../support/stage/watched.ts';

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
const log = pino({ level: 'silent' });

/** One time for all, as it passes; each process has a clock on its wall that may show another one. */
let time: ManualClock;
let store: Store;
/** What is asked of the store. */
let activity: { calls: number; underWay: number };
const running = new Set<DeploymentClock>();

beforeEach(() => {
  time = new ManualClock();
  activity = { calls: 0, underWay: 0 };
  store = watched(memoryStore(systemClock), activity);
});
afterEach(async () => {
  for (const clock of running) await clock.stop();
  running.clear();
  await store.close();
});

interface Process {
  readonly clock: DeploymentClock;
  readonly ids: IdMint;
  setWall(aheadMs: number): void;
  /** Without a word. */
  die(): void;
}

let processes = 0;

async function start(aheadMs = 0, isAlone = false): Promise<Process> {
  let wallAheadMs = aheadMs;
  let isDead = false;
  const clock = new DeploymentClock({
    now: () => time.now() + wallAheadMs,
    monotonic: () => time.monotonic(),
    after: (delayMs, run) => time.after(delayMs, () => void (isDead || run())),
    randomBytes: (length) => systemClock.randomBytes(length),
  });
  const subject = `router.${++processes}`;
  await passing(clock.start({ store, log, isAlone }));
  running.add(clock);
  await Heartbeat.start({ store, clock: time, kind: 'router', name: subject, subject, onError: () => {} });
  return {
    clock,
    ids: new IdMint(clock),
    setWall: (ms) => {
      wallAheadMs = ms;
    },
    die: () => {
      isDead = true;
      running.delete(clock);
    },
  };
}

/** Time passes until it is done. */
async function passing<Result>(work: Promise<Result>): Promise<Result> {
  let isDone = false;
  void work
    .catch(() => {})
    .finally(() => {
      isDone = true;
    });
  for (let step = 0; !isDone && step < 1_000; step++) {
    await time.advance(step === 0 ? 0 : 50);
    await answered();
  }
  return work;
}

/** Waits until the store has answered all, and nobody asks anything further because of it. */
async function answered(): Promise<void> {
  let before: number;
  do {
    before = activity.calls;
    await new Promise((resolve) => void setImmediate(resolve));
  } while (activity.underWay > 0 || activity.calls > before);
}

/** What each beat asks of the store is answered before the next. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await time.advance(500);
    await answered();
  }
}

const near = (one: number, other: number, byMs: number = runtimeLimits.clockReserveMs) =>
  assert.ok(Math.abs(one - other) <= byMs, `${one - other} ms apart`);

for (const [what, before, after] of [
  ['an hour ahead, then right', hourMs, 0],
  ['right, then a day back', 0, -dayMs],
  ['a day ahead, then an hour back', dayMs, -hourMs],
  ['right, then right', 0, 0],
] as const) {
  for (const isKilled of [false, true]) {
    test(`a process whose clock is ${what}: the next one goes on behind it, ${isKilled ? 'killed' : 'stopped'}`, async () => {
      const first = await start(before, true);
      await pass(4_000);
      const last = first.ids.mint();
      if (isKilled) first.die();
      else await first.clock.stop();
      const second = await start(after, true);
      assert.ok(second.ids.mint() > last);
      const aheadMs = Math.max(0, before - after);
      near(second.clock.now(), timeOfId(last));
      near(second.clock.aheadMs, aheadMs);
      near(second.clock.timeOfDay(), time.now() + after);
      assert.ok(second.clock.timeOfDay() <= second.clock.now());
    });
  }
}

test('a clock that steps while its process runs moves nothing back, and forward only what is alone', async () => {
  const alone = await start(0, true);
  const first = alone.ids.mint();
  alone.setWall(-dayMs);
  await pass(4_000);
  const second = alone.ids.mint();
  assert.ok(second > first);
  near(timeOfId(second), time.now());
  alone.setWall(dayMs);
  await pass(4_000);
  near(timeOfId(alone.ids.mint()), time.now() + dayMs);
  alone.setWall(0);
  await pass(4_000);
  assert.ok(alone.ids.mint() > second);
  near(alone.clock.timeOfDay(), time.now());
});

for (const aheadMs of [hourMs, -hourMs, dayMs, -dayMs]) {
  test(`a process that comes with a clock ${aheadMs / hourMs} h from the others' takes their time, and they keep theirs`, async () => {
    const other = await start();
    await pass(7_000);
    const late = await start(aheadMs);
    near(late.clock.now(), other.clock.now(), runtimeLimits.heartbeatMs);
    await pass(40_000);
    near(late.clock.now(), other.clock.now(), runtimeLimits.heartbeatMs);
    near(other.clock.now(), time.now(), 5_000);
    assert.equal(other.clock.aheadMs, 0);
    assert.equal(other.clock.latestMs() < other.clock.now() + runtimeLimits.catchUpOverlapMs / 2, true, 'nothing is late');
  });
}

test('one of two whose clock is set ahead moves nobody; when both are, both follow, and know of it before', async () => {
  const [one, other] = [await start(), await start()];
  one.setWall(dayMs);
  await pass(40_000);
  for (const { clock } of [one, other]) near(clock.now(), time.now(), 5_000);
  other.setWall(dayMs);
  let known = false;
  for (let passed = 0; passed < 40_000 && one.clock.now() < time.now() + hourMs; passed += 500) {
    await pass(500);
    if (other.clock.now() > time.now() + hourMs) assert.ok(known, 'the others were told');
    known = one.clock.latestMs() > time.now() + hourMs;
  }
  await pass(6_000);
  for (const { clock } of [one, other]) near(clock.now(), time.now() + dayMs, 5_000);
});

test('whoever is told of a later time follows it; of nonsense nothing', async () => {
  const { clock, ids } = await start();
  for (const ms of [undefined, Number.NaN, Number.POSITIVE_INFINITY, 1.5, -1]) clock.observe(ms);
  near(clock.now(), time.now(), 0);
  clock.observe(time.now() + hourMs);
  assert.ok(timeOfId(ids.mint()) >= time.now() + hourMs);
});

test('a process that could not read how far the others are takes everything for late', async () => {
  const { clock, die } = await start();
  await pass(3_500);
  assert.ok(clock.latestMs() <= clock.now() + runtimeLimits.catchUpOverlapMs / 2);
  die();
  await pass(10_000);
  assert.equal(clock.latestMs(), Number.POSITIVE_INFINITY);
});

test('a deployment that is an hour ahead comes back to the time of day, without a step', async () => {
  const before = await start(hourMs, true);
  await before.clock.stop();
  const { clock } = await start(0, true);
  const [from, aheadMs] = [time.now(), clock.aheadMs];
  await pass(60_000);
  const leftMs = clock.now() - time.now();
  near(leftMs, aheadMs - (time.now() - from) * (1 - runtimeLimits.clockSlowRate), 1_500);
  near(clock.timeOfDay(), time.now(), 1_500);
});
