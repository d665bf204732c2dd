/** A router with everything that it is made of. */

import { limits } from '../../../lib/limits.ts';
import { Deliverer } from '../../../lib/runtime/deliverer.ts';
import { IdMint } from '../../../lib/runtime/ids.ts';
import { Latency } from '../../../lib/runtime/latency.ts';
import { RecentKeys } from '../../../lib/runtime/recent-keys.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import type { Parts } from '../../router/core/dependencies.ts';
import { FeatureIndex } from '../../router/core/feature-index.ts';
import { Shares } from '../../router/core/shares.ts';
import { features } from '../../router/features/index.ts';
import { type Router, startRouter } from '../../router/router.ts';
import { version } from '../core/version.ts';

export type Ports = Pick<Parts, 'store' | 'bus' | 'clock' | 'log' | 'blobs'>;

export interface ComposedRouter {
  readonly parts: Parts;
  readonly router: Router;
  /** Of messages to nodes with sessions. */
  readonly deliveries: Latency;
}

export async function composeRouter(ports: Ports): Promise<ComposedRouter> {
  const deliveries = new Latency(ports.clock);
  const parts: Parts = {
    ...ports,
    tenants: new Tenants(ports.store, ports.clock),
    deliverer: new Deliverer(ports.bus, deliveries),
    ids: new IdMint(ports.clock),
    features: new FeatureIndex(features),
    knownSpans: new RecentKeys(limits.knownSpansMax),
    shares: new Shares(ports.clock),
    version,
  };
  return { parts, router: await startRouter(parts), deliveries };
}
