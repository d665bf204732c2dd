/** What an operator is told of each look at the certificates. */

import { daysLeft } from '../../lib/runtime/certificates.ts';
import { embeddedMetrics } from '../../lib/runtime/embedded-metrics.ts';
import type { Result } from './renewal.ts';

/** Days until the first end of any certificate in use; undefined when there is none. */
export function daysLeftMetric(results: readonly Result[], deployment: string, nowMs: number): string | undefined {
  const days = results.flatMap(({ entry }) => (entry === undefined ? [] : [daysLeft(entry, nowMs)]));
  if (days.length === 0) return undefined;
  const metric = { name: 'CertificateDaysLeft', unit: 'None', value: Math.min(...days) };
  return embeddedMetrics({ service: 'certificates', deployment }, nowMs, [metric]);
}
