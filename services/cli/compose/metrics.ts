/**
 * Metrics for a dashboard. Once a minute a line of JSON goes to stdout in CloudWatch's embedded metric format. CloudWatch makes
 * metrics of the namespace `Skylark` from it, without a call to its API. Nothing is counted here: each figure is read from the
 * part of the program that keeps it anyway.
 */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { programLimits } from '../limits.ts';

const units = {
  /** Open streams, of clients and of other servers. */
  Connections: 'Count',
  /** The 99th percentile of the time until a batch of stanzas was answered; in a router, until it was handled. */
  BatchLatency: 'Milliseconds',
  /** The 99th percentile of the time until a node with sessions confirmed a message. */
  DeliveryLatency: 'Milliseconds',
  /** Sessions that had to read messages from the archive because these had not reached them. */
  Resyncs: 'Count',
  /** Calls that the store has throttled. */
  Throttles: 'Count',
  /** Calls to the store that failed after the last retry. */
  StoreErrors: 'Count',
  /** Programming errors: stanzas answered with `internal-server-error`, and other failures that are mistakes of ours. */
  Faults: 'Count',
  /** Connections without a valid header of the PROXY protocol. */
  BadProxyHeaders: 'Count',
  /** Pairs of one of our domains and a domain of another server that have a stream or stanzas that wait. */
  PeerPairs: 'Count',
  /** Those of them with something waiting whose last try to reach the other server has failed. */
  PeerFailures: 'Count',
  /** Batches that other servers have not confirmed yet. */
  OutboxRows: 'Count',
  /** How long the oldest of these batches has waited. */
  OutboxAge: 'Milliseconds',
  /** The same, of batches for other servers that are connected: these do not wait for a server that is away. */
  OutboxLag: 'Milliseconds',
  /** Days until the first certificate expires. */
  CertificateDaysLeft: 'None',
} as const;

export type MetricName = keyof typeof units;
export const metricNames = Object.keys(units) as MetricName[];

export interface MetricsOptions {
  readonly clock: Clock;
  readonly service: string;
  /** The prefix of the tables. */
  readonly deployment: string;
  readonly write: (line: string) => void;
}

export class Metrics {
  readonly #options: MetricsOptions;
  readonly #readers = new Map<MetricName, () => number | undefined>();
  #timer: Timer | undefined;

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  /** Reports the value of the moment. `read` returns undefined when there is nothing to report. */
  gauge(name: MetricName, read: () => number | undefined): void {
    this.#readers.set(name, read);
  }

  /** Reports by how much the total has grown since the last line. */
  counter(name: MetricName, total: () => number): void {
    let before = 0;
    this.gauge(name, () => {
      const now = total();
      const grown = now - before;
      before = now;
      return grown;
    });
  }

  start(): void {
    this.#timer = this.#options.clock.after(programLimits.metricsIntervalMs, () => {
      this.tell();
      this.start();
    });
  }

  /** Stops the timer and reports once more, so that nothing is lost. */
  stop(): void {
    this.#timer?.cancel();
    this.tell();
  }

  tell(): void {
    const { clock, service, deployment, write } = this.#options;
    const values = [...this.#readers].flatMap(([name, read]) => {
      const value = read();
      return value === undefined ? [] : [[name, Math.round(value * 1_000) / 1_000] as const];
    });
    if (values.length === 0) return;
    const metrics = values.map(([name]) => ({ Name: name, Unit: units[name] }));
    const directive = { Namespace: 'Skylark', Dimensions: [['Service', 'Deployment']], Metrics: metrics };
    const about = { Timestamp: clock.now(), CloudWatchMetrics: [directive] };
    write(JSON.stringify({ _aws: about, Service: service, Deployment: deployment, ...Object.fromEntries(values) }));
  }
}
