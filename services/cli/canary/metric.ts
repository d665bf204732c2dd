/** What an operator is told of each try. */
import { embeddedMetrics } from '../../../lib/runtime/embedded-metrics.ts';

/** @param passes 1 when everything was well, 0 when not */
export function passesMetric(passes: 0 | 1, tookMs: number, deployment: string, nowMs: number): string {
  return embeddedMetrics({ service: 'canary', deployment }, nowMs, [
    { name: 'CanaryPasses', unit: 'Count', value: passes },
    { name: 'CanaryTime', unit: 'Milliseconds', value: Math.round(tookMs) },
  ]);
}
