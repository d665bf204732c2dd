/** What is asked of ECS about a service, and what comes of its answers. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type EcsServices, openEcsServices } from '../../lib/adapters/ecs-services.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { awsCredentials } from '../support/aws-server.ts';
import { EcsEndpoint, ecsNames, type PlayedService } from '../support/ecs-endpoint.ts';

const { cluster, service } = ecsNames;
let played: PlayedService;
let endpoint: EcsEndpoint;
let ecs: EcsServices;

before(async () => {
  endpoint = await EcsEndpoint.start(() => played);
  ecs = openEcsServices({ region: 'eu-central-1', endpoint: endpoint.url, credentials: awsCredentials });
});
after(async () => {
  ecs.close();
  await endpoint.stop();
});
beforeEach(() => {
  played = { desired: 4, running: 3, pending: 1 };
});

test('a service tells how many of its tasks are wanted and run, and whether it is deployed', async () => {
  assert.deepEqual(await ecs.describe(cluster, service), { desired: 4, running: 3, pending: 1, isDeploying: false });
  const primary = { status: 'PRIMARY', rolloutState: 'COMPLETED' };
  for (const deployments of [[{ ...primary, rolloutState: 'IN_PROGRESS' }], [primary, { ...primary, status: 'ACTIVE' }]]) {
    played = { desired: 4, running: 4, deployments };
    assert.equal((await ecs.describe(cluster, service)).isDeploying, true);
  }
});

test('another number of tasks is wanted', async () => {
  await ecs.setDesired(cluster, service, 3);
  assert.equal(played.desired, 3);
});

test('what ECS refuses, and a service that is not there, is said with its name', async () => {
  await assert.rejects(ecs.describe(cluster, 'elsewhere'), /Unavailable|there is no service 'elsewhere' in 'skylark'/);
  await assert.rejects(
    ecs.setDesired('elsewhere', service, 3),
    (error) => error instanceof Unavailable && /ECS UpdateService: ClusterNotFoundException/.test(error.message),
  );
  assert.equal(played.desired, 4);
});
