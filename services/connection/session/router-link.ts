/**
 * The way to a router. A batch is sent until a router answers it with `ok`, with the same ids each time, so that a retry writes
 * the same rows.
 */
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import { type Clock, sleep } from '../../../lib/ports/clock.ts';
import type { Answer } from '../../../lib/runtime/answer.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { ask, isOperating, report } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { Latency } from '../../../lib/runtime/latency.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { type Outgoing, routerSubject, type StepReply, type StepRequest, stepAnswer } from '../../../lib/runtime/wire.ts';
import { StreamError, type StreamErrorCondition } from '../../../lib/xmpp/errors.ts';
import { connectionLimits } from '../limits.ts';

export interface StepAnswer {
  readonly reply: Answer<StepReply>;
  /** One for each body. */
  readonly out: readonly Outgoing[];
}

/** A request that nobody else uses. The link writes into it when it is sent, because a copy for two fields would cost as much as the rest. */
export type OwnRequest = Omit<StepRequest, 'deadline' | 'at'> & { deadline: number; at: number };

export interface Persistence {
  /** Read after each try. */
  triesMax(): number;
  /** The batch is tried until this time, however often that is; monotonic ms. */
  readonly givenUpAtMs: number;
  /** Read before each further try. True when nobody waits for the answer any more. */
  isOver(): boolean;
  /** Called when the first try has failed. */
  onRetry?(): void;
}

export class RouterLink {
  readonly #bus: Bus;
  readonly #clock: DeploymentClock;
  readonly #log: Logger;
  /** From the first try until the answer, or until the batch was given up. */
  readonly latency: Latency;
  #inFlight = 0;

  constructor(dependencies: { readonly bus: Bus; readonly clock: DeploymentClock; readonly log: Logger }) {
    this.#bus = dependencies.bus;
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.latency = new Latency(dependencies.clock);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** @returns undefined when no router took the batch */
  async step(request: OwnRequest, bodies: readonly Buffer[], persistence: Persistence): Promise<StepAnswer | undefined> {
    this.#inFlight++;
    const begun = this.latency.begin();
    try {
      for (let tries = 1; ; tries++) {
        const overAtMs = this.#clock.monotonic() + connectionLimits.batchTimeoutMs;
        try {
          const answer = await this.#ask(request, bodies);
          if (answer !== undefined) return answer;
        } catch (error) {
          if (!isOperating(error)) return this.#failed(error);
          this.#log.debug({ err: error }, 'a batch was not answered');
        }
        const isLast = tries >= persistence.triesMax() && this.#clock.monotonic() >= persistence.givenUpAtMs;
        const restMs = this.#restMs(overAtMs);
        if (persistence.isOver() || (isLast && restMs === 0)) return undefined;
        if (!isLast) persistence.onRetry?.();
        await sleep(this.#clock, Math.max(restMs, isLast ? 0 : this.#backoff(tries)));
        if (isLast || persistence.isOver()) return undefined;
      }
    } finally {
      this.#inFlight--;
      this.latency.end(begun);
    }
  }

  /** @returns undefined when the batch must be sent again */
  #ask(request: OwnRequest, bodies: readonly Buffer[]): Promise<StepAnswer | undefined> {
    request.at = this.#clock.now();
    request.deadline = request.at + connectionLimits.batchTimeoutMs;
    const payload = encodeFrame(request satisfies StepRequest, bodies);
    const asking = ask(this.#bus, stepAnswer, routerSubject, payload, connectionLimits.batchTimeoutMs);
    return asking.then(this.#read);
  }

  /** The same batch would fail again and again, so the session ends, and its client is told that the fault is ours. */
  #failed(error: unknown): StepAnswer | undefined {
    report(this.#log, error, 'a batch failed');
    const header: StepReply = { ok: true, out: [], close: { condition: 'internal-server-error' } };
    return this.#read(stepAnswer.of({ header, bodies: [] }));
  }

  /** A router that stood still must find by its own clock that its time is over, before the session goes on. */
  #restMs(overAtMs: number): number {
    const leftMs = overAtMs - this.#clock.monotonic();
    return leftMs > runtimeLimits.clocksDifferMs ? 0 : Math.max(0, leftMs + runtimeLimits.clocksDifferMs);
  }

  /** @returns undefined when the batch must be sent again: a router whose clock is ahead says so, and the next try is in time */
  readonly #read = (reply: Answer<StepReply>): StepAnswer | undefined => {
    this.#clock.observe(reply.take('at'));
    if (!reply.take('ok')) return undefined;
    const out = reply.take('out');
    if (out.length !== reply.bodies.length) throw new RangeError(`${out.length} stanzas in ${reply.bodies.length} bodies`);
    return { reply, out };
  };

  #backoff(tries: number): number {
    return jittered(this.#clock, Math.min(serviceLimits.batchBackoffMs * 2 ** (tries - 1), connectionLimits.batchBackoffMaxMs));
  }
}

/** Call this when everything in an answer has been read that is useful in this state. */
export function checkAllRead(log: Logger, { reply }: StepAnswer, sid: string): void {
  const left = reply.left();
  if (left.length > 0) log.error({ sid, left }, `a router's answer has parts that are not known here: ${left.join(', ')}`);
}

/** Adds up to as much again at random, so that the sessions of a node do not all come back in the same moment. */
export function jittered(clock: Clock, ms: number): number {
  return ms + (ms * clock.randomBytes(2).readUInt16BE()) / 65_536;
}

/** For a stream without a session. @throws {StreamError} when the router closes it */
export function finishAnswer(log: Logger, answer: StepAnswer, sid: string): void {
  const close = answer.reply.take('close');
  checkAllRead(log, answer, sid);
  if (close) throw new StreamError(close.condition as StreamErrorCondition, close.text);
}
