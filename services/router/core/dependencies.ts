/** What the router is made of; one object, made at start and passed down. */
import type { Logger } from 'pino';
import type { Blobs } from '../../../lib/ports/blobs.ts';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Store } from '../../../lib/ports/store.ts';
import type { Deliverer } from '../../../lib/runtime/deliverer.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { RecentKeys } from '../../../lib/runtime/recent-keys.ts';
import type { Tenants } from '../../../lib/runtime/tenants.ts';
import { TimelyStore } from '../../../lib/runtime/timely-store.ts';
import type { FeatureIndex } from './feature-index.ts';
import type { Shares } from './shares.ts';
import type { UnderWay } from './under-way.ts';

export interface Parts {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly tenants: Tenants;
  readonly deliverer: Deliverer;
  readonly ids: IdMint;
  readonly features: FeatureIndex;
  /** Rows of {@link spansByPeer} that were written of late: what they say stays true, so they need not be written again. */
  readonly knownSpans: RecentKeys;
  readonly shares: Shares;
  /** Files of accounts; without them none are offered. */
  readonly blobs?: Blobs | undefined;
  /** Set where this is the only router of the deployment: the requests that it works on. */
  readonly underWay?: UnderWay | undefined;
  /** Version of the program, for XEP-0092. */
  readonly version: string;
}

/** For what must not be done late, see {@link TimelyStore}. */
export function timely(parts: Parts, untilMs: number | undefined): Parts {
  return untilMs === undefined ? parts : { ...parts, store: new TimelyStore(parts.store, parts.clock, untilMs) };
}

/** For what goes on when the request was answered. */
export function lasting(parts: Parts): Parts {
  return parts.store instanceof TimelyStore ? { ...parts, store: parts.store.lasting } : parts;
}
