/**
 * The way to a router: one batch is sent until a router answers it `ok`, with the same ids each time (DESIGN §2 rules 1 and 2).
 */
import type { Logger } from 'pino';
import { limits } from '../../../lib/limits.ts';
import type { Bus } from '../../../lib/ports/bus.ts';
import { type Clock, sleep } from '../../../lib/ports/clock.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { ask, isOperating, report } from '../../../lib/runtime/faults.ts';
import { encodeFrame, type Frame } from '../../../lib/runtime/frame.ts';
import { Latency } from '../../../lib/runtime/latency.ts';
import { routerSubject, type StepReply, type StepRequest } from '../../../lib/runtime/wire.ts';

export interface Answer {
  readonly reply: StepReply;
  /** One per `reply.out`. */
  readonly bodies: readonly Buffer[];
}

export interface Persistence {
  /** Asked after each try. */
  readonly triesMax: () => number;
  /** It is tried until then, however often that is; monotonic milliseconds. */
  readonly givenUpAtMs: number;
  /** Asked before each further try: nobody waits for the answer any more. */
  readonly isOver: () => boolean;
  /** The first try was in vain. */
  readonly onRetry?: () => void;
}

export class RouterLink {
  readonly #bus: Bus;
  readonly #clock: DeploymentClock;
  readonly #log: Logger;
  /** From the first try to the answer, or until it was given up. */
  readonly latency: Latency;
  #inFlight = 0;

  constructor(parts: { readonly bus: Bus; readonly clock: DeploymentClock; readonly log: Logger }) {
    this.#bus = parts.bus;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.latency = new Latency(parts.clock);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** undefined: no router took it. */
  async step(request: StepRequest, bodies: readonly Buffer[], persistence: Persistence): Promise<Answer | undefined> {
    this.#inFlight++;
    const begun = this.latency.begin();
    try {
      for (let tries = 1; ; tries++) {
        const at = this.#clock.now();
        const overAtMs = this.#clock.monotonic() + limits.batchTimeoutMs;
        const payload = encodeFrame({ ...request, until: at + limits.batchTimeoutMs, at } satisfies StepRequest, bodies);
        try {
          const answer = this.#read(await ask<StepReply>(this.#bus, routerSubject, payload, limits.batchTimeoutMs));
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

  /** The same batch would fail again, and again: the session ends, and its client is told that it is our fault. */
  #failed(error: unknown): Answer {
    report(this.#log, error, 'a batch failed');
    return { reply: { ok: true, out: [], close: { condition: 'internal-server-error' } }, bodies: [] };
  }

  /** A router that stood still must find that its time is over, by its own clock, before the session goes on. */
  #restMs(overAtMs: number): number {
    const leftMs = overAtMs - this.#clock.monotonic();
    return leftMs > limits.clocksDifferMs ? 0 : Math.max(0, leftMs + limits.clocksDifferMs);
  }

  /** @returns undefined when the batch is to be sent again: a router whose clock is ahead says so, and the next try is in time */
  #read({ header, bodies }: Frame<StepReply>): Answer | undefined {
    this.#clock.observe(header.at);
    if (!header.ok) return undefined;
    if (header.out.length !== bodies.length) throw new RangeError(`${header.out.length} stanzas in ${bodies.length} bodies`);
    return { reply: header, bodies };
  }

  #backoff(tries: number): number {
    return jittered(this.#clock, Math.min(limits.batchBackoffMs * 2 ** (tries - 1), limits.batchBackoffMaxMs));
  }
}

/** Up to twice as long, by chance: so that the sessions of a node do not all come back in the same moment. */
export function jittered(clock: Clock, ms: number): number {
  return ms + (ms * clock.randomBytes(2).readUInt16BE()) / 65_536;
}
