/** Results as a file: medians and all runs, with the machine and the date, but without names of hosts or folders. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Measure } from '../measures.ts';
import { median } from '../modes/outcome.ts';
import type { Run } from '../rounds.ts';

const measuredSchema = z.object({
  /** The same as {@link Measure.figure}. */
  figure: z.enum(['cpuMicrosEach', 'rssKilobytesEach']),
  title: z.string(),
  target: z.number().optional(),
  microsMax: z.number().optional(),
  date: z.string(),
  servers: z.record(
    z.string(),
    z.object({
      cannot: z.string().optional(),
      /** Number of rounds that broke off. */
      failed: z.number().optional(),
      median: z.number().optional(),
      /** The values of all rounds, in order. */
      values: z.array(z.number()),
      /** The figures of the round with the median. */
      figures: z.record(z.string(), z.number()),
      lost: z.number(),
      duplicated: z.number(),
      reordered: z.number(),
    }),
  ),
});

const resultsSchema = z.object({
  date: z.string(),
  kernel: z.string(),
  cpu: z.string(),
  cores: z.number(),
  node: z.string(),
  versions: z.record(z.string(), z.string()),
  measures: z.record(z.string(), measuredSchema),
});

export type Results = z.infer<typeof resultsSchema>;
export type Measured = z.infer<typeof measuredSchema>;

/** @throws when the file holds something else */
export function readResults(path: string): Results {
  return resultsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** Replaces measures that are already in the file, and keeps the others. */
export function keepResults(path: string, results: Results): void {
  const before = existsSync(path) ? readResults(path) : undefined;
  const measures = { ...before?.measures, ...results.measures };
  const versions = { ...before?.versions, ...results.versions };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ ...results, versions, measures }, undefined, 2)}\n`);
}

export function summarize(
  runs: readonly Run[],
  measures: readonly Measure[],
  versions: ReadonlyMap<string, string>,
  now: Date,
): Results {
  const date = now.toISOString().slice(0, 10);
  const known = measures.map(({ id, figure, title, target, microsMax }) => {
    const servers = Map.groupBy(
      runs.filter(({ measure }) => measure === id),
      ({ server }) => server,
    );
    const rows = [...servers].map(([name, own]) => [name, summarizeServer(own, figure)] as const);
    return [id, { figure, title, target, microsMax, date, servers: Object.fromEntries(rows) }] as const;
  });
  return {
    date,
    kernel: /^\d+(?:\.\d+)*/.exec(release())?.[0] ?? '',
    cpu: cpus()[0]?.model ?? '',
    cores: cpus().length,
    node: process.version,
    versions: Object.fromEntries(versions),
    measures: Object.fromEntries(known),
  };
}

function summarizeServer(runs: readonly Run[], figure: Measure['figure']): Measured['servers'][string] {
  const done = runs.flatMap(({ outcome }) => (outcome ? [outcome] : []));
  const figureOf = (outcome: (typeof done)[number]) =>
    figure === 'cpuMicrosEach' ? (outcome.cpuMicrosEach ?? Number.NaN) : (outcome.figures[figure] ?? Number.NaN);
  const sorted = done.toSorted((a, b) => figureOf(a) - figureOf(b));
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  const sum = (what: 'lost' | 'duplicated' | 'reordered') => done.reduce((total, outcome) => total + outcome[what], 0);
  return {
    cannot: runs.find(({ cannot }) => cannot)?.cannot,
    failed: runs.filter(({ failed }) => failed !== undefined).length || undefined,
    median: middle && figureOf(middle),
    values: done.map(figureOf),
    figures: { ...middle?.figures },
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    reordered: sum('reordered'),
  };
}

export interface Ratio {
  readonly skylark: number;
  /** The best value of the other servers. */
  readonly better: number;
  readonly betterName: string;
  readonly ratio: number;
}

export interface RoundRatios {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/**
 * Skylark as it is against Skylark of another checkout, in each round by itself: what the machine did meanwhile met both, so this says more of a
 * small difference than the medians do.
 * @returns undefined when there is no other checkout, or a round broke off
 */
export function roundRatiosOf({ servers: { Skylark: now, Before: before } }: Measured): RoundRatios | undefined {
  if (now === undefined || before === undefined) return undefined;
  if (now.values.length === 0 || now.failed || before.failed || now.values.length !== before.values.length) return undefined;
  const ratios = now.values.map((value, round) => value / before.values[round]!);
  return { median: median(ratios), least: Math.min(...ratios), greatest: Math.max(...ratios) };
}

/** @returns undefined when Skylark or all other servers are missing */
export function ratioOf({ servers }: Measured): Ratio | undefined {
  const skylark = servers.Skylark?.median;
  const others = Object.entries(servers).flatMap(([name, { median }]) =>
    name === 'Skylark' || median === undefined ? [] : [{ name, median }],
  );
  const [best] = others.sort((a, b) => a.median - b.median);
  if (skylark === undefined || best === undefined) return undefined;
  return { skylark, better: best.median, betterName: best.name, ratio: skylark / best.median };
}
