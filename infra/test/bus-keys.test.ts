/** Who can read the keys of the bus, and what the function that makes them may do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busRights } from '../../lib/runtime/bus-rights.ts';
import type { Json } from './context.ts';
import { type StackName, shape } from './synthesis.ts';

const tiers = ['api', 'connection', 'federation', 'muc', 'peers', 'router'] as const;

/** The ids of secrets by the name of whoever needs them: a tier, `servers`, or `all`. */
function secretIds(): Map<string, string> {
  const found = shape('cell').resources('net', 'AWS::SecretsManager::Secret');
  return new Map(found.map(([id]) => [/^BusKeys(\w+?)[0-9A-F]{8}$/.exec(id)![1]!.toLowerCase(), id]));
}

/** The names of secrets that a text of a template speaks of. */
function namedIn(value: Json): string[] {
  const text = JSON.stringify(value);
  return [...secretIds()].filter(([, id]) => text.includes(id)).map(([name]) => name);
}

/** Every right to a secret: the role that has it, the secrets, the actions. */
function rights(): { readonly role: string; readonly secrets: string[]; readonly actions: string[] }[] {
  return (['net', 'app', 'web'] as StackName[]).flatMap((stack) =>
    shape('cell')
      .resources(stack, 'AWS::IAM::Policy')
      .flatMap(([, { Properties }]) =>
        Properties.PolicyDocument.Statement.filter(({ Action }: Json) => `${Action}`.includes('secretsmanager:')).map(
          ({ Action, Resource }: Json) => ({
            role: Properties.Roles[0].Ref,
            secrets: namedIn(Resource),
            actions: [Action].flat().sort(),
          }),
        ),
      ),
  );
}

test('there is a secret for each tier, one for the servers, and one for the function', () => {
  assert.deepEqual([...secretIds().keys()].sort(), ['all', ...tiers, 'servers'].sort());
  shape('small').templates.net.resourceCountIs('AWS::SecretsManager::Secret', 0);
});

test('each secret is read by what starts the tasks that need it, and all of them by the function alone', () => {
  const [own, others] = [
    rights().filter(({ role }) => role.startsWith('BusKeys')),
    rights().filter(({ role }) => !role.startsWith('BusKeys')),
  ];
  assert.equal(own.length, 1);
  assert.deepEqual(own[0]!.secrets.sort(), [...secretIds().keys()].sort());
  assert.deepEqual(own[0]!.actions, ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue']);
  const read = new Map<string, Set<string>>();
  for (const { role, secrets, actions } of others) {
    assert.match(role, /ExecutionRole/, 'the process itself needs no right');
    assert.deepEqual(actions, ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue']);
    const tier = /^(\w+?)ExecutionRole/.exec(role)![1]!.toLowerCase();
    read.set(tier, new Set([...(read.get(tier) ?? []), ...secrets]));
  }
  const wanted = [...tiers.map((tier) => [tier, [tier]] as const), ['bus', ['servers']] as const];
  assert.deepEqual(
    new Map([...read].map(([tier, secrets]) => [tier, [...secrets]])),
    new Map(wanted.map(([tier, all]) => [tier, [...all]])),
  );
});

test('a task is given the secret of its own tier', () => {
  const { resources } = shape('cell');
  const given = resources('app', 'AWS::ECS::TaskDefinition').map(([, { Properties }]) => {
    const [{ Command, Secrets }] = Properties.ContainerDefinitions;
    return [Command[1], namedIn(Secrets)];
  });
  assert.deepEqual(
    given.sort(),
    tiers.map((tier) => [tier, [tier]]),
  );
});

test('the rights that the template names are those of the table, so that a change of them calls the function', () => {
  const { rights: named, host } = shape('cell').only('net', 'Custom::BusKeys').Properties;
  assert.deepEqual(named, Object.fromEntries(tiers.map((tier) => [tier, busRights[tier]])));
  assert.equal(host, 'nats.skylark.internal');
});

test('the function may deploy the servers of the bus, and nothing else', () => {
  const { resources, only } = shape('cell');
  const [, { Properties }] = resources('net', 'AWS::IAM::Policy').find(([id]) => id.startsWith('BusKeys'))!;
  const ecs = Properties.PolicyDocument.Statement.filter(({ Action }: Json) => `${Action}`.includes('ecs:'));
  assert.deepEqual(
    ecs.map(({ Action }: Json) => Action),
    ['ecs:UpdateService'],
  );
  assert.ok(JSON.stringify(ecs[0].Resource).includes(':service/skylark/nats"'));
  assert.equal(only('net', 'AWS::ECS::Service').Properties.ServiceName, 'nats');
});

test('the keys are made before the servers, and looked after every day', () => {
  const { only, resources } = shape('cell');
  const [made] = resources('net', 'Custom::BusKeys')[0]!;
  assert.ok((only('net', 'AWS::ECS::Service') as Json).DependsOn.includes(made));
  const { ScheduleExpression, Targets } = only('net', 'AWS::Events::Rule').Properties;
  assert.deepEqual([ScheduleExpression, Targets[0].Input], ['rate(1 day)', '{}']);
});

test('the function has an alarm', () => {
  const alarms = shape('cell').resources('net', 'AWS::CloudWatch::Alarm');
  assert.ok(
    alarms.some(([id, { Properties }]) => id.startsWith('BusKeysFunctionErrors') && Properties.AlarmActions.length === 1),
  );
});
