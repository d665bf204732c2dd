/** Requests of one bus that have no answer yet, by number; one timer for all of them. */
import { limits } from '../limits.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import { Unavailable } from '../ports/store.ts';
import type { BusStats } from './bus-messages.ts';

interface Pending {
  readonly subject: string;
  readonly timeoutMs: number;
  /** By the monotonic clock. */
  readonly untilMs: number;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

export class PendingReplies {
  readonly #clock: Clock;
  readonly #stats: BusStats;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** For the first of them that may run out; it may have its answer by then, because nearly all have theirs long before. */
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, stats: BusStats) {
    this.#clock = clock;
    this.#stats = stats;
  }

  /** @throws {Unavailable} when too many are under way */
  open(subject: string, timeoutMs: number): { id: number; reply: Promise<Uint8Array> } {
    if (this.#pending.size >= limits.busRequestsMax) {
      throw new Unavailable(`cannot request ${subject}: ${this.#pending.size} requests have no answer yet`);
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

  /** A second or late answer finds nothing and is dropped. */
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
    // What the timer was for is due, also when it fires a fraction too soon: of sums of fractions the last digit is lost.
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
