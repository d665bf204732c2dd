/** Whole runs of scaling in, on heartbeats and an ECS that are played: from many tasks to few, and what may come between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PlayedTasks, place } from './played-tasks.ts';

async function cell(helds: readonly number[]): Promise<PlayedTasks> {
  const played = new PlayedTasks();
  for (const held of helds) await played.start(held);
  played.desired = helds.length;
  return played;
}

test('four tasks become two, one after the other, and none of them is stopped with a stream', async () => {
  const played = await cell([300, 250, 200, 150]);
  const drained: (string | undefined)[] = [];
  for (let minute = 0; minute < 30; minute++) {
    drained.push((await played.run()).drain);
    assert.ok((await played.marked()).length <= 1);
    for (let step = 0; step < 5; step++) await played.pass();
  }
  assert.deepEqual(
    drained.filter((one) => one !== undefined),
    ['n.t4.1', 'n.t2.1'], // the streams of the first have gone to the third
  );
  assert.deepEqual([played.tasks.length, played.desired, played.numbers], [2, 2, [3, 2]]);
  assert.deepEqual(played.heldAtStop, [0, 0]);
  assert.equal(
    played.tasks.reduce((sum, { held }) => sum + held, 0),
    900,
  );
  played.end();
});

test('an answer of ECS that is lost makes the number fall once', async () => {
  const played = await cell([10, 10, 10]);
  for (let minute = 0; minute < 12; minute++) {
    played.losesAnswers = played.numbers.length === 0;
    await played.run().catch(() => undefined);
    if (played.numbers.length > 0) played.losesAnswers = false;
    for (let step = 0; step < 5; step++) await played.pass();
  }
  assert.deepEqual([played.numbers, played.desired], [[2], 2]);
  played.end();
});

test('runs at the same time choose one task, and the number falls by one', async () => {
  const played = await cell([10, 20, 30, 40]);
  for (let minute = 0; minute < 8; minute++) {
    await Promise.all([played.run(), played.run(), played.run()]);
    assert.ok((await played.marked()).length <= 1);
    for (let step = 0; step < 5; step++) await played.pass();
  }
  assert.deepEqual(new Set(played.numbers), new Set([3]));
  assert.equal(played.desired, 3);
  played.end();
});

type Event = 'run' | 'runs' | 'pass' | 'deploy' | 'deployed' | 'crash' | 'more' | 'lose' | 'rush';
const events: readonly Event[] = [
  'run',
  'run',
  'run',
  'runs',
  'pass',
  'pass',
  'pass',
  'deploy',
  'deployed',
  'crash',
  'more',
  'lose',
  'rush',
];

test('whatever happens between runs: never two go at once, none with a stream, and never fewer than the least number', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 2, maxLength: 6 }),
      fc.array(fc.constantFrom(...events), { minLength: 20, maxLength: 80 }),
      async (helds, story) => {
        const played = await cell(helds);
        for (const event of story) await happen(played, event);
        played.end();
      },
    ),
    { numRuns: 60 },
  );
});

async function happen(played: PlayedTasks, event: Event): Promise<void> {
  const before = played.desired;
  const stopsBefore = played.heldAtStop.length;
  if (event === 'run') await played.run().catch(() => undefined);
  else if (event === 'runs') await Promise.allSettled([played.run(), played.run()]);
  else if (event === 'pass') for (let step = 0; step < 8; step++) await played.pass();
  else if (event === 'deploy') played.isDeploying = true;
  else if (event === 'deployed') played.isDeploying = false;
  else if (event === 'more') played.desired = Math.min(8, played.desired + 1);
  else if (event === 'lose') played.losesAnswers = !played.losesAnswers;
  else if (event === 'rush') for (const task of played.tasks) task.held += task.isDraining ? 0 : 300;
  const [victim] = played.tasks;
  if (event === 'crash' && victim !== undefined) {
    played.tasks = played.tasks.filter((one) => one !== victim);
    await victim.heartbeat.stop();
  }
  assert.ok(played.desired >= Math.min(before, place.tasksMin), `${played.desired} tasks are wanted`);
  if (event === 'run' || event === 'runs') assert.ok(played.desired >= before - 1, 'the number fell by more than one');
  assert.deepEqual(
    played.heldAtStop.slice(stopsBefore).filter((held) => held > 0),
    [],
  );
  const staying = played.tasks.filter(({ isDraining, held }) => isDraining && held > 0);
  assert.ok(staying.length <= 1, 'two drain at once');
}
