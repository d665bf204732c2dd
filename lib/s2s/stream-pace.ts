/** What other servers may send to a process: as much as their domains may, on all of their streams together. */
import type { Clock } from '../ports/clock.ts';
import { type Allowance, Allowances } from '../runtime/allowance.ts';
import { s2sLimits } from './limits.ts';

export function peerAllowances(clock: Clock): Allowances {
  const { peerStanzasPerSecond, peerStanzasBurst, peerBytesPerSecond, peerBytesBurst, peerSharesMax } = s2sLimits;
  const stanzas = { perSecond: peerStanzasPerSecond, burst: peerStanzasBurst };
  return new Allowances(clock, { stanzas, bytes: { perSecond: peerBytesPerSecond, burst: peerBytesBurst } }, peerSharesMax);
}

/** What one stream may still send, by the domains that it has proved: as few as that. */
export class StreamPace {
  readonly #allowances: Allowances;
  readonly #go: () => void;
  readonly #byDomain = new Map<string, Allowance>();
  isWaiting = false;

  constructor(allowances: Allowances, go: () => void) {
    this.#allowances = allowances;
    this.#go = go;
  }

  /** A stanza was read. */
  spend(domain: string, bytes: number): void {
    const allowance = this.#byDomain.get(domain) ?? this.#allowances.of(domain);
    this.#byDomain.set(domain, allowance);
    if (allowance.spend(bytes) <= 0) return;
    this.isWaiting = true;
    allowance.wait(() => {
      this.isWaiting = false;
      this.#go();
    });
  }

  stop(): void {
    for (const allowance of this.#byDomain.values()) allowance.stop();
  }
}
