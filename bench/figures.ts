/**
 * What the figures of Prometheus cost of a message: rounds with them and without them, in turns in one process, so that what else the machine
 * does meets both alike. Without them counting and timing do nothing. What is left out is the page itself, which Prometheus reads four times
 * a minute.
 */
import { systemClock } from '../lib/adapters/system-clock.ts';
import type { Store } from '../lib/ports/store.ts';
import { Count, CountLine, tenantLabels } from '../lib/runtime/counts.ts';
import { Durations, Latency } from '../lib/runtime/latency.ts';
import { measuredStore } from '../lib/runtime/measured-store.ts';
import { median } from './modes/outcome.ts';

const rounds = 15;
/** Those that have a label of their own. */
const tenants = 20;
/** V8 compiles again after each change. */
const warmUps = 1;

const recorders = [
  { of: Count.prototype, names: ['add'] },
  { of: CountLine.prototype, names: ['add'] },
  { of: Durations.prototype, names: ['add'] },
  { of: Latency.prototype, names: ['begin', 'end'] },
] as readonly { readonly of: object; readonly names: readonly string[] }[];

let isStoreMeasured = true;

/** Times the calls to a store in the rounds with figures. */
export function measureInTurns(store: Store): Store {
  const measured = measuredStore(store, systemClock);
  const calls = new Map<string | symbol, unknown>();
  return new Proxy(store, {
    get(_, name) {
      const found: unknown = Reflect.get(measured, name);
      if (typeof found !== 'function' || isStoreMeasured) return found;
      if (!calls.has(name)) calls.set(name, (Reflect.get(store, name) as () => unknown).bind(store));
      return calls.get(name);
    },
  });
}

/** @param run has the costs of a message, µs of the main thread */
export async function describeFigures(run: () => Promise<number>): Promise<string[]> {
  tenantLabels.limit(tenants);
  const kept = recorders.flatMap(({ of, names }) => names.map((name) => ({ of, name, value: Reflect.get(of, name) as unknown })));
  const ratios: number[] = [];
  const costs: { with: number[]; without: number[] } = { with: [], without: [] };
  for (let round = 0; round < rounds; round++) {
    // Each is the first of a round as often as the other.
    const order = round % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const);
    const found = { with: 0, without: 0 };
    for (const which of order) {
      isStoreMeasured = which === 'with';
      for (const { of, name, value } of kept) Reflect.set(of, name, which === 'with' ? value : () => 0);
      for (let warmUp = 0; warmUp < warmUps; warmUp++) await run();
      found[which] = await run();
      costs[which].push(found[which]);
    }
    ratios.push(found.with / found.without);
  }
  for (const { of, name, value } of kept) Reflect.set(of, name, value);
  isStoreMeasured = true;
  const [withMicros, withoutMicros, ratio] = [median(costs.with), median(costs.without), median(ratios)];
  return [
    `with figures ${withMicros.toFixed(1)} µs, without ${withoutMicros.toFixed(1)} µs of the main thread a message, medians of ${rounds} rounds in turns`,
    `figures cost ${percent(ratio)} % of a message, the median of the rounds; from ${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))} %`,
  ];
}

function percent(ratio: number): string {
  return (100 * (ratio - 1)).toFixed(1);
}
