/** CloudWatch's embedded metric format: one line of JSON on stdout is a log event, and a data point for each metric. */

export interface MetricValue {
  readonly name: string;
  /** As CloudWatch names it. */
  readonly unit: string | undefined;
  readonly value: number;
}

/** What has the metrics: their dimensions. */
export interface MetricOrigin {
  readonly service: string;
  readonly deployment: string;
}

export function embeddedMetrics({ service, deployment }: MetricOrigin, nowMs: number, metrics: readonly MetricValue[]): string {
  const told = metrics.map(({ name, unit }) => ({ Name: name, Unit: unit }));
  const directive = { Namespace: 'Skylark', Dimensions: [['Service', 'Deployment']], Metrics: told };
  const about = { Timestamp: nowMs, CloudWatchMetrics: [directive] };
  const values = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  return JSON.stringify({ _aws: about, Service: service, Deployment: deployment, ...values });
}
