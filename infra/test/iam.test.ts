/** Checks every policy of every stack: each action is named, and each resource is named or is in a list with a reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from './context.ts';
import { type StackName, shape, shapes } from './synthesis.ts';

interface Statement {
  readonly where: string;
  readonly Effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly Json[];
  readonly Condition?: Json;
  readonly Principal?: Json;
  readonly hasNot: boolean;
}

const asList = (value: Json): Json[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

/** Everything with a `Statement`, wherever it is: policies of roles, buckets, keys, topics, trust. */
function statementsIn(value: Json, where: string): Statement[] {
  if (value === null || typeof value !== 'object') return [];
  const here = asList(value.Statement)
    .filter((one) => one?.Effect !== undefined)
    .map((one) => ({
      where,
      Effect: one.Effect,
      actions: asList(one.Action),
      resources: asList(one.Resource),
      Condition: one.Condition,
      Principal: one.Principal,
      hasNot: one.NotAction !== undefined || one.NotResource !== undefined || one.NotPrincipal !== undefined,
    }));
  return [...here, ...Object.values(value).flatMap((child) => statementsIn(child, where))];
}

function statements(name: (typeof shapes)[number]): Statement[] {
  const { templates } = shape(name);
  return (Object.keys(templates) as StackName[]).flatMap((stack) =>
    Object.entries(templates[stack].toJSON().Resources as Json).flatMap(([id, resource]) =>
      statementsIn(resource, `${stack}/${id}`),
    ),
  );
}

/** The text of a resource; values that are filled in at deployment appear as their names. */
function text(value: Json): string {
  if (typeof value === 'string') return value;
  if (value['Fn::Join'] !== undefined) return value['Fn::Join'][1].map(text).join('');
  if (value.Ref !== undefined) return `<${value.Ref}>`;
  return '<attribute>';
}

/** The only wildcards in resources, and why each is needed. */
const wildcards: readonly { readonly where: RegExp; readonly action: RegExp; readonly resource: RegExp; readonly why: string }[] =
  [
    {
      where: /ExecutionRole/,
      action: /^ecr:GetAuthorizationToken$/,
      resource: /^\*$/,
      why: 'the action cannot be limited to a resource',
    },
    {
      where: /(Connection|All)TaskRole/,
      action: /^ecs:(Get|Update)TaskProtection$/,
      resource: /:task\/skylark\/\*$/,
      why: "a task's id is known only when it runs; the cluster is named",
    },
    {
      where: /(Router|All)TaskRole/,
      action: /^s3:(Delete|Put)Object$/,
      resource: /:s3:::skylark-files-<AWS::AccountId>-<AWS::Region>\/\*$/,
      why: 'files get their names when they are uploaded',
    },
    {
      where: /CertificatesRenewalRole/,
      action: /^route53:GetChange$/,
      resource: /:route53:::change\/\*$/,
      why: 'Route 53 chooses the id',
    },
    {
      where: /^data\/CertificateKey/,
      action: /^kms:\*$/,
      resource: /^\*$/,
      why: 'it is the policy of the key, and belongs to the account, not to everybody',
    },
    {
      where: /^data\/FilesPolicy/,
      action: /^s3:(\*|GetObject)$/,
      resource: /<attribute>\/\*$/,
      why: 'it is the policy of the bucket',
    },
  ];

for (const name of shapes) {
  test(`${name}: no statement allows an action by a wildcard, or everything except a list`, () => {
    const all = statements(name);
    assert.ok(all.length > 20, `only ${all.length} statements were seen`);
    for (const { where, Effect, actions, hasNot } of all) {
      if (Effect === 'Deny') continue;
      assert.ok(!hasNot, `${where} allows what is not named`);
      assert.ok(actions.length > 0, where);
      const isKeyPolicy = /^data\/CertificateKey/.test(where); // without this the account could not give rights to its own key
      for (const action of actions) assert.ok(isKeyPolicy || !action.includes('*'), `${where} allows ${action}`);
    }
  });

  test(`${name}: resources are named, except those in the list above`, () => {
    const used = new Set<(typeof wildcards)[number]>();
    const explanationOf = (where: string, action: string, resource: string) => {
      const found = wildcards.find((one) => one.where.test(where) && one.action.test(action) && one.resource.test(resource));
      if (found !== undefined) used.add(found);
      return found;
    };
    const unexplained = statements(name)
      .filter(({ Effect }) => Effect === 'Allow')
      .flatMap(({ where, actions, resources }) =>
        actions.flatMap((action) =>
          resources
            .map(text)
            .filter((resource) => resource.includes('*'))
            .filter((resource) => explanationOf(where, action, resource) === undefined)
            .map((resource) => `${where}: ${action} on ${resource}`),
        ),
      );
    assert.deepEqual(unexplained, []);
    if (name === 'cell') assert.equal(used.size, wildcards.length, 'an unused exception');
  });

  test(`${name}: rights to rows are rights to partitions`, () => {
    const rows = statements(name).filter(({ actions }) => actions.some((action) => action.startsWith('dynamodb:')));
    assert.ok(rows.length >= 5);
    for (const { where, actions, Condition } of rows) {
      const patterns: string[] = asList(Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']);
      assert.ok(patterns.length > 0, `${where} may touch any row with ${actions}`);
      assert.deepEqual(Condition.Null, { 'dynamodb:LeadingKeys': 'false' }, where);
      for (const pattern of patterns)
        assert.match(
          pattern,
          /^(#[a-z-]+|#n\.\*|#s2s-\*|#parked-\*|#push-due-\*|#pubsub-due-\*|#work-\*|\*\/[a-z](\/\*)?|example\.org\/a\/canary)$/,
        );
      if (patterns.some((pattern) => /^\*\/[a-z]$/.test(pattern))) {
        const except = asList(Condition['ForAllValues:StringNotLike']?.['dynamodb:LeadingKeys']);
        const others = ['*/a/*', '*/r/*', '*/d/*'].filter((kind) => !patterns.includes(kind) && !except.includes(kind));
        assert.ok(others.length === 0 || except.includes('*/*/*'), `${where}: ${patterns} fits those of ${others}`);
      }
      const never = ['dynamodb:Scan', 'dynamodb:DeleteTable', 'dynamodb:PartiQLSelect', 'dynamodb:TransactWriteItems'];
      for (const action of never) assert.ok(!actions.includes(action), `${where} ${action}`);
    }
  });

  test(`${name}: nobody outside the account is trusted, and no user or managed policy is made`, () => {
    const { templates } = shape(name);
    for (const stack of Object.keys(templates) as StackName[]) {
      for (const type of ['AWS::IAM::User', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::AccessKey'])
        templates[stack].resourceCountIs(type, 0);
    }
    for (const { where, Effect, Principal } of statements(name)) {
      if (Effect === 'Deny' || Principal === undefined) continue;
      assert.ok(Principal !== '*' && Principal.AWS !== '*', where);
      if (Principal.Service !== undefined) assert.match(JSON.stringify(Principal.Service), /amazonaws\.com/);
    }
  });
}

/** What a service's role may do, by service of AWS. */
function allowed(role: RegExp): string[] {
  const found = statements('cell').filter(({ where, Principal }) => role.test(where) && Principal === undefined);
  assert.ok(found.length > 0);
  return [...new Set(found.flatMap(({ actions }) => actions.map((action) => action.split(':')[0]!)))].sort();
}

test('cell: the process that faces the internet signs nothing, orders nothing, and opens only sealed keys of tenants', () => {
  assert.deepEqual(allowed(/^app\/ConnectionTaskRole/), ['dynamodb', 'ecs', 'kms']);
  assert.deepEqual(allowed(/^app\/PeersTaskRole/), ['dynamodb', 'kms']);
  assert.deepEqual(allowed(/^app\/FederationTaskRole/), ['dynamodb', 'kms']);
  assert.deepEqual(allowed(/^app\/RouterTaskRole/), ['dynamodb', 'kms', 's3']);
  assert.deepEqual(allowed(/^app\/MucTaskRole/), ['dynamodb']);
  assert.deepEqual(allowed(/^web\/PagesRole/), ['dynamodb', 'logs']);
  assert.deepEqual(allowed(/^web\/CertificatesRenewalRole/), ['dynamodb', 'kms', 'logs', 'route53']);
  const keyRights = (role: RegExp) =>
    statements('cell')
      .filter(({ where, actions }) => role.test(where) && actions.some((one) => one.startsWith('kms:')))
      .map(({ actions, Condition }) => ({ actions, Condition }));
  const unseal = {
    actions: ['kms:Decrypt'],
    Condition: {
      StringNotLike: { 'kms:EncryptionContext:domain': ['#*', 'dialback *', 'tokens *'] },
      Null: { 'kms:EncryptionContext:domain': 'false' },
    },
  };
  for (const role of [/^app\/ConnectionTaskRole/, /^app\/PeersTaskRole/]) assert.deepEqual(keyRights(role), [unseal]);
  const sealing = (context: string) => ({
    actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
    Condition: { StringLike: { 'kms:EncryptionContext:domain': `${context} *` } },
  });
  assert.deepEqual(keyRights(/^app\/FederationTaskRole/), [unseal, sealing('dialback')]);
  const seal = { ...unseal, actions: ['kms:GenerateDataKey'] };
  assert.deepEqual(keyRights(/^app\/RouterTaskRole/), [sealing('tokens'), seal], 'no private key is opened');
});

test('cell: the bus has a role without any right', () => {
  const found = statements('cell').filter(({ where }) => /^net\/BusTaskTaskRole/.test(where));
  assert.deepEqual(
    found.map(({ actions }) => actions),
    [['sts:AssumeRole']],
  );
});

test('the canary may read and write the row of its own account, and nothing else', () => {
  const found = statements('cell').filter(
    ({ where, Principal }) => /^web\/CanaryFlightRole/.test(where) && Principal === undefined,
  );
  const rows = found.filter(({ actions }) => actions.some((one) => !one.startsWith('logs:')));
  assert.equal(rows.length, 1);
  assert.deepEqual(rows[0]!.Condition['ForAllValues:StringLike'], { 'dynamodb:LeadingKeys': ['example.org/a/canary'] });
});

test('the renewal writes TXT records of one zone and nothing else', () => {
  const found = statements('cell').filter(({ actions }) => actions.includes('route53:ChangeResourceRecordSets'));
  assert.equal(found.length, 1);
  assert.deepEqual(found[0]!.resources.map(text), ['arn:<AWS::Partition>:route53:::hostedzone/Z0123456789ABC']);
  assert.deepEqual(found[0]!.Condition, {
    'ForAllValues:StringEquals': { 'route53:ChangeResourceRecordSetsRecordTypes': ['TXT'] },
    Null: { 'route53:ChangeResourceRecordSetsRecordTypes': 'false' },
  });
});

test('the check finds a planted wildcard', () => {
  const planted = {
    Properties: { Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] } }] },
  };
  assert.deepEqual(
    statementsIn(planted, 'x').map(({ actions }) => actions),
    [['s3:*']],
  );
  assert.equal(text({ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::x/*']] }), 'arn:<AWS::Partition>:s3:::x/*');
});
