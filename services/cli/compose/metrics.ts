/**
 * Metrics for a dashboard. Once a minute a line of JSON goes to stdout in CloudWatch's embedded metric format. CloudWatch makes
 * metrics of the namespace `Skylark` from it, without a call to its API. Prometheus reads the same figures (prometheus.ts). Nothing is
 * counted here: each figure is read from the part of the program that keeps it anyway.
 */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { embeddedMetrics } from '../../../lib/runtime/embedded-metrics.ts';
import type { Latency } from '../../../lib/runtime/latency.ts';
import { programLimits } from '../limits.ts';

/** A figure: its unit in CloudWatch, its name in Prometheus after `skylark_`, and what it is. Without a unit, CloudWatch does not get it. */
interface Figure {
  readonly unit?: 'Count' | 'Milliseconds' | 'None';
  readonly prometheus: string;
  readonly help: string;
}

export const metrics = {
  Connections: { unit: 'Count', prometheus: 'streams', help: 'Open streams, by who is at the other end and by transport' },
  BatchLatency: {
    unit: 'Milliseconds',
    prometheus: 'batch_seconds',
    help: 'Time until a batch of stanzas was answered; in a router, until it was handled',
  },
  DeliveryLatency: {
    unit: 'Milliseconds',
    prometheus: 'delivery_seconds',
    help: 'Time until a node with sessions confirmed a message',
  },
  Resyncs: {
    unit: 'Count',
    prometheus: 'resyncs_total',
    help: 'Sessions that had to read messages from the archive because these had not reached them',
  },
  Throttles: { unit: 'Count', prometheus: 'store_throttles_total', help: 'Calls that the store has throttled' },
  StoreErrors: { unit: 'Count', prometheus: 'store_failures_total', help: 'Calls to the store that failed after the last retry' },
  Faults: {
    unit: 'Count',
    prometheus: 'faults_total',
    help: 'Programming errors: stanzas answered with `internal-server-error`, and other failures that are mistakes of ours',
  },
  BadProxyHeaders: {
    unit: 'Count',
    prometheus: 'bad_proxy_headers_total',
    help: 'Connections without a valid header of the PROXY protocol',
  },
  PeerPairs: {
    unit: 'Count',
    prometheus: 'peer_pairs',
    help: 'Pairs of one of our domains and a domain of another server that have a stream or stanzas that wait',
  },
  PeerFailures: {
    unit: 'Count',
    prometheus: 'peer_pairs_failing',
    help: 'Those of them with something waiting whose last try to reach the other server has failed',
  },
  OutboxRows: { unit: 'Count', prometheus: 'outbox_rows', help: 'Batches that other servers have not confirmed yet' },
  OutboxAge: { unit: 'Milliseconds', prometheus: 'outbox_age_seconds', help: 'How long the oldest of these batches has waited' },
  OutboxLag: {
    unit: 'Milliseconds',
    prometheus: 'outbox_lag_seconds',
    help: 'The same, of batches for other servers that are connected: these do not wait for a server that is away',
  },
  Sessions: { prometheus: 'sessions', help: 'Sessions of clients that the node holds, parked ones too' },
  Parked: { prometheus: 'sessions_parked', help: 'Those of them whose client has lost its connection and may resume' },
  BatchesInFlight: {
    prometheus: 'batches_in_flight',
    help: 'Batches of stanzas that wait for a router; in a router, that it handles',
  },
  Rooms: { prometheus: 'rooms', help: 'Rooms in memory' },
  CertificateDaysLeft: { unit: 'None', prometheus: 'certificate_left_seconds', help: 'Time until the first certificate expires' },
} as const satisfies Readonly<Record<string, Figure>>;

export type MetricName = keyof typeof metrics;
export const metricNames = Object.keys(metrics) as MetricName[];

export function unitOf(name: MetricName): Figure['unit'] {
  return (metrics[name] as Figure).unit;
}

export interface Line {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Where a figure comes from. */
export type Source =
  /** The value of the moment; undefined: there is nothing to report. */
  | { readonly kind: 'gauge'; read(): number | undefined }
  /** The same by labels; CloudWatch gets the sum. */
  | { readonly kind: 'gauges'; readonly labels: readonly string[]; read(): readonly Line[] }
  /** All since the process began. */
  | { readonly kind: 'counter'; total(): number }
  /** CloudWatch gets the 99th percentile, in milliseconds. */
  | { readonly kind: 'latency'; readonly latency: Latency };

export interface MetricsOptions {
  readonly clock: Clock;
  readonly service: string;
  /** The prefix of the tables. */
  readonly deployment: string;
  readonly write: (line: string) => void;
}

export class Metrics {
  readonly #options: MetricsOptions;
  readonly #sources = new Map<MetricName, Source>();
  /** What CloudWatch gets. */
  readonly #readers = new Map<MetricName, () => number | undefined>();
  #timer: Timer | undefined;

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  /** The figures that CloudWatch gets. */
  get told(): readonly MetricName[] {
    return [...this.#readers.keys()];
  }

  get sources(): ReadonlyMap<MetricName, Source> {
    return this.#sources;
  }

  gauge(name: MetricName, read: () => number | undefined): void {
    this.#sources.set(name, { kind: 'gauge', read });
    this.#tellOf(name, read);
  }

  /** @param labels of each line */
  gauges(name: MetricName, labels: readonly string[], read: () => readonly Line[]): void {
    this.#sources.set(name, { kind: 'gauges', labels, read });
    this.#tellOf(name, () => read().reduce((sum, { value }) => sum + value, 0));
  }

  /** CloudWatch gets by how much the total has grown since the last line. */
  counter(name: MetricName, total: () => number): void {
    let before = 0;
    this.#sources.set(name, { kind: 'counter', total });
    this.#tellOf(name, () => {
      const now = total();
      const grown = now - before;
      before = now;
      return grown;
    });
  }

  latency(name: MetricName, latency: Latency): void {
    this.#sources.set(name, { kind: 'latency', latency });
    this.#tellOf(name, () => latency.take(0.99));
  }

  #tellOf(name: MetricName, read: () => number | undefined): void {
    if (unitOf(name) !== undefined) this.#readers.set(name, read);
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
    const metrics = [...this.#readers].flatMap(([name, read]) => {
      const value = read();
      return value === undefined ? [] : [{ name, unit: unitOf(name), value: Math.round(value * 1_000) / 1_000 }];
    });
    if (metrics.length > 0) write(embeddedMetrics({ service, deployment }, clock.now(), metrics));
  }
}
