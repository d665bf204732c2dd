/** The requests of one bus that wait for an answer, by number, with one timer for all of them. */
import type { Clock, Timer } from '../ports/clock.ts';
import { Unavailable } from '../ports/store.ts';
import type { BusStats } from './bus-messages.ts';
import { adapterLimits } from './limits.ts';

interface Pending {
  readonly subject: string;
  readonly timeoutMs: number;
  /** Deadline by the monotonic clock. */
  readonly untilMs: number;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

export class PendingReplies {
  readonly #clock: Clock;
  readonly #stats: BusStats;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** Set for the earliest deadline. That request may have its answer by then: nearly all are answered long before. */
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, stats: BusStats) {
    this.#clock = clock;
    this.#stats = stats;
  }

  /** @throws {Unavailable} when too many requests are pending */
  open(subject: string, timeoutMs: number): { id: number; reply: Promise<Uint8Array> } {
    if (this.#pending.size >= adapterLimits.busRequestsMax) {
      throw new Unavailable(`cannot request ${subject}: ${this.#pending.size} requests are already waiting for an answer`);
    }
    const id = ++this.#lastId;
    const { promise: reply, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const nowMs = this.#clock.monotonic();
    const untilMs = nowMs + timeoutMs;
    this.#pending.set(id, { subject, timeoutMs, untilMs, resolve, reject });
    if (untilMs < this.#timerAtMs) this.#wake(nowMs, untilMs);
    this.#stats.requestsUnderWay = this.#pending.size;
    return { id, reply };
  }

  /** A second or late answer finds nothing here and is dropped. */
  settle(id: number, payload: Uint8Array): void {
    this.#take(id)?.resolve(payload);
  }

  fail(id: number, reason: string): void {
    const pending = this.#take(id);
    pending?.reject(new Unavailable(`cannot request ${pending.subject}: ${reason}`));
  }

  failAll(reason: string): void {
    for (const id of [...this.#pending.keys()]) this.fail(id, reason);
  }

  #wake(nowMs: number, atMs: number): void {
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.after(atMs - nowMs, () => this.#expire());
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #expire(): void {
    const nowMs = this.#clock.monotonic();
    // The request that the timer was for is due even if it fires a fraction too soon: floating-point sums are inexact.
    const dueMs = Math.max(nowMs, this.#timerAtMs);
    this.#stop();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [id, { untilMs, timeoutMs }] of this.#pending) {
      if (untilMs > dueMs) nextMs = Math.min(nextMs, untilMs);
      else {
        this.#stats.timeouts++;
        this.fail(id, `no answer within ${timeoutMs} ms`);
      }
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#wake(nowMs, nextMs);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#stats.requestsUnderWay = this.#pending.size;
    if (this.#pending.size === 0) this.#stop();
    return pending;
  }
}
