/** CloudWatch's embedded metric format: one line of JSON on stdout is a log event and a data point. */
import { daysLeft } from './due.ts';
import type { Result } from './renewal.ts';

/** Days until the first end of any certificate in use; undefined when there is none. */
export function daysLeftMetric(results: readonly Result[], deployment: string, nowMs: number): string | undefined {
  const days = results.flatMap(({ entry }) => (entry === undefined ? [] : [daysLeft(entry, nowMs)]));
  if (days.length === 0) return undefined;
  return JSON.stringify({
    _aws: {
      Timestamp: nowMs,
      CloudWatchMetrics: [
        {
          Namespace: 'Skylark',
          Dimensions: [['Service', 'Deployment']],
          Metrics: [{ Name: 'CertificateDaysLeft', Unit: 'None' }],
        },
      ],
    },
    Service: 'certificates',
    Deployment: deployment,
    CertificateDaysLeft: Math.min(...days),
  });
}
