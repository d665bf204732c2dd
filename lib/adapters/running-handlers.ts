/**
 * Runs the handlers of one bus concurrently, and bounds their number and the bytes that they hold.
 *
 * A handler that throws answers nothing, as with NATS, so its requester times out. Here the error is only counted.
 */
import type { BusHandler } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { BusStats } from './bus-messages.ts';
import { adapterLimits } from './limits.ts';

export class RunningHandlers {
  readonly #stats: BusStats;
  #heldBytes = 0;
  #idle: (() => void)[] = [];

  constructor(stats: BusStats) {
    this.#stats = stats;
  }

  /** Never throws. Calls `answer` with what the handler returns, or `silent` if it returns nothing. */
  run(
    handler: BusHandler,
    payload: Uint8Array,
    subject: string,
    answer: ((reply: Uint8Array) => void) | undefined,
    silent?: () => void,
  ): void {
    const bytes = payload.length;
    if (this.#stats.handlersRunning >= adapterLimits.busHandlersMax || this.#heldBytes + bytes > adapterLimits.busHeldBytesMax) {
      this.#stats.dropped++;
      silent?.();
      return;
    }
    this.#stats.received++;
    this.#stats.handlersRunning++;
    this.#heldBytes += bytes;
    try {
      const result = handler(payload, subject);
      if (result === undefined || result instanceof Uint8Array) {
        this.#finish(bytes, result, answer, silent);
        return;
      }
      result.then(
        (reply) => this.#finish(bytes, reply, answer, silent),
        () => this.#fail(bytes, silent),
      );
    } catch {
      this.#fail(bytes, silent);
    }
  }

  /** Resolves when no handler is running, or after `timeoutMs`. */
  idleWithin(clock: Clock, timeoutMs: number): Promise<void> {
    if (this.#stats.handlersRunning === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.after(timeoutMs, resolve);
      this.#idle.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #finish(
    bytes: number,
    reply: Uint8Array | undefined,
    answer: ((reply: Uint8Array) => void) | undefined,
    silent: (() => void) | undefined,
  ): void {
    try {
      if (reply === undefined) silent?.();
      else answer?.(reply);
    } catch {
      this.#stats.handlerErrors++;
      silent?.();
    }
    this.#release(bytes);
  }

  #fail(bytes: number, silent: (() => void) | undefined): void {
    this.#stats.handlerErrors++;
    silent?.();
    this.#release(bytes);
  }

  #release(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#stats.handlersRunning--;
    if (this.#stats.handlersRunning > 0 || this.#idle.length === 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
