/** Requests of one bus that have no answer yet: by number, each with its timer. */
import { limits } from '../limits.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import { Unavailable } from '../ports/store.ts';
import type { BusStats } from './bus-messages.ts';

interface Pending {
  readonly subject: string;
  readonly timer: Timer;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

export class PendingReplies {
  readonly #clock: Clock;
  readonly #stats: BusStats;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

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
    const timer = this.#clock.after(timeoutMs, () => {
      this.#stats.timeouts++;
      this.fail(id, `no answer within ${timeoutMs} ms`);
    });
    this.#pending.set(id, { subject, timer, resolve, reject });
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

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#stats.requestsUnderWay = this.#pending.size;
    pending.timer.cancel();
    return pending;
  }
}
