/** What the owner of streams to other servers is made of; one object, made at start and passed down. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Store } from '../../../lib/ports/store.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { PairName } from '../../../lib/runtime/outbox.ts';
import type { Component, Tenants } from '../../../lib/runtime/tenants.ts';
import type { Finder } from '../finding/finder.ts';
import type { Dialback } from './dialback.ts';

/** What carries a stream once it is encrypted, and the chain that the peer has shown (DER, its own certificate first). */
export interface Encrypted {
  readonly socket: Socket;
  readonly chain: readonly Buffer[];
}

/** Begins TLS on a connection to the peer of a pair. @throws {Error} when the handshake fails */
export type Encrypt = (pair: PairName, socket: Socket, isDirect: boolean) => Promise<Encrypted>;

export interface Dependencies {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly tenants: Tenants;
  readonly finder: Pick<Finder, 'connections'>;
  readonly dialback: Dialback;
  /** Does this chain (DER, the server's own certificate first) prove that its owner is the domain? */
  readonly proves: (domain: string, chain: readonly Buffer[]) => Promise<boolean>;
  readonly encrypt: Encrypt;
  /** The secret of a component. @returns undefined when it was sealed with a key that this deployment has no more. @throws {Unavailable} */
  readonly secretOf: (component: Component) => Promise<string | undefined>;
  /** Names this process to nodes that have streams of components. */
  readonly ownerId: string;
  /** Is this process still the owner of its pairs? Looked at before anything is written to a socket. */
  readonly holdsLease: () => boolean;
}
