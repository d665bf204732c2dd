/**
 * Whether a folder's disk is nearly full. The last of it is kept for what lets people in and what removes: a disk that messages and files
 * have filled would stop everybody's sign-in, and the deletions that help.
 */
import { statfsSync } from 'node:fs';
import { limits } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';

export interface Space {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export class DiskSpace {
  readonly #clock: Clock;
  readonly #look: () => Space;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isShort = false;

  constructor(folder: string, clock: Clock, look: () => Space = () => spaceOf(folder)) {
    this.#clock = clock;
    this.#look = look;
  }

  /** As of the last second. */
  get isShort(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#lookedMs >= limits.diskLookMs) {
      this.#lookedMs = now;
      const { freeBytes, totalBytes } = this.#look();
      this.#isShort = freeBytes < Math.min(limits.diskReserveBytes, totalBytes * limits.diskReserveShare);
    }
    return this.#isShort;
  }
}

function spaceOf(folder: string): Space {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return { freeBytes: Number.POSITIVE_INFINITY, totalBytes: 0 }; // a write will say what is wrong
  }
}
