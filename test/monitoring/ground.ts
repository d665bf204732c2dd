/** What the files for Prometheus and Grafana, and the page about them, say of figures. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { Latency } from '../../lib/runtime/latency.ts';
import { Metrics, metricNames } from '../../services/cli/compose/metrics.ts';
import { Prometheus } from '../../services/cli/compose/prometheus.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const fileOf = (name: string) => new URL(`../../docs/${name}`, import.meta.url);
export const alertsFile = fileOf('monitoring/alerts.yml').pathname;
export const textOf = (name: string): string => readFileSync(fileOf(name), 'utf8');

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string; readonly runbook: string };
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: unknown }[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly datasource?: unknown;
}

export interface Dashboard {
  readonly id: null;
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly { readonly expr: string; readonly datasource: unknown }[] };
}

export function readAlerts(): readonly Alert[] {
  return (parse(textOf('monitoring/alerts.yml')) as { groups: { rules: Alert[] }[] }).groups.flatMap(({ rules }) => rules);
}

export const readDashboard = (): Dashboard => JSON.parse(textOf('monitoring/dashboard.json')) as Dashboard;

/** All expressions of the panels and variables, with what they are for. */
export function asked(dashboard: Dashboard): { readonly where: string; readonly expr: string }[] {
  return [
    ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, expr }))),
    ...dashboard.templating.list.flatMap(({ name, query }) =>
      typeof query === 'string' ? [] : [{ where: `variable ${name}`, expr: query.query }],
    ),
  ];
}

/** Series in a text: names with `_`, of the program, the process or Node, without what stands in quotes. */
export function seriesIn(text: string): string[] {
  return text.replaceAll(/"[^"]*"/g, '""').match(/\b(?:skylark|process|nodejs)_[a-z0-9_]+\b/g) ?? [];
}

/** The series of a page of `/metrics`, whether they have a value now or not. */
export function seriesOf(page: string): ReadonlySet<string> {
  const types = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    types.flatMap(([, name, type]) =>
      type === 'histogram' ? ['', '_bucket', '_sum', '_count'].map((end) => `${name}${end}`) : [name!],
    ),
  );
}

/** Everything that the program can show of all its services. */
export async function programsSeries(): Promise<ReadonlySet<string>> {
  const clock = new ManualClock();
  const metrics = new Metrics({ clock, service: 'all', deployment: '', write: () => {} });
  for (const name of metricNames) {
    if (/Latency$/.test(name)) metrics.latency(name, new Latency(clock));
    else metrics.gauge(name, () => 1);
  }
  return seriesOf(await new Prometheus(metrics, 'all').text());
}
