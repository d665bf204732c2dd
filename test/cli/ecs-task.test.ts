/** What a process tells the agent of ECS, and when it ends by itself. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { pino } from 'pino';
import { EcsTask, readTask } from '../../services/cli/compose/ecs-task.ts';
import { programLimits } from '../../services/cli/limits.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { EcsAgent } from '../support/ecs-agent.ts';

let agent: EcsAgent;
before(async () => {
  agent = await EcsAgent.start('7');
});
after(() => agent.stop());

describe('a task', () => {
  let clock: ManualClock;
  let holding: { holdsAny: boolean; isDraining: boolean; isSurplus: boolean };
  let left: number;
  let task: EcsTask;
  beforeEach(() => {
    clock = new ManualClock();
    holding = { holdsAny: false, isDraining: false, isSurplus: false };
    left = 0;
    agent.changes.length = 0;
    agent.fault = undefined;
    agent.refused = 0;
    const log = pino({ level: 'silent' });
    task = new EcsTask({ agent: agent.uri, clock, log, look: () => holding, onLeft: () => left++ });
    task.start();
  });

  /** The clock goes on only when the answers of the agent have come. */
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += programLimits.protectionPollMs) {
      await clock.advance(programLimits.protectionPollMs);
      const said = agent.changes.length + agent.refused;
      for (let turn = 0; turn < 20; turn++) {
        await new Promise((resolve) => void setTimeout(resolve, 1));
        if (agent.changes.length + agent.refused === said && turn > 3) break;
      }
    }
  }
  const said = () => agent.changes.map(({ ProtectionEnabled }) => ProtectionEnabled);

  test('says nothing while it holds nothing', async () => {
    await pass(20_000);
    assert.deepEqual(agent.changes, []);
  });

  test('is protected with its first stream, and given up a while after its last', async () => {
    holding.holdsAny = true;
    await pass(10_000);
    assert.deepEqual(said(), [true]);
    assert.equal(agent.changes[0]!.ExpiresInMinutes, programLimits.protectionMinutes);
    holding.holdsAny = false;
    await pass(10_000);
    holding.holdsAny = true;
    await pass(10_000);
    holding.holdsAny = false;
    await pass(programLimits.protectionEmptyMs - 4_000);
    assert.deepEqual(said(), [true], 'one client who comes back does not make it ask twice');
    await pass(8_000);
    assert.deepEqual(said(), [true, false]);
    assert.equal(left, 0);
  });

  test('renews its protection long before it ends', async () => {
    assert.ok(3 * programLimits.protectionRenewMs < programLimits.protectionMinutes * 60_000);
    holding.holdsAny = true;
    await pass(10_000);
    await clock.advance(programLimits.protectionRenewMs - 14_000);
    await pass(20_000);
    assert.deepEqual(said(), [true, true]);
  });

  test('drained, is given up at once, and ends by itself when nobody stops it', async () => {
    holding.holdsAny = true;
    await pass(4_000);
    holding.isDraining = true;
    await pass(10_000);
    assert.deepEqual(said(), [true], 'it still holds some');
    holding.holdsAny = false;
    await pass(4_000);
    assert.deepEqual(said(), [true, false]);
    assert.equal(left, 0);
    await pass(programLimits.drainedLingerMs + 4_000);
    assert.ok(left > 0);
    task.stop();
  });

  test('drained because fewer are wanted, waits for longer until ECS has been told so', async () => {
    holding = { holdsAny: false, isDraining: true, isSurplus: true };
    await pass(programLimits.drainedLingerMs + 10_000);
    assert.equal(left, 0);
    await clock.advance(programLimits.surplusLingerMs);
    assert.ok(left > 0);
    task.stop();
  });

  for (const [what, fault] of [
    ['throttles', { status: 400, body: '{"error":{"Code":"ThrottlingException"}}' }],
    ['is blocked by a deploy', { status: 200, body: '{"failure":{"Arn":"a","Reason":"DEPLOYMENT_BLOCKED"}}' }],
    ['answers nonsense', { status: 200, body: '<html>' }],
    ['says the contrary', { status: 200, body: '{"protection":{"ProtectionEnabled":false}}' }],
  ] as const) {
    test(`asks again, more and more rarely, when ECS ${what}`, async () => {
      agent.fault = fault;
      holding.holdsAny = true;
      await pass(20_000);
      const early = agent.refused;
      assert.ok(early >= 2 && early <= 5, `${early} times`);
      await pass(60_000);
      assert.ok(agent.refused - early <= 3);
      agent.fault = undefined;
      await pass(programLimits.protectionRenewMs / 10);
      assert.deepEqual(said(), [true]);
    });
  }
});

test('the release of a task is its definition, its name the beginning of its id', async () => {
  assert.deepEqual(await readTask(agent.uri), { release: 'skylark-connection:7', name: agent.name });
  assert.match(agent.name, /^[0-9a-f]{12}$/);
  await assert.rejects(readTask(`${agent.uri}/elsewhere`));
  assert.deepEqual(agent.strange, ['GET /elsewhere/task ']);
});
