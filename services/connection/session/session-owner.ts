/** What a session asks of the node that holds it. */
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Allowances } from '../../../lib/runtime/allowance.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { Admission } from '../door/admission.ts';
import type { StageKind } from './outgoing-stages.ts';
import type { RouterLink } from './router-link.ts';

/** @typeParam Held how the node represents its sessions */
export interface SessionOwner<Held> {
  readonly subject: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly router: RouterLink;
  readonly allowances: Allowances;
  /** The stages that stanzas pass on their way to a client. */
  readonly stages: readonly StageKind[];
  readonly admission: Admission;
  /** From now on deliveries find the session. */
  hold(session: Held): void;
  /** Deliveries do not find it any more. */
  released(session: Held): void;
  /** Nothing of the session is left. */
  over(session: Held): void;
  /** The session has been parked for so long that it should lie in the store. */
  putAway(session: Held): void;
  /** The client took too long to resume. */
  timedOut(session: Held): void;
}

export interface SessionStart {
  readonly sid: string;
  readonly domain: string;
  /** The bare JID. */
  readonly account: string;
  /** {@link StepRequest.session} */
  readonly routerSession: string;
}
