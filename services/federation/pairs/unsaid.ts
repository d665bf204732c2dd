/**
 * Presence of ours that waited for too long: the last one of each two addresses is said when the peer is back, or it would see for ever what
 * was so before. It has no row in the outbox, and is in memory alone: an owner that has just begun knows nothing of it.
 */
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { federationLimits } from '../limits.ts';
import { type Departing, type Entry, entryOf, isBounced, withoutRow } from './departing.ts';

interface GivenUp {
  /** When its row was written, by the deployment's clock. */
  readonly at: number;
  readonly bytes: Buffer;
}

export class Unsaid {
  /** By `from` and `to`. */
  readonly #last = new Map<string, GivenUp>();
  #bytes = 0;
  #said = 0;

  get isEmpty(): boolean {
    return this.#last.size === 0;
  }

  /** It was not delivered, and nobody is told so. @param at when its row was written, by the deployment's clock */
  keep(at: number, one: Departing): void {
    const { bytes, stanza, addresses } = one;
    if (!one.isState || isBounced(stanza)) return;
    // A bare JID answers a probe: all of an account was away then, and later that would take away who has come since.
    if (stanza.attributes.from?.includes('/') !== true) return;
    this.#forget(addresses);
    this.#last.set(addresses, { at, bytes });
    this.#bytes += bytes.length;
    while (this.#last.size > federationLimits.unsaidMax || this.#bytes > federationLimits.unsaidBytesMax)
      this.#forget(this.#last.keys().next().value!);
  }

  /** What is on its way says something later of the same two addresses. */
  note({ departing }: Entry): void {
    if (this.isEmpty) return;
    for (const one of departing) if (one.isState) this.#forget(one.addresses);
  }

  /** The next ones to be said. */
  take(count: number, clock: DeploymentClock): Entry[] {
    return [...this.#last].slice(0, count).map(([key, { at, bytes }]) => {
      this.#forget(key);
      return entryOf({ key: `${withoutRow}said-${++this.#said}`, at, sinceMs: clock.monotonic() }, [bytes], []);
    });
  }

  #forget(key: string): void {
    this.#bytes -= this.#last.get(key)?.bytes.length ?? 0;
    this.#last.delete(key);
  }
}
