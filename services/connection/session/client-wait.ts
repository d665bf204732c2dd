/** How long a parked session still waits for its client (XEP-0198 §5). */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';

export class ClientWait {
  readonly #clock: Clock;
  readonly #over: () => void;
  #timer: Timer | undefined;
  #untilMs = 0;

  constructor(clock: Clock, over: () => void) {
    this.#clock = clock;
    this.#over = over;
  }

  get leftMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.monotonic());
  }

  start(ms: number): void {
    this.#untilMs = this.#clock.monotonic() + ms;
    this.go();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Undoes `stop`. */
  go(): void {
    this.stop();
    this.#timer = this.#clock.after(this.leftMs, this.#over);
  }
}
