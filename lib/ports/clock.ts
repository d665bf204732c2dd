/**
 * The Clock port: time and randomness come in through here, so that a seed can replay a cluster.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the epoch; may jump. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number;
  /** Calls back once after the delay. The timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
  randomBytes(length: number): Buffer;
}

/** Resolves after `delayMs` of the clock's time. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
