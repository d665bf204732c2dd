/** CloudWatch's embedded metric format: one line of JSON on stdout is a log event and two data points. */
import type { Plan } from './plan.ts';

export function scaleInMetric({ next, isStuck }: Plan, deployment: string, nowMs: number): string {
  return JSON.stringify({
    _aws: {
      Timestamp: nowMs,
      CloudWatchMetrics: [
        {
          Namespace: 'Skylark',
          Dimensions: [['Service', 'Deployment']],
          Metrics: [
            { Name: 'TasksLeaving', Unit: 'Count' },
            { Name: 'ScaleInStuck', Unit: 'Count' },
          ],
        },
      ],
    },
    Service: 'scale-in',
    Deployment: deployment,
    TasksLeaving: next.leaving === undefined ? 0 : 1,
    ScaleInStuck: isStuck ? 1 : 0,
  });
}
