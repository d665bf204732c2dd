/** What an operator is told of each look. */
import { embeddedMetrics } from '../../lib/runtime/embedded-metrics.ts';
import type { Plan } from './plan.ts';

export function scaleInMetric({ next, isStuck }: Plan, deployment: string, nowMs: number): string {
  return embeddedMetrics({ service: 'scale-in', deployment }, nowMs, [
    { name: 'TasksLeaving', unit: 'Count', value: next.leaving === undefined ? 0 : 1 },
    { name: 'ScaleInStuck', unit: 'Count', value: isStuck ? 1 : 0 },
  ]);
}
