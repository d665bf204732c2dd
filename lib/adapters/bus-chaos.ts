/**
 * What the in-process bus does to messages for the simulator: the same seed and the same order of messages give the same fates.
 */

/** Chances from 0 to 1. They are read anew for each message, so a test may change them while it runs. */
export interface Chaos {
  readonly seed: number;
  lose?: number;
  /** With chance `p` a message is delayed by up to `maxMs` of the clock's time. */
  delay?: { p: number; maxMs: number };
  duplicate?: number;
  /** The message is delivered after all others that are sent in the same turn of the event loop. */
  reorder?: number;
}

export interface Fate {
  readonly copies: 0 | 1 | 2;
  readonly delayMs: number;
  readonly isLate: boolean;
}

/** Draws five numbers for each message, whatever the chances are, so that changing one chance does not change the other fates. */
export function chaosDice(chaos: Chaos): () => Fate {
  const draw = mulberry32(chaos.seed);
  return () => {
    const isLost = draw() < (chaos.lose ?? 0);
    const isDouble = draw() < (chaos.duplicate ?? 0);
    const isLate = draw() < (chaos.reorder ?? 0);
    const isDelayed = draw() < (chaos.delay?.p ?? 0);
    const share = draw();
    const delayMs = isDelayed ? 1 + Math.floor(share * (chaos.delay?.maxMs ?? 0)) : 0;
    return { copies: isLost ? 0 : isDouble ? 2 : 1, delayMs, isLate };
  };
}

/** A generator of numbers in [0, 1) with 32 bits of state: Tommy Ettinger's mulberry32. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
