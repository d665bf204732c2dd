/**
 * How late the event loop is. Node measures the time between two of its looks, and prom-client gives that out as it is, so that a loop with
 * nothing to do would seem to be as late as its looks are apart. What is given out here is what each look came late.
 */
import { Gauge, type Registry } from 'prom-client';
import { programLimits } from '../limits.ts';

const delays = ['min', 'max', 'mean', 'p50', 'p90', 'p99'].map((what) => `nodejs_eventloop_lag_${what}_seconds`);
const apartSeconds = programLimits.eventLoopLookMs / 1_000;

/** @param registry with the default metrics of the library, of which `eventLoopLookMs` was the precision */
export function countLatenessAlone(registry: Registry): void {
  for (const name of delays) {
    const gauge = registry.getSingleMetric(name);
    if (!(gauge instanceof Gauge)) throw new Error(`the library has no figure '${name}' any more`);
    const set = gauge.set.bind(gauge) as (labels: object, seconds: number) => void;
    // Without a look since the last time there is nothing to tell, and the library would give out what stands for nothing.
    const late = (seconds: number) => (Number.isFinite(seconds) ? Math.max(0, seconds - apartSeconds) : 0);
    gauge.set = (labels: object | number, seconds?: number) => set(labels as object, late(seconds ?? (labels as number)));
  }
}
