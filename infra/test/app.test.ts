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

const cellCommands = ['api', 'connection', 'federation', 'muc', 'peers', 'router'].map((tier) => `serve ${tier}`);

test('small is one service with everything, cell has connection, peers, router, muc, federation, api and the bus', () => {
  assert.deepEqual([...services('small').keys()], ['serve all']);
  assert.deepEqual([...services('cell').keys()].sort(), ['nats', ...cellCommands]);
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
      const isMovable = ['serve router', 'serve muc', 'serve api'].includes(command); // they hold no streams
      assert.equal(service.AvailabilityZoneRebalancing, isMovable ? 'ENABLED' : 'DISABLED', command);
    }
  });

  test(`${name}: tasks behind a load balancer have all its doors for them, and listen on the ports behind them, and no others do`, () => {
    const clients = { SKYLARK_C2S_PORT: '5222', SKYLARK_C2S_TLS_PORT: '5223' };
    const servers = { SKYLARK_S2S_PORT: '5269', SKYLARK_S2S_TLS_PORT: '5270' };
    const wanted: Readonly<Record<string, Record<string, string>>> =
      name === 'small'
        ? { 'serve all': { ...clients, ...servers, SKYLARK_HTTPS_PORT: '5443' } }
        : { 'serve connection': { ...clients, SKYLARK_WEBSOCKET_PORT: '5443' }, 'serve peers': servers };
    for (const [command, { service, container }] of services(name)) {
      const ofPorts = wanted[command] ?? {};
      const balancers: Json[] = service.LoadBalancers ?? [];
      const ports = balancers.map(({ ContainerPort }) => `${ContainerPort}`).sort();
      assert.ok(ports.length <= 5, 'a service of ECS may have five target groups');
      assert.deepEqual(ports, Object.values(ofPorts).sort(), command);
      if (command === 'nats') continue;
      const ofCdn = command === (name === 'small' ? 'serve all' : 'serve api') ? ['8085'] : [];
      const mapped = (container.PortMappings ?? []).map(({ ContainerPort }: Json) => `${ContainerPort}`);
      assert.deepEqual(mapped.sort(), [...ports, ...ofCdn]);
      const variables = environment(container);
      assert.deepEqual(variables.SKYLARK_FRONT_PORT, ofCdn[0]);
      const given = Object.entries(variables).filter(([variable]) => /_PORT$/.test(variable) && !/HEALTH|FRONT/.test(variable));
      assert.deepEqual(Object.fromEntries(given), ofPorts);
      assert.equal(variables.SKYLARK_BIND, ports.length + ofCdn.length > 0 ? '0.0.0.0' : undefined);
      assert.equal(variables.SKYLARK_PROXY_PROTOCOL, ports.length > 0 ? 'true' : undefined);
      assert.equal(variables.SKYLARK_CERTIFICATES, ports.length > 0 || command === 'serve federation' ? 'store' : undefined);
    }
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
      const secrets = (container.Secrets ?? []).map(({ Name }: Json) => Name);
      const needed = {
        ...{ nats: ['NATS_CA', 'NATS_CERT', 'NATS_KEY', 'NATS_TRUST'], 'serve all': ['SKYLARK_FRONT_KEY'] },
        'serve api': ['SKYLARK_FRONT_KEY', 'SKYLARK_NATS_ACCESS'],
      }[command] ?? ['SKYLARK_NATS_ACCESS'];
      assert.deepEqual(secrets.sort(), needed, command);
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
  for (const command of cellCommands) {
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
  for (const tier of ['connection', 'peers', 'router', 'muc', 'federation', 'api']) {
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
  for (const command of cellCommands) {
    assert.equal(environment(services('cell').get(command)!.container).SKYLARK_NATS, 'nats://nats.skylark.internal:4222');
  }
});

test('cell: only routers sign slots for files', () => {
  for (const [command, { container }] of services('cell')) {
    const isSigner = environment(container).SKYLARK_S3 !== undefined;
    assert.equal(isSigner, command === 'serve router', command);
  }
});

test('cell: scaling follows streams and pairs a task, CPU, how long batches take, and how long connected servers wait', () => {
  const { resources } = shape('cell');
  const policies = resources('app', 'AWS::ApplicationAutoScaling::ScalingPolicy').map(([, { Properties }]) => Properties);
  const tracked = policies.flatMap(({ TargetTrackingScalingPolicyConfiguration: one }) => (one ? [one] : []));
  const custom = tracked.flatMap(({ CustomizedMetricSpecification: one, TargetValue }) => (one ? [{ ...one, TargetValue }] : []));
  assert.deepEqual(
    custom.map(({ Dimensions, MetricName, Namespace, Statistic, TargetValue }) => [
      ...Dimensions.map(({ Value }: Json) => Value),
      ...[MetricName, Namespace, Statistic, TargetValue],
    ]),
    [
      ['skylark-', 'connection', 'Connections', 'Skylark', 'Average', 12_000],
      ['skylark-', 'peers', 'Connections', 'Skylark', 'Average', 5_000],
      ['skylark-', 'federation', 'PeerPairs', 'Skylark', 'Average', 5_000],
    ],
  );
  const cpu = tracked.filter(
    (one) => one.PredefinedMetricSpecification?.PredefinedMetricType === 'ECSServiceAverageCPUUtilization',
  );
  assert.equal(cpu.length, 6);
  for (const one of tracked) assert.ok(one.ScaleInCooldown >= 10 * one.ScaleOutCooldown);
  const steps = policies.filter(({ StepScalingPolicyConfiguration: one }) => one !== undefined);
  assert.ok(steps.length > 0);
  const alarms = resources('app', 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
  for (const [metric, policy] of [
    ['BatchLatency', 'Batches'],
    ['OutboxLag', 'Waiting'],
  ] as const) {
    const found = alarms.filter(({ MetricName }) => MetricName === metric);
    assert.ok(
      found.some(({ AlarmActions }) => JSON.stringify(AlarmActions).includes(policy)),
      policy,
    );
  }
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
  assert.deepEqual(['Router', 'Muc', 'Peers', 'Federation', 'Api'].flatMap(ofTier), Array<boolean>(7).fill(false));
});

test('who sends to other servers knows of them', () => {
  for (const name of shapes) {
    const knowing = [...services(name)].filter(
      ([command, { container }]) => command !== 'nats' && environment(container).SKYLARK_FEDERATION === 'true',
    );
    assert.deepEqual(
      knowing.map(([command]) => command).sort(),
      name === 'small' ? ['serve all'] : ['serve muc', 'serve router'],
    );
  }
});

test('sizes follow the settings', () => {
  const synthesis = synthesize({ shape: 'cell', connectionTasksMin: 7, connectionTasksMax: 33, streamsPerTask: 15_000 });
  const { MinCapacity, MaxCapacity } = scaled('connection', synthesis);
  assert.deepEqual([MinCapacity, MaxCapacity], [7, 33]);
});

test('an image of ECR may be fetched from its repository, and from no other', () => {
  const image = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/skylark:1.2.3';
  const { templates, resources } = synthesize({ shape: 'small', image });
  const [[, { Properties: task }]] = resources('app', 'AWS::ECS::TaskDefinition') as [[string, Resource]];
  assert.match(JSON.stringify(task.ContainerDefinitions[0].Image), /dkr\.ecr\.eu-central-1.*skylark:1\.2\.3/);
  assert.match(JSON.stringify(templates.app.toJSON()), /:ecr:eu-central-1:123456789012:repository\/skylark/);
});

const alarmNames = {
  small: ['allThrottles', 'allStoreErrors', 'allFaults', 'allMemory', 'allCpu', 'allTasks'],
  cell: ['connection', 'peers', 'router', 'muc', 'federation', 'api'].flatMap((tier) =>
    ['Throttles', 'StoreErrors', 'Faults', 'Memory', 'Cpu', 'Tasks', 'TasksMax'].map((what) => `${tier}${what}`),
  ),
};

for (const name of shapes) {
  test(`${name}: alarms notify somebody, and say when they are over`, () => {
    const { resources } = shape(name);
    const alarms = resources('app', 'AWS::CloudWatch::Alarm').filter(([id]) => id.startsWith('Operations'));
    const ids = alarms.map(([id]) => id);
    const wanted = [
      'Connections',
      'Answers',
      'DeliveryLatency',
      'Resyncs',
      'CertificateAge',
      'HealthyTasks',
      'CoreTable',
      'ArchiveTable',
      'LiveTable',
      'PeerPairs',
      'OutboxLag',
      'OutboxRows',
    ];
    const tiers = alarmNames[name].map((id) => `${id[0]!.toUpperCase()}${id.slice(1)}`);
    for (const id of [
      ...wanted,
      ...tiers,
      ...(name === 'cell' ? ['BusServers', 'BusCpu', 'BusMemory', 'BusSlowConsumers', 'HealthyPeers'] : []),
    ])
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
    const allowed = PolicyDocument.Statement.filter(({ Effect }: Json) => Effect === 'Allow');
    assert.deepEqual(
      allowed.map(({ Action, Principal }: Json) => [Action, Principal.Service]),
      ['cloudwatch', 'events'].map((service) => ['sns:Publish', `${service}.amazonaws.com`]),
    );
    for (const [index, source] of [/:cloudwatch:.*:alarm:\*/, /:events:.*:rule\/skylark-\*/].entries()) {
      const { StringEquals, ArnLike } = allowed[index].Condition;
      assert.deepEqual(StringEquals, { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } });
      assert.match(JSON.stringify(ArnLike['aws:SourceArn']), source);
    }
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
