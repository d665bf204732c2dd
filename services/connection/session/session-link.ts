/** A session's side of the way to a router: what routers have said about it last, and whether they answer. */
import type { Timer } from '../../../lib/ports/clock.ts';
import type { StepItem } from '../../../lib/runtime/wire.ts';
import { connectionLimits } from '../limits.ts';
import { jittered, type StepAnswer } from './router-link.ts';
import type { SessionOwner, SessionStart } from './session-owner.ts';

export interface LinkStep {
  readonly items: readonly StepItem[];
  readonly bodies: readonly Buffer[];
  readonly triesMax: () => number;
  /** False for a client that only signs in: it is told at once that no router answers. */
  readonly isPatient: boolean;
  /** {@link StepRequest.resumeMs} */
  readonly resumeMs?: number | undefined;
  readonly isOver: () => boolean;
}

export class SessionLink {
  /** {@link StepRequest.session} */
  state: string;
  hasStepped = false;
  /** True when a batch had to be sent again. Then little more is read from the client for now. */
  isStalled = false;
  readonly #owner: SessionOwner<never>;
  readonly #start: SessionStart;
  /** When the first batch that no router has answered began, monotonic ms. Later batches are not waited for as long again. */
  #givenUpAtMs: number | undefined;
  /** True when only stanzas are sent, because no router answered. */
  isPaused = false;
  #pause: Timer | undefined;
  readonly #stalled: () => void;

  /** @param stalled is called when `isStalled` has become true */
  constructor(owner: SessionOwner<never>, start: SessionStart, stalled: () => void) {
    this.#owner = owner;
    this.#stalled = stalled;
    this.#start = start;
    this.state = start.routerSession;
  }

  /** @returns undefined when no router took it */
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
