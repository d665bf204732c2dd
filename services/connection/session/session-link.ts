/** A session's side of the way to a router: what routers said of it last, and whether they answer. */
import type { Timer } from '../../../lib/ports/clock.ts';
import type { StepItem } from '../../../lib/runtime/wire.ts';
import { connectionLimits } from '../limits.ts';
import { jittered, type StepAnswer } from './router-link.ts';
import type { SessionOwner, SessionStart } from './session-owner.ts';

export interface LinkStep {
  readonly items: readonly StepItem[];
  readonly bodies: readonly Buffer[];
  readonly triesMax: () => number;
  /** Whoever only signs in is told at once that it cannot be. */
  readonly isPatient: boolean;
  /** {@link StepRequest.resumeMs} */
  readonly resumeMs?: number | undefined;
  readonly isOver: () => boolean;
}

export class SessionLink {
  /** {@link StepRequest.session} */
  state: string;
  hasStepped = false;
  /** A batch had to be sent again: little more is to be read from the client for now. */
  isStalled = false;
  readonly #owner: SessionOwner<never>;
  readonly #start: SessionStart;
  /** Monotonic, of the first batch of those that no router has answered: later ones are not waited for as long again. */
  #givenUpAtMs: number | undefined;
  /** Nothing but stanzas is sent, because no router answered. */
  isPaused = false;
  #pause: Timer | undefined;
  readonly #stalled: () => void;

  /** @param stalled `isStalled` has become true */
  constructor(owner: SessionOwner<never>, start: SessionStart, stalled: () => void) {
    this.#owner = owner;
    this.#stalled = stalled;
    this.#start = start;
    this.state = start.routerSession;
  }

  /** undefined: no router took it. */
  async step({ items, bodies, triesMax, isPatient, resumeMs, isOver }: LinkStep): Promise<StepAnswer | undefined> {
    const isFirst = !this.hasStepped;
    this.hasStepped = true;
    if (isFirst && !(await this.#owner.admission.mayGetReady('bind'))) return undefined;
    const { clock, subject: node, router } = this.#owner;
    const { sid, domain } = this.#start;
    this.#givenUpAtMs ??= clock.monotonic() + connectionLimits.batchPatienceMs;
    const answer = await router.step({ kind: 'step', node, sid, domain, session: this.state, resumeMs, items }, bodies, {
      triesMax,
      givenUpAtMs: isPatient ? this.#givenUpAtMs : 0,
      isOver,
      onRetry: () => {
        this.isStalled = true;
        this.#stalled();
      },
    });
    if (answer !== undefined) this.#givenUpAtMs = undefined;
    this.state = answer?.reply.take('session') ?? this.state;
    return answer;
  }

  pause(over: () => void): void {
    const { clock } = this.#owner;
    this.isPaused = true;
    this.#pause ??= clock.after(jittered(clock, connectionLimits.batchTimeoutMs / 2), () => {
      this.stop();
      over();
    });
  }

  stop(): void {
    this.isPaused = false;
    this.#pause?.cancel();
    this.#pause = undefined;
  }
}
