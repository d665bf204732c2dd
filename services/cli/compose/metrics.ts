/**
 * Figures for a dashboard: one line of JSON a minute on stdout in CloudWatch's embedded metric format, from which CloudWatch makes
 * metrics of the namespace `Skylark` without a call. Nothing is counted for it: it reads what the parts know of themselves.
 */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { programLimits } from '../limits.ts';

const units = {
  /** Open streams. */
  Connections: 'Count',
  /** 99 of 100 batches of stanzas were answered within; of a router and a worker: handled. */
  BatchLatency: 'Milliseconds',
  /** 99 of 100 messages to a node with sessions were confirmed within. */
  DeliveryLatency: 'Milliseconds',
  /** Sessions that had to read from the archive what did not reach them. */
  Resyncs: 'Count',
  /** Calls that the store refused for now. */
  Throttles: 'Count',
  /** Calls to the store that failed after all tries. */
  StoreErrors: 'Count',
  /** Programming errors: stanzas that were answered `internal-server-error`, and what else failed by a mistake of ours. */
  Faults: 'Count',
  /** Connections without a good header of the PROXY protocol. */
  BadProxyHeaders: 'Count',
  /** Pairs of one of our domains and one of another server's, with a stream or with something that waits. */
  PeerPairs: 'Count',
  /** Batches that wait for other servers to confirm them. */
  OutboxRows: 'Count',
  /** How long the oldest of them has waited. */
  OutboxAge: 'Milliseconds',
  /** Until the first certificate expires. */
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

  /** As it is at the moment; undefined: nothing to tell. */
  gauge(name: MetricName, read: () => number | undefined): void {
    this.#readers.set(name, read);
  }

  /** Told is by how much it has grown. */
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

  /** What has not been told yet is told now. */
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
