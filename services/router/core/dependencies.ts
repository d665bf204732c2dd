/**
 * Everything that the router depends on: one object, which is made at the start and passed down. Two fields are declared beside
 * their types, because these types refer to this one: the features (feature-index.ts) and the route (turn.ts).
 */
import type { Logger } from 'pino';
import type { Blobs } from '../../../lib/ports/blobs.ts';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Keys } from '../../../lib/ports/keys.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { DeadlineStore } from '../../../lib/runtime/deadline-store.ts';
import type { Deliverer } from '../../../lib/runtime/deliverer.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { Outbox } from '../../../lib/runtime/outbox.ts';
import type { RecentKeys } from '../../../lib/runtime/recent-keys.ts';
import type { Tenants } from '../../../lib/runtime/tenants.ts';
import type { Shares } from './shares.ts';
import type { UnderWay } from './under-way.ts';

export interface ProxyPlace {
  /** A name or an IP address; absent: the tenant's domain. */
  readonly host?: string | undefined;
  readonly port: number;
}

export interface Dependencies {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly tenants: Tenants;
  readonly deliverer: Deliverer;
  readonly ids: IdMint;
  /** Rows of {@link spansByPeer} that were written recently. What they say stays true, so they are not written again. */
  readonly knownSpans: RecentKeys;
  readonly shares: Shares;
  /** Seals secrets of tenants. Without it, their policies have none. */
  readonly keys?: Keys | undefined;
  /** The files of accounts. Without it, file upload is not offered. */
  readonly blobs?: Blobs | undefined;
  /** What goes to other servers and to components; without it there are neither. */
  readonly outbox?: Outbox | undefined;
  /** The deployment talks to other servers. */
  readonly isFederated?: boolean | undefined;
  /** The requests that are being handled. Set only if this is the only router of the deployment. */
  readonly underWay?: UnderWay | undefined;
  /** Where bytestreams are relayed (XEP-0065). Without it, no proxy is offered. */
  readonly proxy?: ProxyPlace | undefined;
  /** The origin of the pages, of tenants whose policy does not name another one. */
  readonly webUrl?: string | undefined;
  /** When this router was started, by `Clock.monotonic`, for XEP-0012. */
  readonly startedMs: number;
  /** The version of the program, for XEP-0092. */
  readonly version: string;
}

/** The dependencies for work that must not write after the deadline, see {@link DeadlineStore}. */
export function withDeadline(dependencies: Dependencies, deadlineMs: number | undefined): Dependencies {
  return deadlineMs === undefined
    ? dependencies
    : { ...dependencies, store: new DeadlineStore(dependencies.store, dependencies.clock, deadlineMs) };
}

/** The dependencies for work that continues after the request was answered. */
export function withoutDeadline(dependencies: Dependencies): Dependencies {
  return dependencies.store instanceof DeadlineStore
    ? { ...dependencies, store: dependencies.store.withoutDeadline }
    : dependencies;
}
