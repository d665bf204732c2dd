/** What all pairs of a process share: places to connect and at the store, room for what waits, and what peers may send. */

import { type Clock, sleep } from '../../../lib/ports/clock.ts';
import type { Allowances } from '../../../lib/runtime/allowance.ts';
import { FairQueue } from '../../../lib/runtime/fair-queue.ts';
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { peerAllowances } from '../../../lib/s2s/stream-pace.ts';
import { federationLimits } from '../limits.ts';

/** The peer asks for it by a key; it is tried for the first time, or after it was reached; or it has failed. */
export type Urgency = 'asked' | 'first' | 'again';

export class Gate {
  readonly #clock: Clock;
  /** Whoever begins stays here for a moment, so that the streams that are open get their turns of the event loop in between. */
  readonly #beginning = new FairQueue({
    atOnceMax: federationLimits.connectsBeginningMax,
    waitingMax: federationLimits.pairsMax,
    waitingPerPathMax: federationLimits.pairsMax,
  });
  readonly #connecting = new FairQueue({
    atOnceMax: federationLimits.connectingMax,
    waitingMax: federationLimits.pairsMax,
    waitingPerPathMax: federationLimits.pairsMax,
  });
  readonly #deleting = new FairQueue({
    atOnceMax: federationLimits.deletionsAtOnceMax,
    waitingMax: federationLimits.deletionsWaitingMax,
    waitingPerPathMax: federationLimits.deletionsWaitingMax,
  });
  /** What peers may send on streams of ours. */
  readonly allowances: Allowances;
  /** Bytes of XML that wait for peers. */
  waitingBytes = 0;
  /** When the last of the dead servers has its turn, by the monotonic clock. */
  #lastTurnMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.allowances = peerAllowances(clock);
  }

  /** Tenants take turns, and of each those that fail with those that may not. @throws {Overloaded} @throws what `work` throws */
  connecting<Result>({ tenant }: PairName, urgency: Urgency, work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        this.#connecting.run([tenant, urgency], work).then(resolve, reject);
        return this.#letOthersWork();
      };
      this.#beginning.run([tenant, urgency], begin).catch(reject);
    });
  }

  /** The busier the event loop is, the longer: what rings late says so. */
  async #letOthersWork(): Promise<void> {
    const { connectBeginningMs, connectYieldMaxMs, connectYieldPerLateMs } = federationLimits;
    const begunMs = this.#clock.monotonic();
    await sleep(this.#clock, connectBeginningMs);
    const lateMs = this.#clock.monotonic() - begunMs - connectBeginningMs;
    const yieldMs = Math.min(lateMs * connectYieldPerLateMs, connectYieldMaxMs);
    if (yieldMs > connectBeginningMs) await sleep(this.#clock, yieldMs);
  }

  /** Tenants take turns. @throws {Overloaded} @throws what `work` throws */
  deleting<Result>({ tenant }: PairName, work: () => Promise<Result>): Promise<Result> {
    return this.#deleting.run([tenant], work);
  }

  /** Dead servers take turns, or a thousand of them would keep a process busy. @returns when one that has failed has its next turn, ms from now */
  deadTurnMs(): number {
    const now = this.#clock.monotonic();
    const { deadRetriesPerSecond, deadRetryMaxMs } = federationLimits;
    this.#lastTurnMs = Math.min(Math.max(this.#lastTurnMs, now) + 1_000 / deadRetriesPerSecond, now + deadRetryMaxMs);
    return this.#lastTurnMs - now;
  }

  get isFull(): boolean {
    return this.waitingBytes > federationLimits.waitingBytesAllMax;
  }
}
