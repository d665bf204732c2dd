/**
 * The metrics that services write into their logs (embedded metric format), under the names of services/cli/compose/metrics.ts
 * and services/scale-in/metric.ts.
 */
import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Settings } from './settings.ts';

export type MetricName =
  | 'Connections'
  | 'BatchLatency'
  | 'DeliveryLatency'
  | 'Resyncs'
  | 'Throttles'
  | 'CertificateDaysLeft'
  | 'StoreErrors'
  | 'Faults'
  | 'BadProxyHeaders'
  | 'PeerPairs'
  | 'PeerFailures'
  | 'OutboxRows'
  | 'OutboxAge'
  | 'OutboxLag'
  | 'TasksLeaving'
  | 'ScaleInStuck';

const namespace = 'Skylark';

export function serviceMetric(
  { tablePrefix }: Settings,
  service: string,
  name: MetricName,
  statistic: string,
  minutes = 1,
): Metric {
  return new Metric({
    namespace,
    metricName: name,
    dimensionsMap: { Service: service, Deployment: tablePrefix },
    statistic,
    period: Duration.minutes(minutes),
  });
}
