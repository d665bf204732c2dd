/** Archive entries that the client has, on their way to the account's cursor: told at most each `limits.cursorFlushMs`. */
import { limits } from '../../../lib/limits.ts';
import type { Clock, Timer } from '../../../lib/ports/clock.ts';

export class CursorFlush {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #ids: string[] = [];
  #timer: Timer | undefined;
  #isDue = false;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  get isEmpty(): boolean {
    return this.#ids.length === 0;
  }

  /** Time to send a batch for these alone. */
  get isDue(): boolean {
    return this.#isDue && this.#ids.length > 0;
  }

  add(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#ids.push(...ids);
    // The greatest id moves the cursor; those before it only save a repetition, so the oldest may go.
    if (this.#ids.length > limits.unackedStanzasMax) this.#ids = this.#ids.slice(-limits.unackedStanzasMax);
    this.#timer ??= this.#clock.after(limits.cursorFlushMs, () => {
      this.#timer = undefined;
      this.#isDue = true;
      this.#wake();
    });
  }

  take(): readonly string[] {
    const ids = this.#ids;
    this.#ids = [];
    this.#isDue = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    return ids;
  }
}
