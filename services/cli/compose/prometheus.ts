/**
 * The figures in the text format of Prometheus, with those of the process and of Node. Names start with `skylark_` and end in a base unit or
 * in `_total`.
 */
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { type Count, tenantLabels } from '../../../lib/runtime/counts.ts';
import type { Durations } from '../../../lib/runtime/latency.ts';
import { Timing } from '../../../lib/runtime/timing.ts';
import { programLimits } from '../limits.ts';
import { countLatenessAlone } from './event-loop.ts';
import { figures } from './figures.ts';
import { type MetricName, type Metrics, metrics, type Source, unitOf } from './metrics.ts';

/** What a value is divided by to be in seconds. */
const perSecond: Readonly<Record<string, number>> = { Milliseconds: 1_000, None: 1 / (24 * 60 * 60) };

/** Gauges of the library that list all streams of the process to count them. The totals have the suffix of counters, too. */
const costly = ['handles', 'requests', 'resources'].flatMap((what) => [`nodejs_active_${what}`, `nodejs_active_${what}_total`]);

export class Prometheus {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #metrics: Metrics;

  /**
   * @param service the label of all figures
   * @param tenantsMax how many tenants have a label of their own; 0: no figure has such a label
   */
  constructor(given: Metrics, service: string, tenantsMax: number = programLimits.metricsTenants) {
    this.#metrics = given;
    tenantLabels.limit(tenantsMax);
    this.contentType = this.#registry.contentType;
    this.#registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: programLimits.eventLoopLookMs });
    countLatenessAlone(this.#registry);
    for (const name of costly) this.#registry.removeSingleMetric(name);
    for (const figure of figures) this.#registry.registerMetric(figure instanceof Timing ? timingOf(figure) : counterOf(figure));
  }

  /** The page that Prometheus reads. */
  text(): Promise<string> {
    this.#addNew();
    return this.#registry.metrics();
  }

  /** The same figures by name. What has several values, such as the spaces of the heap, is added up. */
  async values(): Promise<ReadonlyMap<string, number>> {
    this.#addNew();
    const values = new Map<string, number>();
    for (const { name, values: found } of await this.#registry.getMetricsAsJSON())
      for (const { value, ...one } of found) {
        const { metricName = name } = one as { readonly metricName?: string };
        values.set(metricName, (values.get(metricName) ?? 0) + value);
      }
    return values;
  }

  /** A figure that has begun since the last time is added. */
  #addNew(): void {
    for (const [name, source] of this.#metrics.sources) {
      if (this.#registry.getSingleMetric(nameOf(name)) === undefined) this.#registry.registerMetric(metricOf(name, source));
    }
  }
}

function nameOf(name: MetricName): string {
  return `skylark_${metrics[name].prometheus}`;
}

function metricOf(name: MetricName, source: Source): Metric {
  const about = { name: nameOf(name), help: metrics[name].help, registers: [] };
  if (source.kind === 'latency') return histogramOf(about, () => [{ labels: {}, durations: source.latency }]);
  if (source.kind === 'gauges') {
    return new Gauge({
      ...{ ...about, labelNames: source.labels },
      collect() {
        this.reset();
        for (const { labels, value } of source.read()) this.set(labels, value);
      },
    });
  }
  if (source.kind === 'counter') {
    return new Counter({
      ...about,
      collect() {
        this.reset();
        this.inc(source.total());
      },
    });
  }
  return new Gauge({
    ...about,
    collect() {
      const value = source.read();
      if (value === undefined) this.remove();
      else this.set(value / (perSecond[unitOf(name) ?? ''] ?? 1));
    },
  });
}

function counterOf(count: Count): Metric {
  const { name, help, labels } = count;
  const hasTenant = tenantLabels.max > 0;
  return new Counter({
    ...{ name: `skylark_${name}`, help, labelNames: [...labels, ...(hasTenant ? ['tenant'] : [])], registers: [] },
    collect() {
      this.reset();
      if (hasTenant)
        for (const { values, total, tenant } of count.byTenant) this.inc({ ...labelled(labels, values), tenant }, total);
      else for (const { values, total } of count.lines) this.inc(labelled(labels, values), total);
    },
  });
}

function timingOf(timing: Timing): Metric {
  const about = { name: `skylark_${timing.name}`, help: timing.help };
  return histogramOf(about, () =>
    [...timing.lines].map(({ values, durations }) => ({ labels: labelled(timing.labels, values), durations })),
  );
}

function labelled(labels: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(labels.map((label, at) => [label, values[at]!]));
}

interface HistogramLine {
  readonly labels: Readonly<Record<string, string>>;
  readonly durations: Durations;
}

/** The counts are those of {@link Durations}: nothing is observed twice. */
function histogramOf(
  { name, help }: { readonly name: string; readonly help: string },
  read: () => readonly HistogramLine[],
): Metric {
  const get = async () => ({
    ...{ name, help, type: 'histogram', aggregator: 'sum' },
    values: read().flatMap(({ labels, durations }) => {
      const { count, sumMs, upTo } = durations.totals;
      const bucket = (le: number | string, value: number) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value });
      return [
        ...upTo.map(({ ms, count: value }) => bucket(ms / 1_000, value)),
        bucket('+Inf', count),
        { metricName: `${name}_sum`, labels, value: sumMs / 1_000 },
        { metricName: `${name}_count`, labels, value: count },
      ];
    }),
  });
  return { name, help, get, reset() {} } as unknown as Metric;
}
