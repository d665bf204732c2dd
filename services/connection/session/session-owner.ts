/** What a session asks of the node that holds it. */
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { Admission } from '../door/admission.ts';
import type { Allowances } from './allowance.ts';
import type { StageKind } from './outgoing-stages.ts';
import type { RouterLink } from './router-link.ts';

/** @typeParam Held how the node knows its sessions */
export interface SessionOwner<Held> {
  readonly subject: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly router: RouterLink;
  readonly allowances: Allowances;
  /** What stanzas pass on their way to a client. */
  readonly stages: readonly StageKind[];
  readonly admission: Admission;
  /** Deliveries find it from now on. */
  hold(session: Held): void;
  /** They do not any more. */
  released(session: Held): void;
  /** Nothing of it is left. */
  over(session: Held): void;
  /** A client waited too long with its resumption. */
  timedOut(session: Held): void;
}

export interface SessionStart {
  readonly sid: string;
  readonly domain: string;
  /** Bare JID. */
  readonly account: string;
  /** {@link StepRequest.session} */
  readonly routerSession: string;
}
