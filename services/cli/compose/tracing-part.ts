/** Traces of stanzas, where the operator names a collector: the bus and the store of the process are wrapped, and nothing else knows of it. */
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { tracedBus } from '../../../lib/runtime/traced-bus.ts';
import { tracedStore } from '../../../lib/runtime/traced-store.ts';
import type { Values } from '../core/arguments.ts';
import { version } from '../core/version.ts';
import type { Cleanup } from './lifetime.ts';
import type { tracingOptions } from './tracing-options.ts';

export interface TracedProcess {
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

/** @returns the same without a collector, which then costs nothing */
export async function traced<Of extends Wrapped>(ports: Of, { values, service, name, cleanup }: TracedProcess): Promise<Of> {
  const { otlpEndpoint: endpoint, traceShare: share = 1 } = values;
  if (endpoint === undefined) return ports;
  const { startOtlpTracing } = await import('../../../lib/adapters/otlp-tracing.ts');
  const tracing = startOtlpTracing({ endpoint, share, service, name, version });
  cleanup.add('traces', () => tracing.stop());
  return { ...ports, store: tracedStore(ports.store, tracing), bus: tracedBus(ports.bus, tracing) };
}
