/**
 * Archive entries that the client has, until the account's cursor is told. That happens at most every
 * `connectionLimits.cursorFlushMs`.
 */
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { connectionLimits } from '../limits.ts';

export interface Delivered {
  readonly ids: readonly string[];
  /** Entries that were given while the queue was closed for the session: older entries may still wait. */
  readonly aside: readonly string[];
}

export const nothingDelivered: Delivered = { ids: [], aside: [] };

export class CursorFlush {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #ids: string[] = [];
  #aside: string[] = [];
  #timer: Timer | undefined;
  /** Asks for a batch that carries only these. */
  isDue = false;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  add({ ids, aside }: Delivered): void {
    if (ids.length + aside.length === 0) return;
    keepNewest(this.#ids, ids);
    keepNewest(this.#aside, aside);
    this.#timer ??= this.#clock.after(connectionLimits.cursorFlushMs, () => {
      this.#timer = undefined;
      this.isDue = true;
      this.#wake();
    });
  }

  take(): Delivered {
    const taken = { ids: this.#ids, aside: this.#aside };
    this.#ids = [];
    this.#aside = [];
    this.isDue = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    return taken;
  }
}

/** The greatest id moves the cursor. The others only avoid repetitions, so the oldest may go. */
function keepNewest(kept: string[], ids: readonly string[]): void {
  for (const id of ids) kept.push(id);
  const surplus = kept.length - connectionLimits.unackedStanzasMax;
  if (surplus > 0) kept.splice(0, surplus);
}
