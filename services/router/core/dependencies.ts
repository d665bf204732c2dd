/**
 * What the router is made of; one object, made at start and passed down. Two of its fields are declared where their types are, because
 * those know this one: the features (feature-index.ts) and the route (turn.ts).
 */
import type { Logger } from 'pino';
import type { Blobs } from '../../../lib/ports/blobs.ts';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { DeadlineStore } from '../../../lib/runtime/deadline-store.ts';
import type { Deliverer } from '../../../lib/runtime/deliverer.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { RecentKeys } from '../../../lib/runtime/recent-keys.ts';
import type { Tenants } from '../../../lib/runtime/tenants.ts';
import type { Shares } from './shares.ts';
import type { UnderWay } from './under-way.ts';

export interface Dependencies {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly tenants: Tenants;
  readonly deliverer: Deliverer;
  readonly ids: IdMint;
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

/** The dependencies for work that must not be done late, see {@link DeadlineStore}. */
export function timely(dependencies: Dependencies, deadlineMs: number | undefined): Dependencies {
  return deadlineMs === undefined
    ? dependencies
    : { ...dependencies, store: new DeadlineStore(dependencies.store, dependencies.clock, deadlineMs) };
}

/** The dependencies for work that goes on after the request was answered. */
export function withoutDeadline(dependencies: Dependencies): Dependencies {
  return dependencies.store instanceof DeadlineStore
    ? { ...dependencies, store: dependencies.store.withoutDeadline }
    : dependencies;
}
