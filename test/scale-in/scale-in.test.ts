/** Whole runs of scaling in, on heartbeats and an ECS that are played: from many tasks to few, and what may come between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Row, Store } from '../../lib/ports/store.ts';
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
  const gone = drained.filter((one) => one !== undefined);
  assert.deepEqual([gone.length, gone[0]], [2, 'n.t4.1'], 'the one that holds least goes first');
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

/** After these, a task is asked to go where there is one too many. */
const begun: readonly Event[] = ['run', 'pass', 'pass', 'run'];

/** Few stories show a plant, and it ends with the first one that does. */
const plantRunsMax = 5_000;

/** @param seen how the function sees the store */
async function tell(seen: (store: Store) => Store, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 2, maxLength: 6 }),
      fc.array(fc.constantFrom(...events), { minLength: 20, maxLength: 80 }),
      async (helds, story) => {
        const played = await cell(helds);
        try {
          for (const event of [...begun, ...story]) await happen(played, event, seen(played.store));
        } finally {
          played.end();
        }
      },
    ),
    // Nobody reads the shortest story of a plant.
    { numRuns, endOnFailure: true },
  );
}

test('whatever happens between runs: never two go at once, none with a stream, and never fewer than the least number', async () => {
  await tell((store) => store, 60);
});

/** The store, with another value of each row that is read. */
function withRows(store: Store, change: (row: Row) => object): Store {
  const changed = <Found extends Row | undefined>(row: Found): Found =>
    (row && { ...row, value: JSON.stringify(change(row)) }) as Found;
  return new Proxy(store, {
    get(target, name) {
      if (name === 'get') return async (...given: Parameters<Store['get']>) => changed(await target.get(...given));
      if (name === 'query') return async (...given: Parameters<Store['query']>) => (await target.query(...given)).map(changed);
      const found = Reflect.get(target, name) as (...given: unknown[]) => unknown;
      return found.bind(target);
    },
  });
}

test('planted: a function that does not wait until the task holds nothing is found', async () => {
  const hasty = (store: Store) =>
    withRows(store, ({ value }) => {
      const row = JSON.parse(value) as { isSurplus?: true; load?: object };
      return row.isSurplus ? { ...row, load: { ...row.load, held: 0 } } : row;
    });
  await assert.rejects(tell(hasty, plantRunsMax), ({ cause }: Error) =>
    /fewer are wanted while a task that goes holds streams/.test(`${cause}`),
  );
});

async function happen(played: PlayedTasks, event: Event, seen: Store): Promise<void> {
  const before = played.desired;
  const stopsBefore = played.heldAtStop.length;
  if (event === 'run') await played.run(seen).catch(() => undefined);
  else if (event === 'runs') await Promise.allSettled([played.run(seen), played.run(seen)]);
  else if (event === 'pass') for (let step = 0; step < 3; step++) await played.pass();
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
  const hasty = played.heldAtLower.splice(0).filter((held) => held > 0);
  assert.deepEqual(hasty, [], 'fewer are wanted while a task that goes holds streams');
  const staying = played.tasks.filter(({ isDraining, held }) => isDraining && held > 0);
  assert.ok(staying.length <= 1, 'two drain at once');
}
