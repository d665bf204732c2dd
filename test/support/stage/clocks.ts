/** Clocks for tests in which time must not pass by itself. */
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import type { Clock } from '../../../lib/ports/clock.ts';

/** A clock that stands until it is moved, and whose timers ring at once: a pause costs a test no time. */
export function steppedClock(): Clock & { advance(ms: number): void } {
  let elapsed = 0;
  return {
    ...systemClock,
    now: () => 1_700_000_000_000 + elapsed,
    monotonic: () => elapsed,
    after(delayMs, run) {
      elapsed += delayMs;
      const immediate = setImmediate(run);
      return { cancel: () => clearImmediate(immediate) };
    },
    advance: (ms) => {
      elapsed += ms;
    },
  };
}

/** A clock that goes on like the system's, and whose timers ring so many times sooner. */
export function hastyClock(times: number): Clock {
  return { ...systemClock, after: (delayMs, run) => systemClock.after(delayMs / times, run) };
}
