/** The function that takes connection tasks away: where it is, when it is called, what it may do, and who hears that it is stuck. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlayedTasks } from '../../test/scale-in/played-tasks.ts';
import { rowRights } from '../lib/rights.ts';
import type { Json } from './context.ts';
import { recorded } from './recorded-store.ts';
import { allows, type Call } from './row-policy.ts';
import { type Synthesis, shape, synthesize } from './synthesis.ts';

const isOurs = ([id]: readonly [string, unknown]) => id.startsWith('ScaleIn');

function of({ resources }: Synthesis, type: string): Json[] {
  return resources('app', type)
    .filter(isOurs)
    .map(([, { Properties }]) => Properties);
}

test('it is called every minute, unless the cell is paused', () => {
  for (const paused of ['false', 'true']) {
    const [rule, ...others] = of(synthesize({ shape: 'cell', paused }), 'AWS::Events::Rule');
    assert.deepEqual(others, []);
    assert.deepEqual([rule.ScheduleExpression, rule.State], ['rate(1 minute)', paused === 'true' ? 'DISABLED' : 'ENABLED']);
  }
});

test('there is none where the number of connection tasks is fixed, nor in the shape small', () => {
  const fixed = synthesize({ shape: 'cell', connectionTasksMin: 4, connectionTasksMax: 4 });
  for (const { templates } of [fixed, shape('small')])
    assert.deepEqual(
      Object.keys(templates.app.findResources('AWS::Lambda::Function')).filter((id) => id.startsWith('ScaleIn')),
      [],
    );
});

test('its bounds are those of the scaling out', () => {
  const synthesis = synthesize({ shape: 'cell', connectionTasksMin: 5, streamsPerTask: 9_000 });
  const [{ Environment }] = of(synthesis, 'AWS::Lambda::Function') as [Json];
  const { SKYLARK_CONNECTION_TASKS_MIN: least, SKYLARK_STREAMS_PER_TASK: streams } = Environment.Variables;
  assert.deepEqual([least, streams], ['5', '9000']);
  const [, target] = synthesis
    .resources('app', 'AWS::ApplicationAutoScaling::ScalableTarget')
    .find(([id]) => id.startsWith('Connection'))!;
  assert.equal(`${target.Properties.MinCapacity}`, least);
});

test('of ECS it may see one service, and change how many of its tasks are wanted but not what they run', () => {
  const [policy] = of(shape('cell'), 'AWS::IAM::Policy') as [Json];
  const statements: Json[] = policy.PolicyDocument.Statement.filter(({ Action }: Json) => `${Action}`.includes('ecs:'));
  const [[service]] = shape('cell')
    .resources('app', 'AWS::ECS::Service')
    .filter(([id]) => id.startsWith('Connection')) as [[string, Json]];
  assert.deepEqual(
    statements.map(({ Action, Resource, Condition }) => [Action, Resource, Condition]),
    [
      ['ecs:DescribeServices', { Ref: service }, undefined],
      ['ecs:UpdateService', { Ref: service }, { Null: { 'ecs:task-definition': 'true' } }],
    ],
  );
  const services = policy.PolicyDocument.Statement.flatMap(({ Action }: Json) => Action).map((one: string) => one.split(':')[0]);
  assert.deepEqual([...new Set(services)].sort(), ['dynamodb', 'ecs', 'logs']);
});

test('what it asks of the store is what it may ask, and all of that', async () => {
  const played = new PlayedTasks();
  for (const held of [30, 20, 10]) await played.start(held);
  played.desired = 3;
  const calls: Call[] = [];
  const store = recorded(played.store, (actions, { table, partition }) => {
    for (const action of actions) calls.push({ action, table, partition });
  });
  for (let minute = 0; minute < 10; minute++) {
    await played.run(store);
    for (let step = 0; step < 5; step++) await played.pass();
  }
  played.end();
  assert.equal(played.desired, 2);
  assert.deepEqual(
    calls.filter((call) => !allows('scaleIn', call)),
    [],
  );
  const [{ actions }] = rowRights.scaleIn as [(typeof rowRights.scaleIn)[0]];
  const asked = new Set(calls.map(({ action }) => `dynamodb:${action}`));
  // The adapter joins reads of one moment to a batch.
  assert.deepEqual(
    actions.filter((action) => !asked.has(action)),
    [],
  );
  for (const action of ['DeleteItem', 'BatchWriteItem', 'UpdateItem'])
    assert.equal(allows('scaleIn', { action, table: 'live', partition: '#nodes' }), false, action);
});

test('an alarm rings when a task does not go, and when the function fails', () => {
  const alarms = of(shape('cell'), 'AWS::CloudWatch::Alarm');
  assert.deepEqual(alarms.map(({ MetricName }) => MetricName).sort(), ['Errors', 'ScaleInStuck']);
  const { id: topic } = shape('cell').only('data', 'AWS::SNS::Topic');
  for (const { AlarmActions } of alarms) assert.match(JSON.stringify(AlarmActions), new RegExp(topic));
});
