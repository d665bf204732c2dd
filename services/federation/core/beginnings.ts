/**
 * Who begins to connect to another server, and when. Finding and dialling costs CPU whether somebody answers or not, and of a thousand servers
 * that are written to at one moment most may be dead. So a few begin at a time, and each keeps its place for a moment, in which the streams
 * that are open have their turns of the event loop. Where the process is busy that moment is longer: timers that ring late say so, and so do
 * more servers that come than can begin, because what people write is being taken in then, and they and others wait for the answer.
 *
 * Tenants take turns; of each of them servers that were reached of late, that are new, that failed and that ask for us; of these our senders
 * (lines.ts).
 */
import { type Clock, sleep } from '../../../lib/ports/clock.ts';
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { federationLimits } from '../limits.ts';
import { Lines } from './lines.ts';

/** The peer asks for it by a key; it was reached of late; it is tried for the first time; or it has failed. */
export type Urgency = 'asked' | 'known' | 'first' | 'again';

type Begin = () => void;

export class Beginnings {
  readonly #clock: Clock;
  /** The first one has the next turn, of the tenants and of what is urgent. A pair waits once, so that they are bounded as pairs are. */
  readonly #waiting = new Map<string, Map<Urgency, Lines<Begin>>>();
  #beginning = 0;
  /** How many have come so far. */
  #come = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when it may begin. @param sender a bare address of ours, or '' */
  turn({ tenant }: Pick<PairName, 'tenant'>, urgency: Urgency, sender: string): Promise<void> {
    this.#come++;
    return new Promise((begin) => {
      const ofTenant = this.#waiting.get(tenant) ?? new Map<Urgency, Lines<Begin>>();
      const lines = ofTenant.get(urgency) ?? new Lines<Begin>();
      lines.add(sender, begin);
      this.#waiting.set(tenant, ofTenant.set(urgency, lines));
      this.#go();
    });
  }

  #go(): void {
    while (this.#beginning < federationLimits.connectsBeginningMax) {
      const begin = this.#take();
      if (begin === undefined) return;
      this.#beginning++;
      begin();
      void this.#letOthersWork();
    }
  }

  #take(): Begin | undefined {
    for (const [tenant, ofTenant] of this.#waiting) {
      this.#waiting.delete(tenant);
      const begin = takeTurn(ofTenant);
      if (ofTenant.size > 0) this.#waiting.set(tenant, ofTenant);
      return begin;
    }
    return undefined;
  }

  async #letOthersWork(): Promise<void> {
    const { connectsBeginningMax, connectBeginningMs, connectYieldMaxMs, connectYieldPerLateMs } = federationLimits;
    const [begunMs, before] = [this.#clock.monotonic(), this.#come];
    await sleep(this.#clock, connectBeginningMs);
    const lateMs = this.#clock.monotonic() - begunMs - connectBeginningMs;
    const areTooMany = this.#come - before > connectsBeginningMax;
    const yieldMs = areTooMany ? connectYieldMaxMs : Math.min(lateMs * connectYieldPerLateMs, connectYieldMaxMs);
    if (yieldMs > connectBeginningMs) await sleep(this.#clock, yieldMs);
    this.#beginning--;
    this.#go();
  }
}

function takeTurn(ofTenant: Map<Urgency, Lines<Begin>>): Begin | undefined {
  for (const [urgency, lines] of ofTenant) {
    ofTenant.delete(urgency);
    const begin = lines.take();
    if (!lines.isEmpty) ofTenant.set(urgency, lines);
    return begin;
  }
  return undefined;
}
