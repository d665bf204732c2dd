/**
 * The shards of pairs that this process serves: it takes over what falls to it when nobody else has it any more (core/fence.ts), has its
 * outbox read, and gives up what falls to others. All of it is taken anew after a moment in which others may have called this process dead.
 */
import type { BusHandler, Serving } from '../../lib/ports/bus.ts';
import { sleep } from '../../lib/ports/clock.ts';
import { allShards, type ShardOwner } from '../../lib/runtime/shard-owner.ts';
import type { Dependencies } from './core/dependencies.ts';
import type { Fence } from './core/fence.ts';
import { federationLimits } from './limits.ts';

/** What several owners need to share the shards. */
export interface Sharing {
  readonly shards: ShardOwner;
  readonly fence: Fence;
  /** @see Heartbeat.lease */
  readonly lease: () => { readonly isHeld: boolean; readonly number: number };
}

interface ShardEvents {
  readonly handler: BusHandler;
  /** Reads the outbox of a shard that has come. It never rejects. */
  readonly read: (shard: number, isOurs: () => boolean) => Promise<void>;
  /** Stops what was done for a shard that goes. */
  readonly leave: (shard: number) => Promise<void>;
}

/** A shard that falls to this process. */
export interface OwnedShard {
  readonly number: number;
  /** Nobody else has it at this moment. */
  readonly holds: boolean;
  /** @returns false when it is another's, still or already */
  whenRead(): Promise<boolean>;
}

class Shard implements OwnedShard {
  readonly number: number;
  readonly serving: Serving;
  readonly #owner: Shards;
  /** Absent: another process has it still. */
  reading: Promise<void> | undefined;
  isLeft = false;

  constructor(owner: Shards, number: number, serving: Serving) {
    this.#owner = owner;
    this.number = number;
    this.serving = serving;
  }

  get holds(): boolean {
    return !this.isLeft && this.#owner.holdsLease;
  }

  async whenRead(): Promise<boolean> {
    if (this.reading === undefined) return false;
    await this.reading;
    return this.holds;
  }
}

export class Shards {
  readonly #dependencies: Dependencies;
  readonly #events: ShardEvents;
  /** Absent: only this process is ever the owner. */
  readonly #sharing: Sharing | undefined;
  readonly #shards: ShardOwner;
  readonly #owned = new Map<number, Shard>();
  /** Shards whose streams are being closed: nobody else may write to them yet. */
  readonly #leaving = new Set<number>();
  /** When it was last tried to take a shard, by the monotonic clock: such a write may take effect later than it fails. */
  readonly #tried = new Map<number, number>();
  /** The number of the lease under which the shards were taken. */
  #lease: number | undefined;
  #changing: Promise<void> = Promise.resolve();
  #unsubscribe: () => void = () => {};
  #isStopped = false;

  constructor(dependencies: Dependencies, sharing: Sharing | undefined, events: ShardEvents) {
    this.#dependencies = dependencies;
    this.#events = events;
    this.#sharing = sharing;
    this.#shards = sharing?.shards ?? allShards();
    this.#lease = sharing?.lease().number;
  }

  /** Looked at before anything is written to a socket, and before anybody is told that something was taken. */
  get holdsLease(): boolean {
    const lease = this.#sharing?.lease();
    return lease === undefined || (lease.isHeld && lease.number === this.#lease);
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#shards.onChange(() => void this.#follow());
    await this.#follow();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe();
    await this.#follow();
  }

  ownership(shard: number): OwnedShard | undefined {
    return this.#owned.get(shard);
  }

  all(): readonly OwnedShard[] {
    return [...this.#owned.values()];
  }

  /** Often. */
  tick(): void {
    if (this.#sharing !== undefined && this.#sharing.lease().number !== this.#lease) void this.#follow();
  }

  /** Now and then: gives up what it came to have late. Never rejects. */
  async look(): Promise<void> {
    const now = this.#dependencies.clock.monotonic();
    for (const [shard, atMs] of [...this.#tried]) {
      if (this.#owned.has(shard)) continue;
      await this.#giveUp(shard);
      if (now - atMs > 4 * federationLimits.lookMs) this.#tried.delete(shard);
    }
  }

  /** Serves what is owned now and nothing else; changes take place one after the other. */
  #follow(): Promise<void> {
    this.#changing = this.#changing
      .then(() => this.#change())
      .catch((error: unknown) => {
        this.#dependencies.log.error({ err: error }, 'cannot change which shards of pairs this process owns');
      });
    return this.#changing;
  }

  async #change(): Promise<void> {
    const number = this.#sharing?.lease().number;
    if (number !== this.#lease) {
      await Promise.all([...this.#owned.values()].map((shard) => this.#leave(shard)));
      this.#lease = number;
    }
    const owned: ReadonlySet<number> = this.#isStopped ? new Set() : this.#shards.owned();
    const lost = [...this.#owned.values()].filter((shard) => !owned.has(shard.number));
    await Promise.all(lost.map((shard) => this.#leave(shard)));
    for (const shard of owned) if (!this.#owned.has(shard)) await this.#enter(shard);
  }

  async #enter(number: number): Promise<void> {
    const serving = await this.#dependencies.bus.serve(`s2s.${number}`, this.#events.handler);
    const shard = new Shard(this, number, serving);
    this.#owned.set(number, shard);
    if (this.#sharing === undefined) await this.#read(shard);
    else void this.#take(shard, this.#sharing.fence);
  }

  async #leave(shard: Shard): Promise<void> {
    shard.isLeft = true;
    this.#owned.delete(shard.number);
    this.#leaving.add(shard.number);
    try {
      await this.#events.leave(shard.number); // their last pings are still answered
      await shard.serving.stop();
      await this.#events.leave(shard.number);
    } finally {
      this.#leaving.delete(shard.number);
    }
    await this.#giveUp(shard.number);
  }

  /** When the process before has given it up, or is dead. Never rejects. */
  async #take(shard: Shard, fence: Fence): Promise<void> {
    const { clock, log } = this.#dependencies;
    while (!shard.isLeft) {
      this.#tried.set(shard.number, clock.monotonic());
      try {
        if (await fence.take(shard.number)) break;
      } catch (error) {
        log.warn({ err: error, shard: shard.number }, 'cannot take a shard of pairs');
      }
      await sleep(clock, federationLimits.fenceRetryMs);
    }
    if (shard.isLeft) await this.#giveUp(shard.number);
    else await this.#read(shard);
  }

  #read(shard: Shard): Promise<void> {
    shard.reading = this.#events.read(shard.number, () => !shard.isLeft);
    return shard.reading;
  }

  /** Never rejects. What failed is tried again with the next look. */
  async #giveUp(shard: number): Promise<void> {
    if (this.#sharing === undefined || this.#owned.has(shard) || this.#leaving.has(shard)) return;
    try {
      await this.#sharing.fence.giveUp(shard);
    } catch (error) {
      this.#dependencies.log.warn({ err: error, shard }, 'cannot give up a shard of pairs');
    }
  }
}
