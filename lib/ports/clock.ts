/**
 * The Clock port: time and randomness come in through here, so that a seed can replay a cluster.
 */

import { portLimits } from './limits.ts';

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

/** Rings once after a time that may be longer than a timer of Node holds (24 days). */
export function afterLong(clock: Clock, delayMs: number, run: () => void): Timer {
  const endMs = clock.monotonic() + delayMs;
  const wait = (): Timer => {
    const leftMs = endMs - clock.monotonic();
    if (leftMs <= portLimits.timerMsMax) return clock.after(leftMs, run);
    return clock.after(portLimits.timerMsMax, () => {
      timer = wait();
    });
  };
  let timer = wait();
  return { cancel: () => timer.cancel() };
}

/**
 * Does the work again and again, one pause after it has finished. An error of the work goes to `onError`, which must not throw,
 * and the next round tries again.
 * @param pauseMs before each round; the first round has the number 0
 */
export function repeat(
  clock: Clock,
  pauseMs: (round: number) => number,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): Timer {
  let isOver = false;
  const schedule = (round: number): Timer => clock.after(pauseMs(round), () => void run(round)); // `run` does not reject
  const run = async (round: number): Promise<void> => {
    try {
      await work();
    } catch (error) {
      onError(error);
    }
    if (!isOver) timer = schedule(round + 1);
  };
  let timer = schedule(0);
  return {
    cancel() {
      isOver = true;
      timer.cancel();
    },
  };
}

/** Resolves after `delayMs` of the clock's time. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
