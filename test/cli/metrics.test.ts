/** Figures in CloudWatch's embedded metric format. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics, metricNames } from '../../services/cli/compose/metrics.ts';
import { ManualClock } from '../connection/manual-clock.ts';

interface Line {
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [member: string]: unknown;
}

function begin() {
  const clock = new ManualClock();
  const lines: Line[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Line);
  return { clock, lines, metrics: new Metrics({ clock, service: 'connection', deployment: 'skylark-', write }) };
}

test('one line a minute says what is there, with its dimensions', async () => {
  const { clock, lines, metrics } = begin();
  let streams = 3;
  metrics.gauge('Connections', () => streams);
  metrics.gauge('BatchLatency', () => 12.34567);
  metrics.start();
  await clock.advance(60_000);
  streams = 4;
  await clock.advance(60_000);
  metrics.stop();
  await clock.advance(600_000);
  assert.deepEqual(
    lines.map(({ Connections }) => Connections),
    [3, 4, 4],
  );
  assert.deepEqual(lines[0], {
    _aws: {
      Timestamp: 1_700_000_060_000,
      CloudWatchMetrics: [
        {
          Namespace: 'Skylark',
          Dimensions: [['Service', 'Deployment']],
          Metrics: [
            { Name: 'Connections', Unit: 'Count' },
            { Name: 'BatchLatency', Unit: 'Milliseconds' },
          ],
        },
      ],
    },
    Service: 'connection',
    Deployment: 'skylark-',
    Connections: 3,
    BatchLatency: 12.346,
  });
});

test('of a counter it says by how much it has grown, and nothing of what is not known', async () => {
  const { clock, lines, metrics } = begin();
  let total = 5;
  metrics.counter('Throttles', () => total);
  metrics.gauge('DeliveryLatency', () => undefined);
  metrics.start();
  await clock.advance(60_000);
  await clock.advance(60_000);
  total = 7;
  await clock.advance(60_000);
  assert.deepEqual(
    lines.map(({ Throttles }) => Throttles),
    [5, 0, 2],
  );
  assert.ok(lines.every((line) => !('DeliveryLatency' in line)));
  assert.ok(lines.every((line) => line._aws.CloudWatchMetrics[0]!.Metrics.length === 1));
});

test('without anything to say there is no line, nor of what is for Prometheus alone', async () => {
  const { lines, metrics } = begin();
  metrics.gauge('Rooms', () => 3);
  assert.deepEqual(metrics.told, []);
  metrics.tell();
  assert.deepEqual(lines, []);
});

test('the names are those that alarms are made for', () => {
  const agreed = ['Connections', 'BatchLatency', 'DeliveryLatency', 'Resyncs', 'Throttles', 'CertificateDaysLeft', 'StoreErrors'];
  assert.deepEqual(
    agreed.filter((name) => !(metricNames as readonly string[]).includes(name)),
    [],
  );
});
