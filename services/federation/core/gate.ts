/** What all pairs of a process share: places to connect, and room for what waits. */

import { FairQueue } from '../../../lib/runtime/fair-queue.ts';
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { federationLimits } from '../limits.ts';

export class Gate {
  readonly #connecting = new FairQueue({
    atOnceMax: federationLimits.connectingMax,
    waitingMax: federationLimits.pairsMax,
    waitingPerPathMax: federationLimits.pairsMax,
  });
  /** Bytes of XML that wait for peers. */
  waitingBytes = 0;

  /** Tenants take turns. @throws {Overloaded} @throws what `work` throws */
  connecting<Result>({ tenant }: PairName, work: () => Promise<Result>): Promise<Result> {
    return this.#connecting.run([tenant], work);
  }

  get isFull(): boolean {
    return this.waitingBytes > federationLimits.waitingBytesAllMax;
  }
}
