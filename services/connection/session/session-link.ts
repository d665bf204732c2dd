/** A session's side of the way to a router: what routers have said about it last, and whether they answer. */
import type { Timer } from '../../../lib/ports/clock.ts';
import type { SessionTerms } from '../../../lib/runtime/session-terms.ts';
import type { StepItem } from '../../../lib/runtime/wire.ts';
import { connectionLimits } from '../limits.ts';
import { jittered, type OwnRequest, type Persistence, type StepAnswer } from './router-link.ts';
import type { SessionOwner, SessionStart } from './session-owner.ts';

export interface LinkStep {
  readonly items: readonly StepItem[];
  readonly bodies: readonly Buffer[];
  /** Absent: many for a client that waits, and few for one that is gone. What it sent last has an unknown outcome then, and comes again. */
  readonly triesMax?: number | undefined;
  /** {@link StepRequest.resumeMs} */
  readonly resumeMs?: number | undefined;
}

/** What the link asks of its session. */
export interface LinkHost {
  /** False for a client that only signs in: it is told at once that no router answers. */
  readonly isBound: boolean;
  readonly isParked: boolean;
  /** True when nobody waits for an answer any more. */
  readonly isOver: boolean;
  readonly client: { heed(terms: SessionTerms): void };
  /** How much it may read has changed: a batch must be sent again. */
  gauge(): void;
}

/** One batch at a time is on its way, so the link itself says how long it is tried. */
export class SessionLink implements Persistence {
  /** {@link StepRequest.session} */
  state: string;
  hasStepped = false;
  /** True when a batch had to be sent again. Then little more is read from the client for now. */
  isStalled = false;
  readonly #owner: SessionOwner<never>;
  readonly #start: SessionStart;
  readonly #host: LinkHost;
  #triesMax: number | undefined;
  givenUpAtMs = 0;
  /** When the first batch that no router has answered began, monotonic ms. Later batches are not waited for as long again. */
  #patientUntilMs: number | undefined;
  /** True when only stanzas are sent, because no router answered. */
  isPaused = false;
  #pause: Timer | undefined;

  constructor(owner: SessionOwner<never>, start: SessionStart, host: LinkHost) {
    this.#owner = owner;
    this.#host = host;
    this.#start = start;
    this.state = start.routerSession;
  }

  triesMax(): number {
    return this.#triesMax ?? (this.#host.isParked ? connectionLimits.endTriesMax : connectionLimits.batchTriesMax);
  }

  isOver(): boolean {
    return this.#host.isOver;
  }

  onRetry(): void {
    this.isStalled = true;
    this.#host.gauge();
  }

  /** @returns undefined when no router took it */
  step(step: LinkStep): Promise<StepAnswer | undefined> {
    const isFirst = !this.hasStepped;
    this.hasStepped = true;
    return isFirst ? this.#first(step) : this.#send(step);
  }

  async #first(step: LinkStep): Promise<StepAnswer | undefined> {
    return (await this.#owner.admission.mayGetReady('bind')) ? this.#send(step) : undefined;
  }

  #send({ items, bodies, triesMax, resumeMs }: LinkStep): Promise<StepAnswer | undefined> {
    const { clock, subject: node, router } = this.#owner;
    const { sid, domain } = this.#start;
    this.#patientUntilMs ??= clock.monotonic() + connectionLimits.batchPatienceMs;
    this.#triesMax = triesMax;
    this.givenUpAtMs = this.#host.isBound ? this.#patientUntilMs : 0;
    const request: OwnRequest = { kind: 'step', node, sid, domain, session: this.state, resumeMs, items, deadline: 0, at: 0 };
    return router.step(request, bodies, this).then(this.#heed);
  }

  /** Made once, because each batch passes here. */
  readonly #heed = (answer: StepAnswer | undefined): StepAnswer | undefined => {
    if (answer === undefined) return undefined;
    this.#patientUntilMs = undefined;
    this.state = answer.reply.take('session') ?? this.state;
    const terms = answer.reply.take('terms');
    if (terms !== undefined) this.#host.client.heed(terms);
    return answer;
  };

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
