/** The outcome of a mode's run, whatever it measures. */
import type { Counts } from '../generator/tally.ts';
import { cpuOf } from '../usage.ts';

export interface Outcome extends Counts {
  /** The counted thing, in the plural: `messages`. */
  readonly unit: string;
  readonly count: number;
  /** CPU time of the server for each; undefined if the mode measures something else or the server's process is unknown. */
  readonly cpuMicrosEach?: number;
  /** Further figures; each name ends with its unit. */
  readonly figures: Readonly<Record<string, number>>;
}

/** When servers were measured: microseconds of the system's monotonic clock, which V8's profiles use too. */
export const measuredSpans: { readonly fromMicros: number; readonly toMicros: number }[] = [];

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Measures the CPU of the server and of this process from now on. */
export function beginCpu(pid: number | undefined) {
  const own = process.cpuUsage();
  const before = pid === undefined ? undefined : cpuOf(pid);
  const startedMs = performance.now();
  const fromMicros = monotonicMicros();
  return (count: number) => {
    const { user, system } = process.cpuUsage(own);
    const seconds = (performance.now() - startedMs) / 1000;
    if (pid !== undefined) measuredSpans.push({ fromMicros, toMicros: monotonicMicros() });
    return {
      seconds,
      serverMicrosEach: pid === undefined || before === undefined ? undefined : (cpuOf(pid) - before) / count,
      generatorMicrosEach: (user + system) / count,
    };
  };
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

export class ModeFailed extends Error {
  override name = 'ModeFailed';
}
