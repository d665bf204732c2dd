/** What a worker of rooms is made of; one object, made at start and passed down. */
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Store } from '../../../lib/ports/store.ts';
import type { Deliverer } from '../../../lib/runtime/deliverer.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { Tenants } from '../../../lib/runtime/tenants.ts';
import type { Exchanges } from './exchanges.ts';
import type { Pace } from './pace.ts';

export interface Dependencies {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly deliverer: Deliverer;
  readonly tenants: Tenants;
  /** This process, for logs. */
  readonly worker: string;
}

/** What its rooms see of it. */
export interface RoomDependencies extends Dependencies {
  readonly pace: Pace;
  readonly exchanges: Exchanges;
}
