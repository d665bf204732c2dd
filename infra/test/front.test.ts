/** The way from the CDN to the tasks that serve the console, the REST API and the pages of invites; and who may say who asks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import pino from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { frontHeaders } from '../../lib/runtime/front-headers.ts';
import type { Tenants } from '../../lib/runtime/tenants.ts';
import { apiApp } from '../../services/api/app.ts';
import { frontOptions } from '../../services/cli/compose/front-options.ts';
import { consoleApp } from '../../services/console/app.ts';
import { operations } from '../../services/router/operations/index.ts';
import { peopleApp } from '../../services/web/people/app.ts';
import { frontPort } from '../lib/front-door.ts';
import { frontFunction } from '../lib/front-function.ts';
import { apiPaths, frontPaths } from '../lib/pages-cdn.ts';
import type { Json } from './context.ts';
import { shape, shapes, synthesize } from './synthesis.ts';

const cachingDisabled = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad';
const allViewerExceptHost = 'b689b0a8-53d0-40ab-baf2-68738e2966ac';

for (const name of shapes) {
  const tier = name === 'small' ? 'All' : 'Api';

  test(`${name}: the HTTP API finds tasks by Cloud Map, with their port, and reaches them through a link into their subnets`, () => {
    const { resources, only } = shape(name);
    const [, { Properties: integration }] = resources('web', 'AWS::ApiGatewayV2::Integration').find(([id]) =>
      id.startsWith('Front'),
    )!;
    assert.deepEqual(
      [integration.IntegrationType, integration.IntegrationMethod, integration.ConnectionType],
      ['HTTP_PROXY', 'ANY', 'VPC_LINK'],
    );
    const services = resources('net', 'AWS::ServiceDiscovery::Service').filter(([id]) => id.startsWith('Names'));
    const [[serviceId, { Properties: service }]] = services as [(typeof services)[number]];
    assert.deepEqual(service.DnsConfig.DnsRecords, [{ Type: 'SRV', TTL: 5 }]);
    assert.match(JSON.stringify(integration.IntegrationUri), new RegExp(serviceId));
    const { id: linkId, Properties: link } = only('net', 'AWS::ApiGatewayV2::VpcLink');
    assert.match(JSON.stringify(integration.ConnectionId), new RegExp(linkId));
    assert.match(JSON.stringify(link.SecurityGroupIds), /"FrontGroup/);
    assert.deepEqual(
      resources('app', 'AWS::ECS::Service').filter(([, { Properties }]) => Properties.ServiceRegistries !== undefined).length,
      1,
    );
    const [, { Properties: ecs }] = resources('app', 'AWS::ECS::Service').find(([id]) => id.startsWith(tier))!;
    assert.deepEqual(ecs.NetworkConfiguration.AwsvpcConfiguration.Subnets.length, link.SubnetIds.length);
    const [registry] = ecs.ServiceRegistries;
    assert.deepEqual([registry.ContainerName, registry.ContainerPort], ['skylark', frontPort]);
    assert.match(JSON.stringify(registry.RegistryArn), new RegExp(serviceId));
  });

  test(`${name}: nothing but the link reaches the port, and the link reaches nothing else`, () => {
    const rules = (kind: 'Ingress' | 'Egress') =>
      shape(name)
        .resources('net', `AWS::EC2::SecurityGroup${kind}`)
        .map(([, { Properties }]) => Properties)
        .filter((rule) => /"FrontGroup/.test(JSON.stringify(rule)) || rule.FromPort === frontPort);
    for (const kind of ['Ingress', 'Egress'] as const) {
      const [rule, ...others] = rules(kind);
      assert.deepEqual(others, []);
      const [from, to] =
        kind === 'Ingress' ? [rule.SourceSecurityGroupId, rule.GroupId] : [rule.GroupId, rule.DestinationSecurityGroupId];
      assert.match(JSON.stringify(from), /"FrontGroup/);
      assert.match(JSON.stringify(to), new RegExp(`"${tier}Group`));
      assert.deepEqual([rule.FromPort, rule.ToPort, rule.IpProtocol], [frontPort, frontPort, 'tcp']);
    }
  });

  test(`${name}: the CDN keeps nothing of the console and the API, sends on what the client sends, and says who asks`, () => {
    const { only, resources } = shape(name);
    const { DistributionConfig: cdn } = only('web', 'AWS::CloudFront::Distribution').Properties;
    const { id: functionId, Properties: whoAsks } = only('web', 'AWS::CloudFront::Function');
    assert.deepEqual([whoAsks.FunctionCode, whoAsks.FunctionConfig.Runtime], [frontFunction, 'cloudfront-js-2.0']);
    const origin = cdn.Origins.find(({ OriginCustomHeaders }: Json) => OriginCustomHeaders !== undefined);
    const behaviors: Json[] = cdn.CacheBehaviors.filter(({ TargetOriginId }: Json) => TargetOriginId === origin.Id);
    assert.deepEqual(
      behaviors.map(({ PathPattern, ViewerProtocolPolicy }) => [PathPattern, ViewerProtocolPolicy]),
      [
        ...frontPaths.map((path) => [path, 'redirect-to-https']),
        // Whoever has sent a key in the clear is not led to believe that it went well.
        ...apiPaths.map((path) => [path, 'https-only']),
      ],
    );
    for (const { CachePolicyId, OriginRequestPolicyId, AllowedMethods, FunctionAssociations } of behaviors) {
      assert.deepEqual([CachePolicyId, OriginRequestPolicyId], [cachingDisabled, allViewerExceptHost]);
      assert.deepEqual(AllowedMethods.length, 7);
      assert.deepEqual(FunctionAssociations, [
        { EventType: 'viewer-request', FunctionARN: { 'Fn::GetAtt': [functionId, 'FunctionARN'] } },
      ]);
    }
    const [{ HeaderName, HeaderValue }] = origin.OriginCustomHeaders;
    assert.equal(HeaderName, frontHeaders.key);
    const [[secretId]] = resources('web', 'AWS::SecretsManager::Secret') as [[string, Json]];
    assert.deepEqual(HeaderValue, {
      'Fn::Join': ['', ['{{resolve:secretsmanager:', { Ref: secretId }, ':SecretString:::}}']],
    });
    assert.match(JSON.stringify(origin.DomainName), /"FrontApi[0-9A-F]+".*execute-api/);
    assert.equal(origin.CustomOriginConfig.OriginProtocolPolicy, 'https-only');
  });

  test(`${name}: a task is given the key by which it knows the CDN, and no other can read it`, () => {
    const { resources } = shape(name);
    const [[secretId, { Properties: secret }]] = resources('web', 'AWS::SecretsManager::Secret') as [[string, Json]];
    const { PasswordLength, ExcludePunctuation, ...others } = secret.GenerateSecretString;
    assert.deepEqual([PasswordLength, ExcludePunctuation, others], [64, true, {}]);
    assert.ok(frontOptions.frontKey.schema.safeParse(`${'aZ09'.repeat(PasswordLength / 4)}`).success);
    const speaking = resources('app', 'AWS::IAM::Policy')
      .filter(([, one]) => JSON.stringify(one).includes(secretId))
      .map(([id]) => id.replace(/[A-Z][a-z]+Policy[0-9A-F]{8}$/, ''));
    assert.deepEqual(speaking, [`${tier}ExecutionRole`]);
  });

  test(`${name}: routers tell where the pages are`, () => {
    const tasks = shape(name).resources('app', 'AWS::ECS::TaskDefinition');
    const [, { Properties }] = tasks.find(([id]) => id.startsWith(name === 'small' ? 'All' : 'Router'))!;
    const { Value } = Properties.ContainerDefinitions[0].Environment.find(({ Name }: Json) => Name === 'SKYLARK_CELL_WEB_URL');
    assert.match(JSON.stringify(Value), /"https:\/\/".*PagesCdn.*DomainName/);
  });

  test(`${name}: the rate of the console and the API is bounded, requests are logged, and an alarm rings when they fail`, () => {
    const { resources } = shape(name);
    const find = (type: string) => resources('web', type).filter(([id]) => id.startsWith('Front'));
    const [[apiId]] = find('AWS::ApiGatewayV2::Api') as [[string, Json]];
    const stages = resources('web', 'AWS::ApiGatewayV2::Stage').map(([, { Properties }]) => Properties);
    const stage = stages.find(({ ApiId }) => ApiId.Ref === apiId)!;
    assert.deepEqual(stage.DefaultRouteSettings, { ThrottlingBurstLimit: 200, ThrottlingRateLimit: 100 });
    assert.ok(stage.AccessLogSettings.DestinationArn);
    const [[, { Properties: alarm }]] = find('AWS::CloudWatch::Alarm') as [[string, Json]];
    assert.deepEqual([alarm.Namespace, alarm.MetricName, alarm.Statistic], ['AWS/ApiGateway', '5xx', 'Sum']);
    assert.deepEqual(alarm.Dimensions, [{ Name: 'ApiId', Value: { Ref: apiId } }]);
    assert.equal(alarm.AlarmActions.length, 1);
  });
}

test('a new number makes a new key, for the CDN and for the tasks', () => {
  const [before, after] = [shape('cell'), synthesize({ shape: 'cell', frontKey: 2 })];
  const idOf = ({ resources }: typeof before) => resources('web', 'AWS::SecretsManager::Secret')[0]![0];
  assert.notEqual(idOf(before), idOf(after));
  for (const stack of ['web', 'app'] as const) {
    const text = JSON.stringify(after.templates[stack].toJSON());
    assert.ok(text.includes(idOf(after)) && !text.includes(idOf(before)), stack);
  }
});

interface EdgeRequest {
  readonly headers: Record<string, { value: string; multiValue?: { value: string }[] }>;
}

/** Runs the text as CloudFront does. */
function atTheEdge(request: EdgeRequest, ip: string): EdgeRequest {
  const context = { event: { request, viewer: { ip } } };
  return runInNewContext(`${frontFunction}; handler(event)`, context) as EdgeRequest;
}

test('the function at the edge writes who asks over whatever the client says of it, and takes a guessed key away', () => {
  for (const [ip, host] of [
    ['192.0.2.1', 'chat.example.org'],
    ['2001:db8::1', 'd111.cloudfront.example'],
  ] as const) {
    const forged = { value: 'forged', multiValue: [{ value: 'forged' }, { value: 'twice' }] };
    const { headers } = atTheEdge(
      {
        headers: {
          host: { value: host },
          cookie: { value: 'a=b' },
          [frontHeaders.key]: forged,
          [frontHeaders.viewer]: forged,
          [frontHeaders.host]: forged,
        },
      },
      ip,
    );
    assert.deepEqual(JSON.parse(JSON.stringify(headers)), {
      ...{ host: { value: host }, cookie: { value: 'a=b' } },
      ...{ [frontHeaders.viewer]: { value: ip }, [frontHeaders.host]: { value: host } },
    });
  }
});

test('every path of the console, the API and the pages for people is one that the CDN sends to the tasks', () => {
  const bus = memoryBus({ clock });
  const log = pino({ level: 'silent' });
  const common = { bus, clock, log, operations, version: '0' };
  const apps = [
    peopleApp({ bus, log, tenants: undefined as unknown as Tenants }),
    apiApp({ ...common, referenceFolder: import.meta.dirname }),
    consoleApp({ ...common, assets: new Map() }),
  ];
  const paths = new Set(apps.flatMap(({ routes }) => routes.map(({ path }) => path)));
  assert.ok(paths.size > 50, `only ${paths.size} were seen`);
  const patterns = [...frontPaths, ...apiPaths].map((path) => new RegExp(`^${path.replace('*', '.*')}$`));
  assert.deepEqual(
    [...paths].filter((path) => !patterns.some((pattern) => pattern.test(path))),
    [],
  );
  for (const pattern of patterns)
    assert.ok(
      [...paths].some((path) => pattern.test(path)),
      `${pattern}`,
    );
  for (const path of [
    '/',
    '/client/a.js',
    '/client.js',
    '/client.css',
    '/.well-known/host-meta',
    '/.well-known/posh/xmpp-server.json',
  ])
    assert.ok(!patterns.some((pattern) => pattern.test(path)), path);
});
