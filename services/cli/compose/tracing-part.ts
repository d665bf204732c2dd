/**
 * What is seen of the store and the bus of a process, which are wrapped for it, so that nothing else knows of it: how long calls to the store take,
 * and traces of stanzas, where the operator names a collector.
 */
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { measuredStore } from '../../../lib/runtime/measured-store.ts';
import { tracedBus } from '../../../lib/runtime/traced-bus.ts';
import { tracedStore } from '../../../lib/runtime/traced-store.ts';
import type { Values } from '../core/arguments.ts';
import { version } from '../core/version.ts';
import type { Cleanup } from './lifetime.ts';
import type { tracingOptions } from './tracing-options.ts';

export interface ObservedProcess {
  readonly values: Partial<Values<typeof tracingOptions>>;
  /** What it does, such as `router`. */
  readonly service: string;
  readonly name: string;
  readonly cleanup: Cleanup;
}

interface Wrapped {
  readonly store: Store;
  readonly bus: Bus;
}

/** Without a collector there are no traces, which then cost nothing. */
export async function observed<Of extends Wrapped>(given: Of, { values, service, name, cleanup }: ObservedProcess): Promise<Of> {
  const ports = { ...given, store: measuredStore(given.store, systemClock) };
  const { otlpEndpoint: endpoint, traceShare: share = 1 } = values;
  if (endpoint === undefined) return ports;
  const { startOtlpTracing } = await import('../../../lib/adapters/otlp-tracing.ts');
  const tracing = startOtlpTracing({ endpoint, share, service, name, version });
  cleanup.add('traces', () => tracing.stop());
  return { ...ports, store: tracedStore(ports.store, tracing), bus: tracedBus(ports.bus, tracing) };
}
