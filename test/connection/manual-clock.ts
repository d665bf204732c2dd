/** A clock that stands until it is moved: what waits for an hour takes a test no time, and nothing happens by accident. */
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock, Timer } from '../../lib/ports/clock.ts';

export class ManualClock implements Clock {
  #elapsedMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  now(): number {
    return 1_700_000_000_000 + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.#elapsedMs + delayMs, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  randomBytes(length: number): Buffer {
    return systemClock.randomBytes(length);
  }

  /** What waits does not ring any more, as in a process that has died. */
  forget(): void {
    this.#timers.clear();
  }

  /** Rings what is due on the way, in order, and lets each ring have its consequences. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#elapsedMs = Math.max(this.#elapsedMs, due.atMs);
      due.run();
    }
    this.#elapsedMs = untilMs;
  }
}

/** Some turns of the event loop: enough for messages on the in-process bus to go there and back. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
}
