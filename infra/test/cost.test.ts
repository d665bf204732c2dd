/** `skylark cost` calculates with the figures of the stacks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secrets, watched } from '../../services/cli/cost/bill.ts';
import { bus, presets, quotas, targetsPerTask, vcpuWanted } from '../../services/cli/cost/ceilings.ts';
import { cellTasks, taskSizes } from '../../services/cli/cost/sizing.ts';
import { busServers, taskCpu } from '../lib/quotas.ts';
import { readSettings } from '../lib/settings.ts';
import { clientDoors } from '../lib/streams-balancer.ts';
import type { Json } from './context.ts';
import { newApp, type StackName, shape, shapes } from './synthesis.ts';

function all(name: (typeof shapes)[number], type: string): Json[] {
  const { templates } = shape(name);
  return (Object.keys(templates) as StackName[]).flatMap((stack) =>
    Object.values(templates[stack].findResources(type)).map(({ Properties }) => Properties),
  );
}

/** CloudWatch charges for each metric in an alarm's expression. */
const figuresOf = ({ Metrics }: Json) => Metrics?.filter(({ MetricStat }: Json) => MetricStat !== undefined).length ?? 1;

/** Target tracking creates an alarm to scale out and, unless disabled, one to scale in. */
const alarmsOf = ({ TargetTrackingScalingPolicyConfiguration: one }: Json) => (one ? (one.DisableScaleIn ? 1 : 2) : 0);

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

for (const name of shapes) {
  test(`${name}: the bill counts the alarms`, () => {
    const own = sum(all(name, 'AWS::CloudWatch::Alarm').map(figuresOf));
    const ofScaling = sum(all(name, 'AWS::ApplicationAutoScaling::ScalingPolicy').map(alarmsOf));
    assert.ok(own > 10);
    assert.equal(own + ofScaling, watched[name].alarms);
  });

  test(`${name}: addresses, NAT gateways and the zones of the load balancer are those in the bill`, () => {
    assert.equal(all(name, 'AWS::EC2::NatGateway').length, name === 'small' ? 0 : 3);
    const [{ Subnets, LoadBalancerAttributes }] = all(name, 'AWS::ElasticLoadBalancingV2::LoadBalancer');
    assert.equal(Subnets.length, 3);
    assert.ok(
      LoadBalancerAttributes.some(({ Key, Value }: Json) => Key === 'load_balancing.cross_zone.enabled' && Value === 'true'),
    );
    assert.deepEqual(
      all(name, 'AWS::EC2::VPCEndpoint').map(({ VpcEndpointType }) => VpcEndpointType),
      ['Gateway', 'Gateway'],
      'others would cost by the hour',
    );
    const [{ ClusterSettings }] = all(name, 'AWS::ECS::Cluster');
    assert.deepEqual(ClusterSettings, [{ Name: 'containerInsights', Value: name === 'small' ? 'disabled' : 'enabled' }]);
  });
}

test('the bill counts the secrets and the private zones', () => {
  for (const name of shapes) {
    assert.equal(all(name, 'AWS::SecretsManager::Secret').length, secrets[name]);
    assert.equal(all(name, 'AWS::ServiceDiscovery::PrivateDnsNamespace').length, 1);
  }
});

test('what is told of the size of a cell has the presets, quotas and sizes of the stacks', () => {
  const { connectionTasksMax, vcpuMax, balancerTargetsMax, tableUnitsMax } = readSettings(newApp({ shape: 'cell' }).node);
  assert.deepEqual({ connectionTasksMax, vcpuMax, balancerTargetsMax, tableUnitsMax }, presets);
  assert.deepEqual([presets.balancerTargetsMax, presets.tableUnitsMax], [quotas.balancerTargets, quotas.tableUnits]);
  assert.equal(targetsPerTask, 2 * clientDoors.length);
  assert.deepEqual([bus.servers, bus.vcpu], [busServers, taskCpu.nats / 1_024]);
  const sizes = { connection: 3, router: 3, muc: 3, peers: 3, federation: 3, api: 3 };
  assert.equal(vcpuWanted(sizes), (2 * 3 * (1_024 * 3 + 512 * 2 + 256)) / 1_024 + 1.5);
  const cpus = all('cell', 'AWS::ECS::TaskDefinition').map(({ Cpu }) => Number(Cpu));
  assert.deepEqual(cpus.sort(), Object.values(taskCpu).sort());
});

test('the bill has the size and the least number of the tasks', () => {
  const tasks = shape('cell').resources('app', 'AWS::ECS::TaskDefinition');
  const size = ({ Cpu, Memory }: Json) => ({ vcpu: Number(Cpu) / 1024, gb: Number(Memory) / 1024 });
  const found = tasks.map(([id, { Properties }]) => [id.replace(/Task.*/, '').toLowerCase(), size(Properties)]);
  assert.deepEqual(Object.fromEntries(found), taskSizes);
  assert.deepEqual(size(shape('cell').only('net', 'AWS::ECS::TaskDefinition').Properties), { vcpu: 0.5, gb: 1 });
  assert.deepEqual(size(shape('small').only('app', 'AWS::ECS::TaskDefinition').Properties), { vcpu: 1, gb: 4 });
  const nobody = { streamsPeak: 0, cores: { connection: 0, router: 0, muc: 0 }, peak: 1 } as Parameters<typeof cellTasks>[0];
  const targets = shape('cell').resources('app', 'AWS::ApplicationAutoScaling::ScalableTarget');
  const least = targets.map(([id, { Properties }]) => [id.replace(/Service.*/, '').toLowerCase(), Properties.MinCapacity]);
  assert.deepEqual(Object.fromEntries(least), cellTasks(nobody));
  const [streams] = shape('cell')
    .resources('app', 'AWS::ApplicationAutoScaling::ScalingPolicy')
    .flatMap(([, { Properties }]) => Properties.TargetTrackingScalingPolicyConfiguration ?? [])
    .filter(({ CustomizedMetricSpecification }) => CustomizedMetricSpecification !== undefined);
  const full = cellTasks({ ...nobody, streamsPeak: 10 * streams.TargetValue });
  assert.equal(full.connection, 10);
});
