/**
 * Simulated time. Each event belongs to at most one simulated process; after it has run, all promises that it settled are
 * followed to their end before the next event, so that whatever runs then belongs to the same process. This is what makes a
 * process mortal: its events are dropped (killed) or kept back (frozen), and no code of it ever runs again, at whichever `await`
 * it stood.
 *
 * `setImmediate`, which product code uses to gather what comes in one turn, is an event of the world's while one runs.
 */
import type { Timer } from '../../lib/ports/clock.ts';
import { EventQueue } from './event-queue.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';

/** `timer`: of a process's own clock; `io`: from outside. They do not keep their order when a frozen process goes on. */
export type EventKind = 'timer' | 'io';

export interface WorldEvent extends Timer {
  atMs: number;
  number: number;
  readonly process: SimProcess | undefined;
  readonly kind: EventKind;
  run: (() => void) | undefined;
}

const realImmediate = globalThis.setImmediate;
const realClearImmediate = globalThis.clearImmediate;

/** Monday, 1 January 2024. */
export const epochMs = 1_704_067_200_000;
/** A run that makes more events than this has an endless loop in it. */
const eventsMax = 2_000_000;

export class World {
  readonly random: Random;
  nowMs = 0;
  events = 0;
  /** Whose code runs now. */
  current: SimProcess | undefined;
  /** A hash of all events and what they said: two runs of one seed have the same. */
  hash = 0;
  /** Lines for people, when the run is shown. */
  readonly trace: string[] | undefined;
  readonly #queue = new EventQueue<WorldEvent>();
  #number = 0;

  constructor(random: Random, isTraced = false) {
    this.random = random;
    this.trace = isTraced ? [] : undefined;
  }

  get epochMs(): number {
    return epochMs + Math.floor(this.nowMs);
  }

  /** Both part of the hash and of the trace. */
  note(...dependencies: readonly (string | number)[]): void {
    const line = dependencies.join(' ');
    this.mix(line);
    this.trace?.push(`${(this.nowMs / 1000).toFixed(4).padStart(9)} ${line}`);
  }

  mix(text: string): void {
    let hash = this.hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.hash = hash;
  }

  schedule(delayMs: number, process: SimProcess | undefined, kind: EventKind, run: () => void): Timer {
    const event: WorldEvent = {
      atMs: this.nowMs + Math.max(0, delayMs),
      number: ++this.#number,
      process,
      kind,
      run,
      cancel() {
        this.run = undefined;
      },
    };
    this.#queue.add(event);
    return event;
  }

  /** An event of the simulation itself. */
  after(delayMs: number, run: () => void): Timer {
    return this.schedule(delayMs, undefined, 'io', run);
  }

  /** What a process did not get while it stood still, from now on. */
  again(events: readonly WorldEvent[]): void {
    for (const event of events) {
      event.atMs = this.nowMs;
      event.number = ++this.#number;
      this.#queue.add(event);
    }
  }

  /** Runs `start`, then all events until `untilMs` of simulated time. */
  async run(untilMs: number): Promise<void> {
    globalThis.setImmediate = ((run: (...values: unknown[]) => void, ...values: unknown[]) =>
      this.schedule(0, this.current, 'io', () => run(...values))) as unknown as typeof setImmediate;
    globalThis.clearImmediate = ((timer: Timer) => timer?.cancel()) as unknown as typeof clearImmediate;
    try {
      for (let next = this.#queue.first; next !== undefined && next.atMs <= untilMs; next = this.#queue.first) {
        this.#queue.take();
        if (next.run === undefined) continue;
        this.nowMs = Math.max(this.nowMs, next.atMs);
        if (next.process?.keepsBack(next)) continue;
        if (++this.events > eventsMax) throw new Error(`the run made more than ${eventsMax} events`);
        this.current = next.process;
        this.hash = Math.imul(this.hash ^ (next.process?.number ?? 0), 0x01000193) ^ Math.round(this.nowMs * 1000);
        next.run();
        await settled();
        this.current = undefined;
      }
      this.nowMs = Math.max(this.nowMs, untilMs);
    } finally {
      globalThis.setImmediate = realImmediate;
      globalThis.clearImmediate = realClearImmediate;
      this.current = undefined;
    }
  }
}

/** All promises that can be followed have been. */
function settled(): Promise<void> {
  return new Promise((resolve) => void realImmediate(resolve));
}
