/** Whatever tier falls silent, an alarm rings: the metrics of one tier at a time are taken away, and alarms are judged as CloudWatch does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slowConsumerText } from '../lib/nats-bus.ts';
import type { Json } from './context.ts';
import { shape, shapes } from './synthesis.ts';

interface Alarm {
  readonly id: string;
  readonly properties: Json;
  /** Whose metric it watches: a tier, the bus, or something else. */
  readonly tier: string;
}

/** The tier whose tasks a metric is about. */
function tierOf({ Namespace, Dimensions = [] }: Json, id: string): string {
  const value = (name: string): Json => Dimensions.find(({ Name }: Json) => Name === name)?.Value;
  if (Namespace === 'Skylark') return value('Service');
  const service = JSON.stringify(value('ServiceName') ?? '');
  const found = /(All|Connection|Peers|Router|Muc|Federation|Api)Service|(Bus)Service/.exec(service);
  if (found !== null) return (found[1] ?? found[2])!.toLowerCase();
  if (Namespace === 'AWS/NetworkELB') return /HealthyPeers/.test(id) ? 'peers' : 'front';
  return 'store';
}

function alarmsOf(name: (typeof shapes)[number]): Alarm[] {
  const { resources } = shape(name);
  return [...resources('app', 'AWS::CloudWatch::Alarm'), ...resources('web', 'AWS::CloudWatch::Alarm')]
    .filter(([id, { Properties }]) => /^(Operations|Canary)/.test(id) && Properties.Namespace !== undefined)
    .map(([id, { Properties: properties }]) => ({ id, properties, tier: tierOf(properties, id) }));
}

/** Does the alarm ring where there is no data at all? */
const ringsInSilence = ({ properties }: Alarm) => properties.TreatMissingData === 'breaching';

const tiers = {
  small: ['all', 'canary', 'front'],
  cell: ['connection', 'peers', 'router', 'muc', 'federation', 'api', 'bus', 'canary', 'front'],
} as const;

for (const name of shapes)
  for (const tier of tiers[name])
    test(`${name}: without any metric of the tier ${tier} an alarm rings`, () => {
      const ringing = alarmsOf(name).filter((alarm) => alarm.tier === tier && ringsInSilence(alarm));
      assert.ok(ringing.length > 0, `nobody is woken when ${tier} is silent`);
      for (const { id, properties } of ringing) {
        const minutes = (properties.EvaluationPeriods * properties.Period) / 60;
        assert.ok(minutes <= (properties.MetricName === 'CertificateDaysLeft' ? 120 : 10), `${id} takes ${minutes} minutes`);
      }
    });

/** What a metric of samples has in five minutes when each of so many processes writes one a minute. */
function rings({ properties }: Alarm, processes: number): boolean {
  const value = (processes * properties.Period) / 60;
  if (properties.ComparisonOperator === 'LessThanThreshold') return value < properties.Threshold;
  return value > properties.Threshold;
}

test('cell: an alarm rings when a task of the least number is missing, and when there are as many as may be', () => {
  const all = alarmsOf('cell');
  const targets = shape('cell').resources('app', 'AWS::ApplicationAutoScaling::ScalableTarget');
  for (const tier of tiers.cell.filter((one) => !['bus', 'canary', 'front'].includes(one))) {
    const find = (what: string) => all.find(({ id }) => id.toLowerCase().startsWith(`operations${tier}${what}alarm`))!;
    const [, { Properties: bounds }] = targets.find(([id]) => id.toLowerCase().startsWith(tier))!;
    const [least, most] = [find('tasks'), find('tasksmax')];
    for (const { properties } of [least, most]) assert.deepEqual([properties.Statistic, properties.Period], ['SampleCount', 300]);
    assert.equal(rings(least, bounds.MinCapacity), false, tier);
    assert.equal(rings(least, bounds.MinCapacity - 1), true, tier);
    assert.equal(rings(most, bounds.MaxCapacity - 1), false, tier);
    assert.equal(rings(most, bounds.MaxCapacity), true, tier);
  }
});

test('cell: the alarm on clients that the bus cuts off watches what the filter counts, in the words of the server', () => {
  const { Properties: filter } = shape('cell').only('net', 'AWS::Logs::MetricFilter');
  const [counted] = filter.MetricTransformations;
  const [, { Properties: alarm }] = shape('cell')
    .resources('app', 'AWS::CloudWatch::Alarm')
    .find(([id]) => id.startsWith('OperationsBusSlowConsumersAlarm'))!;
  assert.deepEqual([alarm.Namespace, alarm.MetricName], [counted.MetricNamespace, counted.MetricName]);
  assert.deepEqual([alarm.Statistic, alarm.Threshold, alarm.ComparisonOperator], ['Sum', 0, 'GreaterThanThreshold']);
  assert.equal(filter.FilterPattern, `"${slowConsumerText}"`);
});

for (const name of shapes)
  test(`${name}: whoever hears the alarms hears of a failed deployment of any service of the cluster`, () => {
    const rules = shape(name).resources('app', 'AWS::Events::Rule');
    const [[, { Properties: rule }], ...others] = rules.filter(([id]) => id.startsWith('OperationsDeployments')) as typeof rules &
      [(typeof rules)[0]];
    assert.deepEqual(others, []);
    const { source, resources, detail } = rule.EventPattern;
    assert.deepEqual([source, rule.EventPattern['detail-type']], [['aws.ecs'], ['ECS Deployment State Change']]);
    assert.deepEqual(detail, { eventName: ['SERVICE_DEPLOYMENT_FAILED'] });
    assert.match(JSON.stringify(resources), /"prefix":.*:service\/skylark\//);
    const { id: topic } = shape(name).only('data', 'AWS::SNS::Topic');
    assert.match(JSON.stringify(rule.Targets[0].Arn), new RegExp(topic));
  });
