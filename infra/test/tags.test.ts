/** What bills and operators tell resources by, what stays when stacks go, and references that CloudFormation takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from './context.ts';
import { type StackName, shape, shapes } from './synthesis.ts';

const stackNames: readonly StackName[] = ['data', 'net', 'web', 'app'];

function all(name: (typeof shapes)[number], type: string): [string, Json][] {
  return stackNames.flatMap((stack) => Object.entries(shape(name).templates[stack].findResources(type)));
}

for (const name of shapes) {
  test(`${name}: tables, bucket, load balancers, functions, services and their tasks say whose they are`, () => {
    const types = [
      'S3::Bucket',
      'ElasticLoadBalancingV2::LoadBalancer',
      'Lambda::Function',
      'ECS::Service',
      'ECS::TaskDefinition',
    ];
    for (const type of types) {
      const found = all(name, `AWS::${type}`).filter(([id]) => !/^CustomVpc/.test(id));
      assert.ok(found.length > 0, type);
      for (const [id, { Properties }] of found) {
        const tags = new Map(Properties.Tags.map(({ Key, Value }: Json) => [Key, Value]));
        assert.equal(tags.get('skylark:deployment'), 'skylark', id);
        if (!type.startsWith('ECS::')) continue;
        assert.match(`${tags.get('skylark:tier')}`, /^(all|connection|peers|router|muc|federation|api|nats)$/, id);
        if (type === 'ECS::Service') assert.equal(Properties.PropagateTags, 'SERVICE', id);
      }
    }
    for (const [id, { Properties }] of all(name, 'AWS::DynamoDB::GlobalTable'))
      assert.ok(
        Properties.Replicas[0].Tags.some(({ Key }: Json) => Key === 'skylark:deployment'),
        id,
      );
  });

  test(`${name}: each tier has a tag of its own`, () => {
    const tiers = all(name, 'AWS::ECS::Service').map(
      ([, { Properties }]) => Properties.Tags.find(({ Key }: Json) => Key === 'skylark:tier').Value,
    );
    const wanted = name === 'small' ? ['all'] : ['api', 'connection', 'federation', 'muc', 'nats', 'peers', 'router'];
    assert.deepEqual(tiers.sort(), wanted);
  });

  test(`${name}: logs stay when a stack goes`, () => {
    const groups = all(name, 'AWS::Logs::LogGroup');
    assert.ok(groups.length >= 4, `only ${groups.length} were seen`);
    for (const [id, { DeletionPolicy, UpdateReplacePolicy }] of groups)
      assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain'], id);
  });

  test(`${name}: no reference to another stack stands inside Fn::Split`, () => {
    const templates = stackNames.map((stack) => shape(name).templates[stack].toJSON());
    assert.match(JSON.stringify(templates), /Fn::GetStackOutput/, 'there is no such reference: was anything seen?');
    for (const split of templates.flatMap(splits)) assert.doesNotMatch(JSON.stringify(split), /Fn::(GetStackOutput|ImportValue)/);
  });
}

function splits(value: Json): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [...(key === 'Fn::Split' ? [each] : []), ...splits(each)]);
}

test('the search finds what is split', () => {
  assert.deepEqual(splits({ a: [{ 'Fn::Split': [':', { 'Fn::GetStackOutput': {} }] }] }), [[':', { 'Fn::GetStackOutput': {} }]]);
});
