/** The function that takes connection tasks away, from its bundle, with the variables and rights of its template, on the tasks that run. */
import assert from 'node:assert/strict';
import type { Plan } from '../../services/scale-in/plan.ts';
import { EcsEndpoint } from '../support/ecs-endpoint.ts';
import { type Deployment, place } from './deployment.ts';
import { callFunction } from './function-call.ts';

const callsMax = 60;
const pauseMs = 500;

export async function tryScaleIn(deployment: Deployment): Promise<void> {
  const { templates, gate } = deployment;
  const tasks = () => deployment.tasks.filter(({ definition }) => definition.tier === 'connection');
  const cluster = templates.function('ScaleIn', 'app').variables.SKYLARK_CLUSTER!;
  const [id] = templates.resources('app', 'AWS::ECS::Service').find(([one]) => one.startsWith('Connection'))!;
  const name = `${cluster}-connection`;
  templates.values.made('app', id, 'Name', name);
  templates.values.made('app', id, 'Ref', `arn:aws:ecs:${place.region}:${place.account}:service/${cluster}/${name}`);
  const { variables, statements } = templates.function('ScaleIn', 'app');
  gate.admit('scale-in', statements);
  const service = { desired: tasks().length, running: tasks().length };
  const endpoint = await EcsEndpoint.start(() => service, name);
  gate.ecs = endpoint.url;
  // Time alone is exchanged: nobody waits for a quarter of an hour here.
  const given = { ...variables, SKYLARK_SURPLUS_SECONDS: '0', AWS_REGION: place.region, ...gate.keyVariables('scale-in') };
  const call = () => callFunction<Plan>(deployment.functionBundle('scale-in-lambda'), given, [{}]);
  try {
    const first = await call();
    assert.ok(first.answers[0]!.drain, first.answers[0]!.why);
    assert.deepEqual([first.metrics.get('TasksLeaving'), first.metrics.get('ScaleInStuck')], [1, 0]);
    assert.deepEqual(
      Object.keys(variables).filter((variable) => !first.read.includes(variable)),
      [],
      'the function looks at no such variable',
    );
    const before = service.desired;
    for (let calls = 0; service.desired === before; calls++) {
      const [answer] = (await call()).answers;
      assert.ok(calls < callsMax, answer!.why);
      await new Promise((resolve) => void setTimeout(resolve, pauseMs));
    }
    assert.equal(service.desired, before - 1);
    const drained = tasks().filter((task) => first.answers[0]!.drain!.startsWith(`n.${task.agent.name}.`));
    assert.equal(drained.length, 1);
    assert.equal(drained[0]!.agent.isProtected, false);
    assert.equal(await deployment.stopTask(drained[0]!), 0);
    service.running--;
    assert.match((await call()).answers[0]!.why, /has gone/);
    assert.match((await call()).answers[0]!.why, /2 tasks are the least/);
  } finally {
    gate.ecs = undefined;
    await endpoint.stop();
  }
}
