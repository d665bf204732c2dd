/** How long a parked session still waits for its client (XEP-0198 §5). */
import type { Timer } from '../../../lib/ports/clock.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type { SessionOwner } from './session-owner.ts';

export class ClientWait<Held> {
  readonly #owner: Pick<SessionOwner<Held>, 'clock' | 'putAway' | 'timedOut'>;
  readonly #session: Held;
  readonly #end: () => void;
  #timer: Timer | undefined;
  #untilMs = 0;

  /** @param end is called when the time is over */
  constructor(owner: Pick<SessionOwner<Held>, 'clock' | 'putAway' | 'timedOut'>, session: Held, end: () => void) {
    this.#owner = owner;
    this.#session = session;
    this.#end = end;
  }

  get leftMs(): number {
    return Math.max(0, this.#untilMs - this.#owner.clock.monotonic());
  }

  start(ms: number): void {
    this.#untilMs = this.#owner.clock.monotonic() + ms;
    this.go();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Undoes `stop`. */
  go(): void {
    this.stop();
    this.#timer = this.#owner.clock.after(Math.min(this.leftMs, serviceLimits.resumeTimeoutMs), () => this.#over());
  }

  /** A session that waits for longer does not wait in memory, unless the store is away. */
  #over(): void {
    if (this.leftMs > 0) {
      this.go();
      this.#owner.putAway(this.#session);
      return;
    }
    this.#owner.timedOut(this.#session);
    this.#end();
  }
}
