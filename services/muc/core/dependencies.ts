/** What a worker of rooms needs: one object, which is made at the start and passed down. */
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Store } from '../../../lib/ports/store.ts';
import type { Deliverer } from '../../../lib/runtime/deliverer.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { Outbox } from '../../../lib/runtime/outbox.ts';
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
  /** What goes to other servers and to components. */
  readonly outbox?: Outbox | undefined;
  /** The deployment talks to other servers. */
  readonly isFederated?: boolean | undefined;
  /** The name of this process in logs. */
  readonly worker: string;
}

/** What the rooms of a worker need. The index of features adds itself (room-feature-index.ts). */
export interface RoomDependencies extends Dependencies {
  readonly pace: Pace;
  readonly exchanges: Exchanges;
}
