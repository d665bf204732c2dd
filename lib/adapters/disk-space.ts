/**
 * Tells whether a folder's disk is nearly full. The last part of a disk is reserved for sign-ins and deletions: a disk full of
 * messages and files would otherwise stop everybody's sign-in, and the deletions that would help.
 */
import { statfsSync } from 'node:fs';
import type { Clock } from '../ports/clock.ts';
import { adapterLimits } from './limits.ts';

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

  /** At most a second old. */
  get isShort(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#lookedMs >= adapterLimits.diskLookMs) {
      this.#lookedMs = now;
      this.#isShort = isShortOf(this.#look());
    }
    return this.#isShort;
  }
}

/** True when only the last part of the disk is left. */
export function isShortOf({ freeBytes, totalBytes }: Space): boolean {
  return freeBytes < Math.min(adapterLimits.diskReserveBytes, totalBytes * adapterLimits.diskReserveShare);
}

export function spaceOf(folder: string): Space {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return { freeBytes: Number.POSITIVE_INFINITY, totalBytes: 0 }; // the next write will fail with the reason
  }
}
