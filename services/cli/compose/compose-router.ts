/** Puts a router together from its ports. */

import type { Clock } from '../../../lib/ports/clock.ts';
import type { Keys } from '../../../lib/ports/keys.ts';
import { Deliverer } from '../../../lib/runtime/deliverer.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../../lib/runtime/ids.ts';
import { Latency } from '../../../lib/runtime/latency.ts';
import { Outbox } from '../../../lib/runtime/outbox.ts';
import { RecentKeys } from '../../../lib/runtime/recent-keys.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import type { Dependencies } from '../../router/core/dependencies.ts';
import { FeatureIndex } from '../../router/core/feature-index.ts';
import { Shares } from '../../router/core/shares.ts';
import { features } from '../../router/features/index.ts';
import { laterOf, type RunningLater } from '../../router/later/later.ts';
import { commandsOf } from '../../router/operations/commands.ts';
import { operations } from '../../router/operations/index.ts';
import { type Router, startRouter } from '../../router/router.ts';
import { destinationsOf } from '../../router/routing/destinations.ts';
import { routing } from '../../router/routing/route.ts';
import { Introspections } from '../../router/sasl/introspection.ts';
import { JwkSets } from '../../router/sasl/jwks.ts';
import { tokenSecrets } from '../../router/sasl/tokens.ts';
import { version } from '../core/version.ts';
import { programLimits } from '../limits.ts';
import { type DocumentOptions, guardedDocuments } from './documents-part.ts';

export interface Ports
  extends Pick<
    Dependencies,
    'store' | 'bus' | 'log' | 'blobs' | 'underWay' | 'proxy' | 'webUrl' | 'provesDomains' | 'auditDays'
  > {
  /** True when the deployment has processes that own streams to other servers, so that stanzas can be sent there. */
  readonly isFederated?: boolean;
  /** True when it has such processes, and ports for components. */
  readonly hasComponents?: boolean;
  /** How addresses that tenants name are dialled. */
  readonly documents?: DocumentOptions;
  /** Seals what tokens are made of. Without it, clients get no tokens (XEP-0484). */
  readonly keys?: Keys | undefined;
  /** The deployment's clock, if this process has started it. A command that stores no messages does not need it. */
  readonly clock: Clock;
}

export interface ComposedRouter {
  /** What is done later; it does nothing before it is told to watch. */
  readonly later: RunningLater;
  readonly dependencies: Dependencies;
  readonly router: Router;
  /** How long nodes with sessions take to confirm a message. */
  readonly deliveries: Latency;
}

export async function composeRouter({ keys, documents, ...ports }: Ports): Promise<ComposedRouter> {
  const clock = DeploymentClock.of(ports.clock);
  const deliveries = new Latency(clock);
  const hasOutbox = ports.isFederated || ports.hasComponents;
  const outside = guardedDocuments(clock, ports.log, documents);
  const later = laterOf(() => dependencies);
  const dependencies: Dependencies = {
    ...ports,
    clock,
    tenants: new Tenants(ports.store, clock),
    deliverer: new Deliverer(ports.bus, deliveries),
    ids: new IdMint(clock),
    features: new FeatureIndex(features),
    hostCommands: commandsOf(operations),
    route: routing(destinationsOf(ports)),
    outbox: hasOutbox ? new Outbox({ store: ports.store, bus: ports.bus, clock }) : undefined,
    knownSpans: new RecentKeys(programLimits.knownSpansMax),
    shares: new Shares(ports.clock),
    keys,
    jwks: new JwkSets(outside.get, clock),
    introspections: new Introspections(),
    postDocument: outside.post,
    dialHost: outside.dial,
    lookUpTexts: outside.texts,
    later,
    startedMs: clock.monotonic(),
    tokenSecrets: keys && tokenSecrets({ store: ports.store, clock, keys }),
    version,
  };
  return { dependencies, router: await startRouter(dependencies), later, deliveries };
}
