/** The stack Data: what must outlive everything else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { Match } from 'aws-cdk-lib/assertions';
import { uploadsFunction } from '../lib/uploads-function.ts';
import type { Json } from './context.ts';
import { shape, shapes, synthesize } from './synthesis.ts';

for (const name of shapes) {
  test(`${name}: three tables with the keys and the expiry that the adapter uses`, () => {
    const { resources } = shape(name);
    const tables = resources('data', 'AWS::DynamoDB::GlobalTable');
    assert.deepEqual(tables.map(([, { Properties }]) => Properties.TableName).sort(), [
      'skylark-archive',
      'skylark-core',
      'skylark-live',
    ]);
    for (const [, { Properties: table, DeletionPolicy, UpdateReplacePolicy }] of tables) {
      assert.deepEqual(table.KeySchema, [
        { AttributeName: 'p', KeyType: 'HASH' },
        { AttributeName: 's', KeyType: 'RANGE' },
      ]);
      assert.deepEqual(table.AttributeDefinitions, [
        { AttributeName: 'p', AttributeType: 'S' },
        { AttributeName: 's', AttributeType: 'S' },
      ]);
      assert.deepEqual(table.TimeToLiveSpecification, { AttributeName: 'e', Enabled: true });
      assert.equal(table.BillingMode, 'PAY_PER_REQUEST');
      assert.equal(table.GlobalSecondaryIndexes, undefined);
      assert.equal(table.StreamSpecification, undefined);
      assert.equal(table.WarmThroughput, undefined);
      assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain']);
      assert.equal(table.Replicas.length, 1);
      assert.equal(table.Replicas[0].DeletionProtectionEnabled, true);
      const isBackedUp = table.TableName !== 'skylark-live';
      assert.deepEqual(table.Replicas[0].PointInTimeRecoverySpecification, { PointInTimeRecoveryEnabled: isBackedUp });
    }
  });

  test(`${name}: the bucket is private, encrypted, TLS only, and retained`, () => {
    const { templates, only } = shape(name);
    const { Properties: bucket, DeletionPolicy, UpdateReplacePolicy } = only('data', 'AWS::S3::Bucket');
    assert.deepEqual(bucket.PublicAccessBlockConfiguration, {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    assert.deepEqual(bucket.OwnershipControls, { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] });
    assert.equal(
      bucket.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.SSEAlgorithm,
      'AES256',
    );
    assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain']);
    assert.deepEqual(bucket.VersioningConfiguration, { Status: 'Enabled' });
    templates.data.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          Match.objectLike({ Effect: 'Deny', Action: 's3:*', Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } }),
        ]),
      },
    });
  });

  test(`${name}: browsers of any origin may put a file into a slot, and nothing else`, () => {
    const { Properties: bucket } = shape(name).only('data', 'AWS::S3::Bucket');
    const [rule, ...others] = bucket.CorsConfiguration.CorsRules;
    assert.deepEqual(others, []);
    assert.deepEqual([rule.AllowedMethods, rule.AllowedOrigins], [['PUT'], ['*']]);
    assert.deepEqual(rule.AllowedHeaders, ['content-type', 'content-length']);
  });

  test(`${name}: only the CDN reads the bucket, by origin access control`, () => {
    const { templates, only, resources } = shape(name);
    const [distributionId] = resources('data', 'AWS::CloudFront::Distribution').find(([id]) => id.startsWith('FilesCdn'))!;
    const { Properties: policy } = only('data', 'AWS::S3::BucketPolicy');
    const allowed = policy.PolicyDocument.Statement.filter((one: Json) => one.Effect === 'Allow');
    assert.equal(allowed.length, 1);
    assert.equal(allowed[0].Action, 's3:GetObject');
    assert.deepEqual(allowed[0].Principal, { Service: 'cloudfront.amazonaws.com' });
    assert.match(
      JSON.stringify(allowed[0].Condition.StringEquals['AWS:SourceArn']),
      new RegExp(`distribution/.*${distributionId}`),
    );
    templates.data.hasResourceProperties('AWS::CloudFront::OriginAccessControl', {
      OriginAccessControlConfig: { OriginAccessControlOriginType: 's3', SigningBehavior: 'always', SigningProtocol: 'sigv4' },
    });
  });

  test(`${name}: files are read over HTTPS with the headers that keep a browser from running them`, () => {
    const { templates, only, resources } = shape(name);
    const [, { Properties }] = resources('data', 'AWS::CloudFront::Distribution').find(([id]) => id.startsWith('FilesCdn'))!;
    const { DefaultCacheBehavior: behavior, CacheBehaviors } = Properties.DistributionConfig;
    assert.equal(CacheBehaviors, undefined);
    assert.equal(behavior.ViewerProtocolPolicy, 'https-only');
    assert.deepEqual(behavior.AllowedMethods, ['GET', 'HEAD']);
    const { id: headersId } = only('data', 'AWS::CloudFront::ResponseHeadersPolicy');
    assert.deepEqual(behavior.ResponseHeadersPolicyId, { Ref: headersId });
    templates.data.hasResourceProperties('AWS::CloudFront::ResponseHeadersPolicy', {
      ResponseHeadersPolicyConfig: {
        SecurityHeadersConfig: {
          ContentSecurityPolicy: { ContentSecurityPolicy: "default-src 'none'; sandbox", Override: true },
          ContentTypeOptions: { Override: true },
          FrameOptions: { FrameOption: 'DENY', Override: true },
          StrictTransportSecurity: { AccessControlMaxAgeSec: 31_536_000, Override: true },
        },
        CustomHeadersConfig: { Items: Match.arrayWith([{ Header: 'Content-Disposition', Value: 'attachment', Override: true }]) },
      },
    });
  });

  test(`${name}: the key for private keys is rotated, retained, and cannot be deleted in a day`, () => {
    const { Properties, DeletionPolicy } = shape(name).only('data', 'AWS::KMS::Key');
    assert.equal(Properties.EnableKeyRotation, true);
    assert.equal(Properties.PendingWindowInDays, 30);
    assert.equal(DeletionPolicy, 'Retain');
  });

  test(`${name}: forecast costs are reported`, () => {
    const { Properties } = shape(name).only('data', 'AWS::Budgets::Budget');
    assert.deepEqual([Properties.Budget.TimeUnit, Properties.Budget.BudgetType], ['MONTHLY', 'COST']);
    assert.equal(Properties.Budget.BudgetLimit.Amount, name === 'small' ? 100 : 1_000);
    const told = Properties.NotificationsWithSubscribers;
    assert.ok(told.some((one: Json) => one.Notification.NotificationType === 'FORECASTED'));
    for (const { Subscribers } of told)
      assert.deepEqual(Subscribers, [{ Address: 'ops@example.org', SubscriptionType: 'EMAIL' }]);
  });
}

for (const name of shapes)
  test(`${name}: uploads come through a CDN that keeps nothing, signs nothing, and asks S3 to take a key once; nobody may put otherwise`, () => {
    const { only, resources } = shape(name);
    const [, { Properties }] = resources('data', 'AWS::CloudFront::Distribution').find(([id]) => id.startsWith('UploadsCdn'))!;
    const { DefaultCacheBehavior: behavior, CacheBehaviors, Origins } = Properties.DistributionConfig;
    assert.equal(CacheBehaviors, undefined);
    assert.deepEqual(
      [behavior.CachePolicyId, behavior.OriginRequestPolicyId, behavior.ViewerProtocolPolicy],
      ['4135ea2d-6df8-44a3-9df3-4b5a84be39ad', 'b689b0a8-53d0-40ab-baf2-68738e2966ac', 'https-only'],
    );
    const { id: functionId, Properties: once } = only('data', 'AWS::CloudFront::Function');
    assert.equal(once.FunctionCode, uploadsFunction);
    assert.deepEqual(behavior.FunctionAssociations, [
      { EventType: 'viewer-request', FunctionARN: { 'Fn::GetAtt': [functionId, 'FunctionARN'] } },
    ]);
    const [origin, ...others] = Origins;
    assert.deepEqual(
      [others, origin.OriginAccessControlId, origin.S3OriginConfig],
      [[], undefined, { OriginAccessIdentity: '' }],
    );
    assert.match(JSON.stringify(origin.DomainName), /"Files[0-9A-F]+","RegionalDomainName"/);
    const { PolicyDocument } = only('data', 'AWS::S3::BucketPolicy').Properties;
    const denied = PolicyDocument.Statement.filter((one: Json) => one.Action === 's3:PutObject');
    assert.deepEqual(
      denied.map(({ Effect, Principal, Condition }: Json) => [Effect, Principal, Condition]),
      [['Deny', { AWS: '*' }, { Null: { 's3:if-none-match': 'true' } }]],
    );
    const signer = resources('app', 'AWS::ECS::TaskDefinition').find(([id]) =>
      id.startsWith(name === 'small' ? 'All' : 'Router'),
    )!;
    const variables = signer[1].Properties.ContainerDefinitions[0].Environment;
    const { Value } = variables.find(({ Name }: Json) => Name === 'SKYLARK_UPLOADS_URL');
    assert.match(JSON.stringify(Value), /"https:\/\/".*UploadsCdn/);
  });

test('the function at the edge lets PUTs through once, tells browsers that they may, and refuses the rest', () => {
  const atTheEdge = (method: string, headers: Json = {}): Json =>
    JSON.parse(
      JSON.stringify(runInNewContext(`${uploadsFunction}; handler(event)`, { event: { request: { method, headers } } })),
    );
  const type = { value: 'image/png' };
  for (const given of [{}, { 'if-none-match': { value: '"other"', multiValue: [{ value: 'x' }, { value: 'y' }] } }]) {
    const passed = atTheEdge('PUT', { 'content-type': type, ...given });
    assert.deepEqual(passed, { method: 'PUT', headers: { 'content-type': type, 'if-none-match': { value: '*' } } });
  }
  const { statusCode, headers } = atTheEdge('OPTIONS', { origin: { value: 'https://chat.example' } });
  assert.deepEqual(
    [statusCode, headers['access-control-allow-origin'].value, headers['access-control-allow-methods'].value],
    [204, '*', 'PUT'],
  );
  for (const method of ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE']) assert.equal(atTheEdge(method).statusCode, 405, method);
});

test('uploads may go straight to the bucket, and then a slot can be used again', () => {
  const { templates, resources } = synthesize({ shape: 'small', uploads: 'bucket' });
  templates.data.resourceCountIs('AWS::CloudFront::Distribution', 1);
  assert.doesNotMatch(JSON.stringify(Object.values(templates).map((one) => one.toJSON())), /if-none-match|SKYLARK_UPLOADS_URL/);
  const pages = resources('web', 'AWS::Lambda::Function').find(([id]) => id.includes('Pages'))![1].Properties;
  assert.match(JSON.stringify(pages.Environment.Variables.SKYLARK_FILES_ORIGINS), /Files.*RegionalDomainName/);
});

test('files expire with the retention, and never without one', () => {
  const rulesOf = (retentionDays: number) => {
    const { Properties } = synthesize({ shape: 'small', retentionDays }).only('data', 'AWS::S3::Bucket');
    return Properties.LifecycleConfiguration.Rules.filter((rule: Json) => rule.Status === 'Enabled').map(
      (rule: Json) => rule.ExpirationInDays,
    );
  };
  assert.deepEqual(rulesOf(90), [undefined, undefined, 90]);
  assert.deepEqual(rulesOf(0), [undefined, undefined]);
});

test('what was written over or removed can be brought back for a week, and nobody here may end that sooner', () => {
  for (const name of shapes) {
    const { Properties } = shape(name).only('data', 'AWS::S3::Bucket');
    const [rule] = Properties.LifecycleConfiguration.Rules.filter(({ Id }: Json) => Id === 'versions');
    assert.deepEqual(
      [rule.Status, rule.NoncurrentVersionExpiration, rule.ExpiredObjectDeleteMarker],
      ['Enabled', { NoncurrentDays: 7 }, true],
    );
    const rights = Object.values(shape(name).templates).map((template) => JSON.stringify(template.toJSON()));
    for (const text of rights)
      assert.doesNotMatch(
        text,
        /s3:(?:DeleteObjectVersion|PutBucketVersioning|PutLifecycleConfiguration|BypassGovernanceRetention)/,
      );
    assert.ok(
      rights.some((text) => text.includes('s3:PutObject')),
      'nobody may put: was anything seen?',
    );
  }
});

test('tables can be warmed before the first day', () => {
  const { resources } = synthesize({ shape: 'cell', warmReads: 40_000, warmWrites: 20_000 });
  for (const [, { Properties }] of resources('data', 'AWS::DynamoDB::GlobalTable')) {
    assert.deepEqual(Properties.WarmThroughput, { ReadUnitsPerSecond: 40_000, WriteUnitsPerSecond: 20_000 });
  }
});

test('files get a domain of their own, with TLS 1.2 at least', () => {
  const filesCertificate = `arn:aws:acm:us-east-1:123456789012:certificate/${'0'.repeat(36)}`;
  const { templates } = synthesize({ shape: 'cell', filesDomain: 'files.example.org', filesCertificate });
  templates.data.hasResourceProperties('AWS::CloudFront::Distribution', {
    DistributionConfig: {
      Aliases: ['files.example.org'],
      ViewerCertificate: {
        AcmCertificateArn: filesCertificate,
        MinimumProtocolVersion: 'TLSv1.2_2021',
        SslSupportMethod: 'sni-only',
      },
    },
  });
  templates.data.hasResourceProperties('AWS::Route53::RecordSet', { Name: 'files.example.org.', Type: 'A' });
  templates.data.hasResourceProperties('AWS::Route53::RecordSet', { Name: 'files.example.org.', Type: 'AAAA' });
});
