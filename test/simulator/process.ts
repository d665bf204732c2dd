/** One process of the simulated cluster: killed, it never does anything again; frozen (SIGSTOP), it does it later. */
import type { Clock, Timer } from '../../lib/ports/clock.ts';
import type { Random } from './random.ts';
import type { EventKind, World, WorldEvent } from './world.ts';

export class SimProcess {
  readonly name: string;
  readonly number: number;
  readonly world: World;
  readonly clock: Clock;
  readonly #random: Random;
  #isFrozen = false;
  #isDead = false;
  #kept: WorldEvent[] = [];
  #wallAheadMs: number;
  readonly #deaths: (() => void)[] = [];

  /** @param wallAheadMs by how much its clock on the wall is ahead */
  constructor(world: World, name: string, number: number, wallAheadMs: number) {
    this.world = world;
    this.name = name;
    this.number = number;
    this.#wallAheadMs = wallAheadMs;
    const random = world.random.fork(`process ${name}`);
    this.#random = random;
    const startedMs = world.nowMs;
    this.clock = {
      now: () => world.epochMs + this.#wallAheadMs,
      monotonic: () => world.nowMs - startedMs,
      after: (delayMs: number, run: () => void): Timer => world.schedule(delayMs, this, 'timer', run),
      randomBytes: (length: number) => random.bytes(length),
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Somebody sets its clock on the wall. */
  setWall(aheadMs: number): void {
    this.#wallAheadMs = aheadMs;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Called by the world with each of its events. @returns true: it is not to run now */
  keepsBack(event: WorldEvent): boolean {
    if (this.#isDead) return true;
    if (!this.#isFrozen) return false;
    this.#kept.push(event);
    return true;
  }

  /** @param run at once when the process dies */
  onDeath(run: () => void): void {
    this.#deaths.push(run);
  }

  kill(): void {
    if (this.#isDead) return;
    this.world.note('kill', this.name);
    this.#isDead = true;
    this.#kept = [];
    for (const run of this.#deaths.splice(0)) run();
  }

  freeze(): void {
    if (this.#isDead || this.#isFrozen) return;
    this.world.note('freeze', this.name);
    this.#isFrozen = true;
  }

  /** What came meanwhile comes now: timers first, as Node does, or what came from outside. */
  thaw(): void {
    if (this.#isDead || !this.#isFrozen) return;
    this.world.note('thaw', this.name, this.#kept.length);
    this.#isFrozen = false;
    const kept = this.#kept;
    this.#kept = [];
    const first: EventKind = this.#random.chance(0.7) ? 'timer' : 'io';
    this.world.again(kept.filter(({ kind }) => kind === first));
    this.world.again(kept.filter(({ kind }) => kind !== first));
  }
}
