/** `-c paused=true`: nothing runs, so that tables can be exchanged; and what is there stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type StackName, shape, shapes, synthesize } from './synthesis.ts';

const stackNames: readonly StackName[] = ['data', 'net', 'web', 'app'];

for (const name of shapes) {
  const paused = synthesize({ shape: name, paused: 'true' });

  test(`${name}, paused: no task of a service is wanted, and no scaling would start one`, () => {
    const services = paused.resources('app', 'AWS::ECS::Service');
    assert.deepEqual(
      services.map(([, { Properties }]) => Properties.DesiredCount),
      services.map(() => 0),
    );
    paused.templates.app.resourceCountIs('AWS::ApplicationAutoScaling::ScalableTarget', 0);
  });

  test(`${name}, paused: no function that touches a table is called by schedule`, () => {
    const scheduled = stackNames.flatMap((stack) =>
      Object.entries(paused.templates[stack].findResources('AWS::Events::Rule'))
        // The bus keeps running, so its certificate has to be renewed; its keys are not in a table.
        .filter(([id, { Properties }]) => Properties.ScheduleExpression !== undefined && !id.startsWith('BusKeys'))
        .map(([, rule]) => rule),
    );
    assert.ok(scheduled.length >= 2, `only ${scheduled.length} were seen`);
    for (const { Properties } of scheduled) assert.equal(Properties.State, 'DISABLED', Properties.Description);
  });

  test(`${name}, paused: nobody is woken by what is meant to be silent`, () => {
    const alarms = stackNames.flatMap((stack) => Object.entries(paused.templates[stack].findResources('AWS::CloudWatch::Alarm')));
    const silent = alarms.filter(([, { Properties }]) => Properties.TreatMissingData === 'breaching');
    assert.ok(silent.length >= 3, `only ${silent.length} were seen`);
    for (const [id, { Properties }] of silent) assert.equal(Properties.ActionsEnabled, false, id);
  });

  test(`${name}, paused: no resource goes but the scaling, and none comes`, () => {
    for (const stack of stackNames) {
      const ids = ({ templates }: typeof paused) =>
        Object.entries(templates[stack].toJSON().Resources as Record<string, { Type: string }>)
          .filter(([id, { Type }]) => !Type.startsWith('AWS::ApplicationAutoScaling::') && !/Scaling|TaskCount/.test(id))
          .map(([id]) => id)
          .sort();
      assert.deepEqual(ids(paused), ids(shape(name)), stack);
    }
  });
}
