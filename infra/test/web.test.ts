/** The stack Web: pages on request, certificates on schedule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passesMetric } from '../../services/cli/canary/metric.ts';
import { programLimits } from '../../services/cli/limits.ts';
import type { Json } from './context.ts';
import { shape, shapes, synthesize } from './synthesis.ts';

for (const name of shapes) {
  const { templates, resources } = shape(name);

  test(`${name}: functions are bundles for Node 24 on ARM64, with an alarm on their errors`, () => {
    const functions = resources('web', 'AWS::Lambda::Function');
    assert.equal(functions.length, 3);
    for (const [id, { Properties }] of functions) {
      assert.deepEqual(
        [Properties.Runtime, Properties.Architectures, Properties.Handler],
        ['nodejs24.x', ['arm64'], 'index.handler'],
        id,
      );
      assert.equal(Properties.VpcConfig, undefined);
      templates.web.hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName: 'Errors',
        Dimensions: [{ Name: 'FunctionName', Value: { Ref: id } }],
      });
    }
  });

  test(`${name}: one HTTP API sends all paths to the pages, at a bounded rate, and logs requests`, () => {
    /** Parts of the API before the pages. That before the tasks of the console has a test of its own (front.test.ts). */
    const find = (type: string) => resources('web', `AWS::ApiGatewayV2::${type}`).find(([id]) => id.startsWith('Api'))!;
    const [apiId, { Properties: api }] = find('Api');
    assert.deepEqual([api.CorsConfiguration, api.ProtocolType], [undefined, 'HTTP']);
    for (const [, { Properties: route }] of resources('web', 'AWS::ApiGatewayV2::Route'))
      assert.equal(route.RouteKey, '$default');
    const [, { Properties: integration }] = find('Integration');
    assert.deepEqual([integration.IntegrationType, integration.PayloadFormatVersion], ['AWS_PROXY', '2.0']);
    const stages = resources('web', 'AWS::ApiGatewayV2::Stage').map(([, { Properties }]) => Properties);
    const stage = stages.find(({ ApiId }) => ApiId.Ref === apiId)!;
    assert.deepEqual(stage.DefaultRouteSettings, { ThrottlingBurstLimit: 400, ThrottlingRateLimit: 200 });
    assert.ok(stage.AccessLogSettings.DestinationArn);
  });

  test(`${name}: pages know where streams and files are`, () => {
    const pages = resources('web', 'AWS::Lambda::Function').find(([id]) => id.includes('Pages'))![1].Properties;
    const { SKYLARK_WEBSOCKET_URL, SKYLARK_FILES_ORIGINS, SKYLARK_DOMAIN } = pages.Environment.Variables;
    assert.deepEqual([SKYLARK_WEBSOCKET_URL, SKYLARK_DOMAIN], ['wss://xmpp.example.org/xmpp-websocket', 'example.org']);
    assert.match(JSON.stringify(SKYLARK_FILES_ORIGINS), /https:\/\/.*UploadsCdn.*DomainName.* https:\/\/.*FilesCdn.*DomainName/);
  });

  test(`${name}: the schedule runs the renewal every hour, and nobody else may`, () => {
    const [ruleId, { Properties: rule }] = resources('web', 'AWS::Events::Rule').find(([id]) => id.startsWith('Certificates'))!;
    assert.deepEqual([rule.ScheduleExpression, rule.State], ['rate(1 hour)', 'ENABLED']);
    const renewal = rule.Targets[0].Arn['Fn::GetAtt'][0];
    const permissions = resources('web', 'AWS::Lambda::Permission').map(([, { Properties }]) => Properties);
    const ofRenewal = permissions.filter(({ FunctionName }) => FunctionName['Fn::GetAtt'][0] === renewal);
    assert.deepEqual(
      ofRenewal.map(({ Principal, SourceArn }) => [Principal, SourceArn]),
      [['events.amazonaws.com', { 'Fn::GetAtt': [ruleId, 'Arn'] }]],
    );
    for (const { Principal, SourceArn } of permissions) assert.ok(SourceArn, `anyone of ${Principal} may call`);
  });

  test(`${name}: the renewal knows its CA, zone and key`, () => {
    const renewal = resources('web', 'AWS::Lambda::Function').find(([id]) => id.includes('Renewal'))![1].Properties;
    const variables = renewal.Environment.Variables;
    assert.equal(variables.SKYLARK_ACME, 'https://acme-v02.api.letsencrypt.org/directory');
    assert.equal(variables.SKYLARK_ACME_EMAIL, 'certificates@example.org');
    assert.deepEqual([variables.SKYLARK_DNS_ZONE, variables.SKYLARK_DNS_ZONE_ID], ['example.org', 'Z0123456789ABC']);
    assert.equal(variables.SKYLARK_TABLE_PREFIX, 'skylark-');
    assert.ok(variables.SKYLARK_KMS_KEY);
    assert.equal(renewal.Timeout, 900);
  });
}

for (const name of shapes)
  test(`${name}: the canary flies every five minutes, and its alarm rings when it fails twice or is not heard of`, () => {
    const { resources } = shape(name);
    const [, { Properties: rule }] = resources('web', 'AWS::Events::Rule').find(([id]) => id.startsWith('Canary'))!;
    assert.deepEqual([rule.ScheduleExpression, rule.State], ['rate(5 minutes)', 'ENABLED']);
    assert.deepEqual(rule.Targets[0].RetryPolicy, { MaximumRetryAttempts: 0 });
    const [, { Properties: bird }] = resources('web', 'AWS::Lambda::Function').find(([id]) => id.startsWith('Canary'))!;
    assert.ok(bird.Timeout * 1_000 > programLimits.canaryFlightMs + 10_000, 'it is cut off before it can tell');
    const [, { Properties: alarm }] = resources('web', 'AWS::CloudWatch::Alarm').find(([id]) => id.startsWith('CanaryAlarm'))!;
    assert.deepEqual(
      [alarm.MetricName, alarm.Statistic, alarm.Period, alarm.EvaluationPeriods, alarm.Threshold],
      ['CanaryPasses', 'Sum', 300, 2, 1],
    );
    assert.deepEqual([alarm.ComparisonOperator, alarm.TreatMissingData], ['LessThanThreshold', 'breaching']);
    assert.equal(alarm.AlarmActions.length, 1);
    const said = JSON.parse(passesMetric(1, 12, 'skylark-', 0));
    const [{ Namespace, Dimensions, Metrics }] = said._aws.CloudWatchMetrics;
    assert.deepEqual(
      [alarm.Namespace, Object.fromEntries(alarm.Dimensions.map(({ Name, Value }: Json) => [Name, Value]))],
      [Namespace, Object.fromEntries(Dimensions[0].map((one: string) => [one, said[one]]))],
      'the function writes another metric',
    );
    assert.ok(Metrics.some(({ Name }: Json) => Name === alarm.MetricName));
  });

test('without a canary there is none', () => {
  const { resources } = synthesize({ shape: 'small', canary: 'none' });
  assert.ok(!resources('web', 'AWS::Lambda::Function').some(([id]) => id.startsWith('Canary')));
});

test('challenges may be proven in a zone of their own', () => {
  const { resources } = synthesize({ shape: 'small', challengeZoneId: 'Z0CHALLENGE', challengeZoneName: 'acme.example.org' });
  const renewal = resources('web', 'AWS::Lambda::Function').find(([id]) => id.includes('Renewal'))![1].Properties;
  assert.deepEqual(renewal.Environment.Variables.SKYLARK_DNS_ZONE_ID, 'Z0CHALLENGE');
});

test('with the operator’s own certificates there is no renewal', () => {
  const { templates, resources } = synthesize({ shape: 'small', certificates: 'pem' });
  const ids = resources('web', 'AWS::Lambda::Function').map(([id]) => id.replace(/Function.*/, ''));
  assert.deepEqual(ids.sort(), ['CanaryFlight', 'Pages']);
  templates.web.resourceCountIs('AWS::Events::Rule', 1);
});

for (const name of shapes)
  test(`${name}: pages come through a CDN, which keeps files of the web client and nothing else`, () => {
    const { DistributionConfig: cdn } = shape(name).only('web', 'AWS::CloudFront::Distribution').Properties;
    const { DefaultCacheBehavior: pages, CacheBehaviors } = cdn;
    const origin = cdn.Origins.find(({ Id }: Json) => Id === pages.TargetOriginId);
    const kept = CacheBehaviors.filter(({ TargetOriginId }: Json) => TargetOriginId === origin.Id);
    assert.equal(cdn.Origins.length, 2); // and that of the tasks (front.test.ts)
    assert.equal(origin.OriginCustomHeaders, undefined);
    assert.match(JSON.stringify(origin.DomainName), /"Api[0-9A-F]+".*execute-api/);
    assert.equal(origin.CustomOriginConfig.OriginProtocolPolicy, 'https-only');
    const disabled = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad';
    assert.deepEqual([pages.CachePolicyId, pages.ViewerProtocolPolicy], [disabled, 'redirect-to-https']);
    assert.deepEqual(pages.AllowedMethods, ['GET', 'HEAD', 'OPTIONS']);
    assert.deepEqual(
      kept.map(({ PathPattern, CachePolicyId }: Json) => [PathPattern, CachePolicyId === disabled]),
      [['/client/*', false]],
    );
  });

test('pages get a domain of their own, over IPv4 and IPv6, with TLS 1.2 at least', () => {
  const webCertificate = `arn:aws:acm:us-east-1:123456789012:certificate/${'0'.repeat(36)}`;
  const { templates, only } = synthesize({ shape: 'small', webDomain: 'chat.example.org', webCertificate });
  const { DistributionConfig: cdn } = only('web', 'AWS::CloudFront::Distribution').Properties;
  assert.deepEqual(cdn.Aliases, ['chat.example.org']);
  assert.equal(cdn.ViewerCertificate.MinimumProtocolVersion, 'TLSv1.2_2021');
  for (const Type of ['A', 'AAAA'])
    templates.web.hasResourceProperties('AWS::Route53::RecordSet', { Name: 'chat.example.org.', Type });
});
