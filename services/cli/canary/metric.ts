/** CloudWatch's embedded metric format: one line of JSON on stdout is a log event and two data points. */

/** @param passes 1 when everything was well, 0 when not */
export function passesMetric(passes: 0 | 1, tookMs: number, deployment: string, nowMs: number): string {
  return JSON.stringify({
    _aws: {
      Timestamp: nowMs,
      CloudWatchMetrics: [
        {
          Namespace: 'Skylark',
          Dimensions: [['Service', 'Deployment']],
          Metrics: [
            { Name: 'CanaryPasses', Unit: 'Count' },
            { Name: 'CanaryTime', Unit: 'Milliseconds' },
          ],
        },
      ],
    },
    Service: 'canary',
    Deployment: deployment,
    CanaryPasses: passes,
    CanaryTime: Math.round(tookMs),
  });
}
