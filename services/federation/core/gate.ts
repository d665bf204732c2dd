/** What all pairs of a process share: places to connect and at the store, room for what waits, and what peers may send. */

import type { Clock } from '../../../lib/ports/clock.ts';
import type { Allowances } from '../../../lib/runtime/allowance.ts';
import { FairQueue } from '../../../lib/runtime/fair-queue.ts';
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { peerAllowances } from '../../../lib/s2s/stream-pace.ts';
import { federationLimits } from '../limits.ts';
import { Beginnings, type Urgency } from './beginnings.ts';

export class Gate {
  readonly #clock: Clock;
  readonly #beginnings: Beginnings;
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
  /** Bytes of XML that wait for peers, and rows of the outbox. */
  waitingBytes = 0;
  waitingRows = 0;
  /** When the last of the dead servers has its turn, by the monotonic clock. */
  #lastTurnMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beginnings = new Beginnings(clock);
    this.allowances = peerAllowances(clock);
  }

  /**
   * Tenants take turns, and of each those that fail with those that may not, and its senders.
   * @param sender who of ours writes to the peer: a bare address, or ''
   * @throws {Overloaded} @throws what `work` throws
   */
  async connecting<Result>(pair: PairName, urgency: Urgency, sender: string, work: () => Promise<Result>): Promise<Result> {
    await this.#beginnings.turn(pair, urgency, sender);
    return this.#connecting.run([pair.tenant, urgency], work);
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
