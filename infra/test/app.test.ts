/** The stack App: tasks, deployments, drain and scaling. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import type { Json } from './context.ts';
import { type Resource, shape, shapes, synthesize } from './synthesis.ts';

type Shape = (typeof shapes)[number];

/** Services of both stacks with their tasks, by the command they run. */
function services(name: Shape): Map<string, { service: Json; task: Json; container: Json }> {
  const { resources } = shape(name);
  const stacks = name === 'small' ? (['app'] as const) : (['app', 'net'] as const);
  const found = stacks.flatMap((stack) => {
    const tasks = new Map(resources(stack, 'AWS::ECS::TaskDefinition'));
    return resources(stack, 'AWS::ECS::Service').map(([, { Properties: service }]) => {
      const { Properties: task } = tasks.get(service.TaskDefinition.Ref) as Resource;
      assert.equal(task.ContainerDefinitions.length, 1);
      const [container] = task.ContainerDefinitions;
      return [container.Name === 'nats' ? 'nats' : container.Command.join(' '), { service, task, container }] as const;
    });
  });
  return new Map(found);
}

function environment(container: Json): Record<string, Json> {
  return Object.fromEntries(container.Environment.map(({ Name, Value }: Json) => [Name, Value]));
}

test('small is one service with everything, cell has connection, router, muc and the bus', () => {
  assert.deepEqual([...services('small').keys()], ['serve all']);
  assert.deepEqual([...services('cell').keys()].sort(), ['nats', 'serve connection', 'serve muc', 'serve router']);
});

for (const name of shapes) {
  test(`${name}: every task is Fargate on ARM64, with a read-only root, without root, and 120 s to stop`, () => {
    for (const [command, { service, task, container }] of services(name)) {
      assert.equal(service.LaunchType, 'FARGATE', command);
      assert.deepEqual(task.RuntimePlatform, { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' });
      assert.equal(task.NetworkMode, 'awsvpc');
      assert.equal(container.ReadonlyRootFilesystem, true);
      assert.equal(container.StopTimeout, 120);
      assert.equal(container.Privileged, undefined);
      assert.equal(container.MountPoints, undefined);
      assert.equal(task.Volumes, undefined);
      assert.equal(service.EnableExecuteCommand, false);
      assert.equal(container.Essential, true);
      assert.deepEqual(container.Ulimits, [{ Name: 'nofile', SoftLimit: 65_535, HardLimit: 65_535 }]);
      if (command === 'nats') assert.equal(container.User, '65532:65532'); // our own image sets its user in the Dockerfile
    }
  });

  test(`${name}: a log that cannot be written holds nothing up, and logs expire`, () => {
    for (const [command, { container }] of services(name)) {
      const { LogDriver, Options } = container.LogConfiguration;
      assert.deepEqual([LogDriver, Options.mode], ['awslogs', 'non-blocking'], command);
    }
    for (const stack of name === 'small' ? (['app', 'net', 'web'] as const) : (['app', 'net', 'web'] as const)) {
      for (const [id, { Properties }] of shape(name).resources(stack, 'AWS::Logs::LogGroup'))
        assert.equal(Properties.RetentionInDays, 30, id);
    }
  });

  test(`${name}: a failed deployment is rolled back`, () => {
    for (const [command, { service }] of services(name)) {
      assert.deepEqual(service.DeploymentConfiguration.DeploymentCircuitBreaker, { Enable: true, Rollback: true }, command);
      assert.equal(service.AvailabilityZoneRebalancing, 'DISABLED', command);
    }
  });

  test(`${name}: the task behind the load balancer has all its doors, and the process listens on the ports behind them`, () => {
    const { service, container } = services(name).get(name === 'small' ? 'serve all' : 'serve connection')!;
    const ports = service.LoadBalancers.map(({ ContainerPort }: Json) => ContainerPort).sort();
    assert.deepEqual(ports, [5222, 5223, 5269, 5270, 5443]);
    assert.deepEqual(container.PortMappings.map(({ ContainerPort }: Json) => ContainerPort).sort(), ports);
    const variables = environment(container);
    assert.equal(variables.SKYLARK_BIND, '0.0.0.0');
    assert.equal(variables.SKYLARK_C2S_PORT, '5222');
    assert.equal(variables.SKYLARK_C2S_TLS_PORT, '5223');
    assert.equal(variables[name === 'small' ? 'SKYLARK_HTTPS_PORT' : 'SKYLARK_WEBSOCKET_PORT'], '5443');
    assert.equal(variables.SKYLARK_PROXY_PROTOCOL, 'true');
    assert.equal(variables.SKYLARK_CERTIFICATES, 'store');
  });

  test(`${name}: a stopping process ends by itself before ECS kills it, with time to park 20,000 streams`, () => {
    for (const [command, { container }] of services(name)) {
      if (command === 'nats') continue;
      const seconds = Number(environment(container).SKYLARK_STOP_SECONDS);
      assert.ok(seconds < container.StopTimeout, command);
      assert.ok(seconds * connectionLimits.drainPerSecond >= 20_000, `${seconds} s`);
    }
  });

  test(`${name}: the health of a process depends on the process alone`, () => {
    for (const [command, { container }] of services(name)) {
      if (command === 'nats') continue;
      const { Command } = container.HealthCheck;
      const port = environment(container).SKYLARK_HEALTH_PORT;
      assert.equal(Command[0], 'CMD');
      assert.ok(Command.at(-1).includes(`http://127.0.0.1:${port}/healthz`), command);
    }
  });

  test(`${name}: no variable contains a secret`, () => {
    for (const [command, { container }] of services(name)) {
      assert.equal(container.Secrets, undefined, command);
      for (const { Name } of container.Environment) assert.doesNotMatch(Name, /SECRET|PASSWORD|TOKEN|ACCESS_KEY/);
    }
  });
}

test('small: a second process never runs beside the first, not even while one replaces the other', () => {
  const { service, container } = services('small').get('serve all')!;
  const { MinimumHealthyPercent, MaximumPercent } = service.DeploymentConfiguration;
  assert.deepEqual([service.DesiredCount, MinimumHealthyPercent, MaximumPercent], [1, 0, 100]);
  shape('small').templates.app.resourceCountIs('AWS::ApplicationAutoScaling::ScalableTarget', 0);
  assert.equal(environment(container).SKYLARK_NATS, undefined);
  assert.equal(service.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp, 'ENABLED');
});

test('cell: a deployment puts new tasks beside the old ones and does not wait for streams', () => {
  for (const command of ['serve connection', 'serve router', 'serve muc']) {
    const { service } = services('cell').get(command)!;
    const { MinimumHealthyPercent, MaximumPercent } = service.DeploymentConfiguration;
    assert.deepEqual([MinimumHealthyPercent, MaximumPercent], [100, 200], command);
    assert.equal(service.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp, 'DISABLED');
  }
  for (const [, { Properties }] of shape('cell').resources('net', 'AWS::ElasticLoadBalancingV2::TargetGroup')) {
    const delay = Properties.TargetGroupAttributes.find(({ Key }: Json) => Key === 'deregistration_delay.timeout_seconds');
    assert.ok(Number(delay.Value) <= 10, 'ECS waits this long before SIGTERM, for each task');
  }
});

test('cell: connection tasks are many and small', () => {
  const { task } = services('cell').get('serve connection')!;
  assert.deepEqual([task.Cpu, task.Memory], ['1024', '4096']);
  assert.ok(scaled('connection').MinCapacity >= 3);
});

/** The bounds between which a service is scaled. */
function scaled(tier: string, synthesis = shape('cell')): Json {
  const targets = synthesis.resources('app', 'AWS::ApplicationAutoScaling::ScalableTarget');
  const [found, ...others] = targets.filter(([id]) => id.toLowerCase().startsWith(tier));
  assert.deepEqual(others, []);
  return found![1].Properties;
}

test('cell: a deployment keeps as many tasks as scaling has started', () => {
  for (const tier of ['connection', 'router', 'muc']) {
    const { service } = services('cell').get(`serve ${tier}`)!;
    assert.equal(service.DesiredCount, undefined, `${tier}: CloudFormation would reset it`);
    assert.ok(scaled(tier).MinCapacity >= 2);
  }
});

test('a service that is not scaled has the number of its tasks in the template', () => {
  const { resources } = synthesize({ shape: 'cell', mucTasksMin: 4, mucTasksMax: 4 });
  const counts = resources('app', 'AWS::ECS::Service').map(([id, { Properties }]) => [
    id.startsWith('Muc'),
    Properties.DesiredCount,
  ]);
  assert.deepEqual(counts.filter(([isMuc]) => isMuc).flat(), [true, 4]);
  assert.ok(!resources('app', 'AWS::ApplicationAutoScaling::ScalableTarget').some(([id]) => id.startsWith('Muc')));
});

test('cell: services meet on one bus, found by one name', () => {
  for (const command of ['serve connection', 'serve router', 'serve muc']) {
    assert.equal(environment(services('cell').get(command)!.container).SKYLARK_NATS, 'nats://nats.skylark.internal:4222');
  }
});

test('cell: only routers sign slots for files', () => {
  for (const [command, { container }] of services('cell')) {
    const isSigner = environment(container).SKYLARK_S3 !== undefined;
    assert.equal(isSigner, command === 'serve router', command);
  }
});

test('cell: scaling follows streams a task, CPU, and how long batches take', () => {
  const { resources } = shape('cell');
  const policies = resources('app', 'AWS::ApplicationAutoScaling::ScalingPolicy').map(([, { Properties }]) => Properties);
  const tracked = policies.flatMap(({ TargetTrackingScalingPolicyConfiguration: one }) => (one ? [one] : []));
  const streams = tracked.find((one) => one.CustomizedMetricSpecification !== undefined);
  const { MetricName, Namespace, Dimensions, Statistic } = streams.CustomizedMetricSpecification;
  assert.deepEqual([MetricName, Namespace, Statistic, streams.TargetValue], ['Connections', 'Skylark', 'Average', 12_000]);
  assert.deepEqual(Dimensions, [
    { Name: 'Deployment', Value: 'skylark-' },
    { Name: 'Service', Value: 'connection' },
  ]);
  const cpu = tracked.filter(
    (one) => one.PredefinedMetricSpecification?.PredefinedMetricType === 'ECSServiceAverageCPUUtilization',
  );
  assert.equal(cpu.length, 3);
  for (const one of tracked) assert.ok(one.ScaleInCooldown >= 10 * one.ScaleOutCooldown);
  const steps = policies.filter(({ StepScalingPolicyConfiguration: one }) => one !== undefined);
  assert.ok(steps.length > 0);
  const alarms = resources('app', 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
  const onBatches = alarms.filter(({ MetricName }) => MetricName === 'BatchLatency');
  assert.ok(onBatches.some(({ AlarmActions }) => JSON.stringify(AlarmActions).includes('Batches')));
});

test('cell: the number of connection tasks does not fall below the tasks that are protected by streams', () => {
  const policies = shape('cell').resources('app', 'AWS::ApplicationAutoScaling::ScalingPolicy');
  const ofTier = (tier: string) =>
    policies.flatMap(
      ([
        id,
        {
          Properties: { TargetTrackingScalingPolicyConfiguration: one },
        },
      ]) => (id.startsWith(tier) && one ? [one.DisableScaleIn === true] : []),
    );
  assert.deepEqual(ofTier('Connection'), [true, true]);
  assert.deepEqual([...ofTier('Router'), ...ofTier('Muc')], [false, false]);
});

test('sizes follow the settings', () => {
  const synthesis = synthesize({ shape: 'cell', connectionTasksMin: 7, connectionTasksMax: 40, streamsPerTask: 15_000 });
  const { MinCapacity, MaxCapacity } = scaled('connection', synthesis);
  assert.deepEqual([MinCapacity, MaxCapacity], [7, 40]);
});

test('an image of ECR may be fetched from its repository, and from no other', () => {
  const image = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/skylark:1.2.3';
  const { templates, resources } = synthesize({ shape: 'small', image });
  const [[, { Properties: task }]] = resources('app', 'AWS::ECS::TaskDefinition') as [[string, Resource]];
  assert.match(JSON.stringify(task.ContainerDefinitions[0].Image), /dkr\.ecr\.eu-central-1.*skylark:1\.2\.3/);
  assert.match(JSON.stringify(templates.app.toJSON()), /:ecr:eu-central-1:123456789012:repository\/skylark/);
});

const alarmNames = {
  small: ['allThrottles', 'allStoreErrors', 'allFaults', 'allMemory', 'allCpu'],
  cell: ['connection', 'router', 'muc'].flatMap((tier) =>
    ['Throttles', 'StoreErrors', 'Faults', 'Memory', 'Cpu'].map((what) => `${tier}${what}`),
  ),
};

for (const name of shapes) {
  test(`${name}: alarms notify somebody, and say when they are over`, () => {
    const { resources } = shape(name);
    const alarms = resources('app', 'AWS::CloudWatch::Alarm').filter(([id]) => id.startsWith('Operations'));
    const ids = alarms.map(([id]) => id);
    const wanted = [
      'Connections',
      'DeliveryLatency',
      'Resyncs',
      'CertificateAge',
      'HealthyTasks',
      'CoreTable',
      'ArchiveTable',
      'LiveTable',
    ];
    const tiers = alarmNames[name].map((id) => `${id[0]!.toUpperCase()}${id.slice(1)}`);
    for (const id of [...wanted, ...tiers, ...(name === 'cell' ? ['BusServers'] : [])])
      assert.ok(
        ids.some((one) => one.startsWith(`Operations${id}Alarm`)),
        `no alarm ${id} among ${ids}`,
      );
    for (const [id, { Properties }] of alarms) {
      assert.equal(Properties.AlarmActions.length, 1, id);
      assert.deepEqual(Properties.OKActions, Properties.AlarmActions, id);
      assert.ok(Properties.AlarmDescription.length > 20, id);
    }
  });

  test(`${name}: the topic accepts alarms, over TLS, from this account`, () => {
    const { templates, resources, only } = shape(name);
    const { id: topic } = only('data', 'AWS::SNS::Topic');
    for (const [id, { Properties }] of resources('app', 'AWS::CloudWatch::Alarm').filter(([one]) => one.startsWith('Operations')))
      assert.match(JSON.stringify(Properties.AlarmActions), new RegExp(topic), id);
    const { PolicyDocument, Topics } = only('data', 'AWS::SNS::TopicPolicy').Properties;
    assert.deepEqual(Topics, [{ Ref: topic }]);
    const [allowed, ...others] = PolicyDocument.Statement.filter(({ Effect }: Json) => Effect === 'Allow');
    assert.deepEqual(others, []);
    assert.deepEqual([allowed.Action, allowed.Principal], ['sns:Publish', { Service: 'cloudwatch.amazonaws.com' }]);
    assert.deepEqual(allowed.Condition.StringEquals, { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } });
    assert.match(JSON.stringify(allowed.Condition.ArnLike['aws:SourceArn']), /:cloudwatch:.*:alarm:\*/);
    const refused = PolicyDocument.Statement.find(({ Effect }: Json) => Effect === 'Deny');
    assert.deepEqual(refused.Condition, { Bool: { 'aws:SecureTransport': 'false' } });
    templates.data.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'ops@example.org' });
  });

  test(`${name}: missing data about certificates is an alarm, too`, () => {
    const [, age] = shape(name)
      .resources('app', 'AWS::CloudWatch::Alarm')
      .find(([id]) => id.includes('CertificateAge'))!;
    assert.deepEqual([age.Properties.TreatMissingData, age.Properties.ComparisonOperator], ['breaching', 'LessThanThreshold']);
    assert.equal(age.Properties.Threshold, 14);
  });

  test(`${name}: a dashboard shows the metrics`, () => {
    const { Properties } = shape(name).only('app', 'AWS::CloudWatch::Dashboard');
    const body = JSON.stringify(Properties.DashboardBody);
    for (const metric of [
      'Connections',
      'DeliveryLatency',
      'BatchLatency',
      'Resyncs',
      'Throttles',
      'StoreErrors',
      'Faults',
      'CertificateDaysLeft',
    ])
      assert.ok(body.includes(metric), metric);
  });
}
