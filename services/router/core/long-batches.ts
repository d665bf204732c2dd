/**
 * Keeps sessions that send much at once from holding up those that send little. A batch passes some ten turns of the event loop and a commit,
 * and in each of them it would be behind all that is under way for others.
 *
 * Batches of many stanzas begin a few in each turn. While there are batches of few, those of messages alone wait for each other, too: as many
 * are under way as make none take much longer than it would alone. How long that is depends on the store and on the machine, and is measured:
 * the window grows while batches are about as quick as the quickest of late, and shrinks when they are not. Messages share one commit, so
 * their batches can be compared. What clients ask for when they come is not held back: it takes as long as there are questions in it.
 */
import type { Clock } from '../../../lib/ports/clock.ts';
import { FairQueue } from '../../../lib/runtime/fair-queue.ts';
import { routerLimits } from '../limits.ts';

/** What is left of the window when a batch was slow. */
const longBatchShrink = 0.7;

const waiting = {
  waitingMax: routerLimits.longBatchesWaitingMax,
  waitingPerPathMax: routerLimits.longBatchesWaitingMax,
} as const;

export class LongBatches {
  readonly #clock: Clock;
  readonly #turns = new FairQueue({ ...waiting, atOnceMax: routerLimits.longBatchesPerTurn });
  readonly #messages: FairQueue;
  /** Stanzas of long batches that may be under way. */
  #window: number = routerLimits.longBatchWindowMin;
  #shrunkAtMs = Number.NEGATIVE_INFINITY;
  #usedAtMs = Number.NEGATIVE_INFINITY;
  #shortAtMs = Number.NEGATIVE_INFINITY;
  /** How long the quickest batch took, ms: of this period and of the one before. */
  #quickestMs = Number.POSITIVE_INFINITY;
  #quickestBeforeMs = Number.POSITIVE_INFINITY;
  #periodEndMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    const atOnceMax = () => this.#atOnceMax;
    this.#messages = new FairQueue({
      ...waiting,
      get atOnceMax() {
        return atOnceMax();
      },
    });
  }

  /** @param work of a batch with so many stanzas. @param areMessages all of them are. @throws {Overloaded} @throws what `work` throws */
  run<Result>(domain: string, stanzas: number, areMessages: boolean, work: () => Promise<Result>): Promise<Result> {
    if (stanzas > routerLimits.shortBatchItemsMax) return this.#runLong(domain, stanzas, areMessages, work);
    this.#shortAtMs = this.#clock.monotonic();
    return work();
  }

  async #runLong<Result>(domain: string, stanzas: number, areMessages: boolean, work: () => Promise<Result>): Promise<Result> {
    await this.#turns.run([domain], nextTurn);
    if (!areMessages) return work();
    let working: Promise<Result> | undefined;
    const begin = (): Promise<void> => {
      this.#forget();
      const begunMs = this.#clock.monotonic();
      working = work();
      return this.#doneOrLate(working, begunMs);
    };
    await this.#messages.run([domain], begin, stanzas);
    return working!;
  }

  /** Where nobody sends little, nobody is held up. */
  get #atOnceMax(): number {
    const isShared = this.#clock.monotonic() - this.#shortAtMs <= routerLimits.shortBatchSeenMs;
    return isShared ? this.#window : Number.POSITIVE_INFINITY;
  }

  /** A batch that waits for another service keeps nobody from beginning. */
  #doneOrLate(working: Promise<unknown>, begunMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(routerLimits.longBatchAloneMs, resolve);
      const end = (): void => {
        timer.cancel();
        this.#learn(this.#clock.monotonic() - begunMs);
        resolve();
      };
      working.then(end, end);
    });
  }

  /** What was learned under load does not tell what comes after a quiet time. */
  #forget(): void {
    const now = this.#clock.monotonic();
    if (now - this.#usedAtMs > routerLimits.longBatchQuietMs) this.#window = routerLimits.longBatchWindowMin;
    this.#usedAtMs = now;
    if (now < this.#periodEndMs) return;
    this.#quickestBeforeMs = this.#quickestMs;
    this.#quickestMs = Number.POSITIVE_INFINITY;
    this.#periodEndMs = now + routerLimits.quickestPeriodMs;
  }

  #learn(tookMs: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    const quickestMs = Math.min(this.#quickestMs, this.#quickestBeforeMs);
    const now = this.#clock.monotonic();
    const { longBatchWindowMin, longBatchWindowMax, slowBatchTimes, slowBatchMs } = routerLimits;
    if (tookMs <= quickestMs * slowBatchTimes + slowBatchMs) this.#window = Math.min(this.#window + 1, longBatchWindowMax);
    else if (now - this.#shrunkAtMs > tookMs) {
      this.#window = Math.max(longBatchWindowMin, Math.floor(this.#window * longBatchShrink));
      this.#shrunkAtMs = now;
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
