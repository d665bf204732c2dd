/** Runs as lines for people to read. */
import type { Measure } from '../measures.ts';
import type { Run } from '../rounds.ts';

const serverWidth = 10;

/** Titles of figures; the unit is at the end of their names. */
const units: readonly (readonly [ending: RegExp, format: (value: number) => string])[] = [
  [/MicrosEach$/, formatMicros],
  [/KilobytesEach(AtOnce)?$/, (value) => `${value.toFixed(1)} kB`],
  [/Megabytes$/, (value) => `${value.toFixed(0)} MB`],
  [/CpuMillisPerSecond$/, (value) => `${value.toFixed(1)} ms/s`],
  [/Ms$/, (value) => `${value.toFixed(1)} ms`],
  [/Ratio$/, (value) => value.toFixed(2)],
  [/^per(Cpu)?Second$/, (value) => value.toFixed(0)],
];

const names: Readonly<Record<string, string>> = {
  perSecond: 'a second',
  perCpuSecond: 'a CPU second',
  p50Ms: 'p50',
  p99Ms: 'p99',
  generatorMicrosEach: 'generator',
  unacknowledged: 'unacknowledged',
  ticketsUsed: 'tickets used',
  rssKilobytesEach: 'RSS each',
  pssKilobytesEach: 'PSS each',
  rssKilobytesEachAtOnce: 'RSS each at once',
  emptyMegabytes: 'empty',
  idleCpuMillisPerSecond: 'idle CPU',
  lastP50Ms: 'p50 of the last',
  lastMaxMs: 'worst of the last',
  besideP50Ms: 'p50 in a room of two beside',
  besideMaxMs: 'worst there',
  joinMicrosEach: 'a join',
  messages: 'messages',
  pages: 'pages',
  calmP50Ms: 'p50 before',
  calmP99Ms: 'p99 before',
  stormP50Ms: 'p50 meanwhile',
  stormP99Ms: 'p99 meanwhile',
  stormMaxMs: 'worst meanwhile',
  laterP50Ms: 'p50 later',
  laterP99Ms: 'p99 later',
  stormP99Ratio: 'p99 meanwhile / before',
  laterP99Ratio: 'p99 later / before',
  generatorCalmP99Ms: 'ticks of the generator late before, p99',
  generatorStormP99Ms: 'meanwhile',
  generatorLaterP99Ms: 'and later',
  bounced: 'bounced to senders',
  resumed: 'resumed',
};

function formatMicros(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} ms`;
  return value >= 1_000 ? `${(value / 1000).toFixed(2)} ms` : `${value.toFixed(1)} µs`;
}

export function formatFigure(name: string, value: number): string {
  return units.find(([ending]) => ending.test(name))?.[1](value) ?? `${value}`;
}

export function describeRun({ server, round, cannot, failed, outcome }: Run, measure: Measure, rounds: number): string {
  const head = `${server.padEnd(serverWidth)}${rounds > 1 ? `${round}  ` : ''}${measure.title}`;
  if (failed !== undefined) return `${head}: failed: ${failed}`;
  if (outcome === undefined) return `${head}: cannot: ${cannot}`;
  const { unit, count, cpuMicrosEach, lost, duplicated, reordered, figures } = outcome;
  const cost = cpuMicrosEach === undefined ? [] : [`${formatMicros(cpuMicrosEach)} CPU each`];
  const rest = Object.entries(figures).map(([name, value]) => `${names[name] ?? name} ${formatFigure(name, value)}`);
  const faults = `lost ${lost}, duplicated ${duplicated}, reordered ${reordered}`;
  return `${head}\n    ${[...cost, `${count} ${unit}`, faults, ...rest].join('; ')}`;
}
