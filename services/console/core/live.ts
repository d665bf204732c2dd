/**
 * Live figures of this process: samples of the registry that Prometheus reads, taken every two seconds, the last quarter of an hour of them,
 * and the pages that are told of each.
 */
import type { Logger } from 'pino';
import { type Clock, repeat, type Timer } from '../../../lib/ports/clock.ts';
import { consoleLimits } from '../limits.ts';

/** A figure as the registry gives it: all of its values together. */
export type Figures = ReadonlyMap<string, number>;

export interface Sample {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly values: Readonly<Record<SeriesName, number | null>>;
}

type Read = (now: Figures, before: Figures | undefined, seconds: number) => number | null;

/** What the curves show. A figure that this process does not have is null. */
export const series = {
  streams: gauge('skylark_streams'),
  batches: rate('skylark_batch_seconds_count'),
  delivery: mean('skylark_delivery_seconds'),
  cpu: (now, before, seconds) => scaled(rate('process_cpu_seconds_total')(now, before, seconds), 100),
  memory: (now, before, seconds) => scaled(gauge('process_resident_memory_bytes')(now, before, seconds), 1 / (1024 * 1024)),
  lag: (now, before, seconds) => scaled(gauge('nodejs_eventloop_lag_mean_seconds')(now, before, seconds), 1_000),
} as const satisfies Readonly<Record<string, Read>>;

export type SeriesName = keyof typeof series;
export const seriesNames = Object.keys(series) as SeriesName[];

function gauge(name: string): Read {
  return (now) => now.get(name) ?? null;
}

/** By how much a total has grown, a second. */
function rate(name: string): Read {
  return (now, before, seconds) => {
    const [total, last] = [now.get(name), before?.get(name)];
    return total === undefined || last === undefined || seconds <= 0 ? null : Math.max(0, total - last) / seconds;
  };
}

/** Milliseconds of those that were counted since the last sample. */
function mean(name: string): Read {
  return (now, before) => {
    const count = (now.get(`${name}_count`) ?? 0) - (before?.get(`${name}_count`) ?? 0);
    const sum = (now.get(`${name}_sum`) ?? 0) - (before?.get(`${name}_sum`) ?? 0);
    if (before === undefined || !now.has(`${name}_count`)) return null;
    return count <= 0 ? 0 : (sum / count) * 1_000;
  };
}

function scaled(value: number | null, by: number): number | null {
  return value === null ? null : value * by;
}

interface Watcher {
  readonly session: string;
  tell(sample: Sample): void;
}

export class Live {
  readonly #clock: Clock;
  readonly #read: () => Promise<Figures>;
  readonly #samples: Sample[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #timer: Timer;
  #before: { readonly figures: Figures; readonly atMs: number } | undefined;

  constructor({
    clock,
    log,
    figures,
  }: { readonly clock: Clock; readonly log: Logger; readonly figures: () => Promise<Figures> }) {
    this.#clock = clock;
    this.#read = figures;
    const onError = (error: unknown) => log.debug({ err: error }, 'the live figures could not be read');
    this.#timer = repeat(
      clock,
      () => consoleLimits.sampleMs,
      () => this.#take(),
      onError,
    );
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** @returns how to stop it; undefined when there are too many already */
  watch(watcher: Watcher): (() => void) | undefined {
    const own = [...this.#watchers].filter(({ session }) => session === watcher.session).length;
    if (this.#watchers.size >= consoleLimits.watchersMax || own >= consoleLimits.watchersPerSessionMax) return undefined;
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  stop(): void {
    this.#timer.cancel();
    this.#watchers.clear();
  }

  async #take(): Promise<void> {
    const figures = await this.#read();
    const atMs = this.#clock.monotonic();
    const before = this.#before;
    const seconds = before === undefined ? 0 : (atMs - before.atMs) / 1_000;
    this.#before = { figures, atMs };
    const values = Object.fromEntries(
      seriesNames.map((name) => {
        const read: Read = series[name];
        return [name, rounded(read(figures, before?.figures, seconds))];
      }),
    ) as Sample['values'];
    const sample = { at: Math.round(this.#clock.now() / 1_000), values };
    this.#samples.push(sample);
    if (this.#samples.length > consoleLimits.samplesMax) this.#samples.shift();
    for (const watcher of [...this.#watchers]) watcher.tell(sample);
  }
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100;
}
