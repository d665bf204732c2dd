/**
 * A connection between a simulated process and a remote server, which stands outside of the cluster: bytes in order that take time. It
 * ends in order, by a reset, or without a word.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { SimProcess } from '../process.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';

/** The remote server's end. */
export interface FarEnd {
  data(text: string): void;
  /** Once: the other side is gone, as far as anybody can tell. */
  closed(): void;
}

const latencyMs = 20;

/** The process's end, as far as the product uses a socket. */
class NearEnd extends EventEmitter {
  destroyed = false;
  writable = true;
  writableLength = 0;
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    super();
    this.#pipe = pipe;
  }

  /** Whoever wants data gets it, until it says otherwise. */
  override on(name: string, listener: (...values: unknown[]) => void): this {
    super.on(name, listener as never);
    return name === 'data' ? this.resume() : this;
  }

  write(data: Buffer, done?: () => void): boolean {
    this.#pipe.fromNear(data, done);
    return true;
  }

  pause(): this {
    this.#pipe.pause(true);
    return this;
  }

  resume(): this {
    this.#pipe.pause(false);
    return this;
  }

  end(): this {
    this.writable = false;
    this.#pipe.nearEnds();
    return this;
  }

  destroySoon(): void {
    this.end();
    this.destroy();
  }

  destroy(): this {
    if (!this.destroyed) this.#pipe.nearDestroyed();
    return this;
  }
}

interface Part {
  readonly text: string;
  readonly heard: (() => void) | undefined;
}

export class Pipe {
  readonly process: SimProcess;
  /** Told what the process writes, at that moment. */
  onWrite: (text: string) => void = () => {};
  readonly #world: World;
  readonly #random: Random;
  readonly #near = new NearEnd(this);
  #far: FarEnd | undefined;
  #toFarMs = 0;
  #toNearMs = 0;
  /** Nothing gets through any more. */
  #isCut = false;
  #isPaused = true;
  #isFrozen = false;
  /** What the remote server has not read, while it stands still. */
  #unread: (() => void)[] = [];
  /** What the process has not read; undefined: the end. */
  #waiting: (Part | undefined)[] = [];

  constructor(world: World, random: Random, process: SimProcess) {
    this.#world = world;
    this.#random = random;
    this.process = process;
    process.onDeath(() => {
      // The kernel says goodbye, or the whole machine is gone.
      if (random.chance(0.7)) this.#tellFar(() => this.#farClosed());
      else this.#isCut = true;
    });
  }

  get socket(): Socket {
    return this.#near as unknown as Socket;
  }

  get isOver(): boolean {
    return this.#far === undefined || this.#isCut;
  }

  open(far: FarEnd): void {
    this.#far = far;
  }

  // From the process.

  fromNear(data: Buffer, done: (() => void) | undefined): void {
    if (this.#near.destroyed || !this.#near.writable) return;
    const text = data.toString();
    this.onWrite(text);
    this.#near.writableLength += data.length;
    this.#tellFar(() => {
      this.#world.schedule(0, this.process, 'io', () => {
        this.#near.writableLength -= data.length;
        done?.();
      });
      this.#far?.data(text);
    });
  }

  nearEnds(): void {
    this.#tellFar(() => this.#farClosed());
  }

  nearDestroyed(): void {
    this.#near.destroyed = true;
    this.#near.writable = false;
    this.#waiting = [];
    this.#world.schedule(0, this.process, 'io', () => this.#near.emit('close'));
    this.#tellFar(() => this.#farClosed());
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (!isPaused && this.#waiting.length > 0) this.#world.schedule(0, this.process, 'io', () => this.#read());
  }

  // From the remote server.

  /** @param heard runs when the process reads it */
  send(text: string, heard?: () => void): void {
    if (this.#far === undefined) return;
    // TCP knows no messages.
    const at = this.#random.chance(0.2) ? this.#random.below(text.length) : 0;
    if (at > 0) this.#tellNear(() => this.#arrive({ text: text.slice(0, at), heard: undefined }));
    this.#tellNear(() => this.#arrive({ text: text.slice(at), heard }));
  }

  /** In order: what was sent before arrives. */
  close(): void {
    this.#far = undefined;
    this.#tellNear(() => this.#arrive(undefined));
  }

  /** @param isHeard whether the process is told; otherwise the network or the machine is gone */
  reset(isHeard: boolean): void {
    const far = this.#far;
    this.#far = undefined;
    this.#isCut = true;
    far?.closed();
    if (!isHeard) return;
    this.#world.schedule(this.#random.between(1, latencyMs), this.process, 'io', () => {
      if (this.#near.destroyed) return;
      this.#near.emit('error', new Error('read ECONNRESET'));
      this.nearDestroyed();
    });
  }

  freeze(isFrozen: boolean): void {
    this.#isFrozen = isFrozen;
    if (!isFrozen) for (const run of this.#unread.splice(0)) run();
  }

  #tellFar(run: () => void): void {
    this.#toFarMs = this.#later(this.#toFarMs);
    this.#world.after(this.#toFarMs - this.#world.nowMs, () => {
      if (this.#isCut) return;
      if (this.#isFrozen) this.#unread.push(run);
      else run();
    });
  }

  #tellNear(run: () => void): void {
    if (this.#isCut) return;
    this.#toNearMs = this.#later(this.#toNearMs);
    this.#world.schedule(this.#toNearMs - this.#world.nowMs, this.process, 'io', () => {
      if (!this.#isCut) run();
    });
  }

  #farClosed(): void {
    const far = this.#far;
    this.#far = undefined;
    far?.closed();
    this.#tellNear(() => this.#arrive(undefined));
  }

  #arrive(part: Part | undefined): void {
    if (this.#near.destroyed) return;
    this.#waiting.push(part);
    this.#read();
  }

  #read(): void {
    while (this.#waiting.length > 0 && !this.#isPaused && !this.#near.destroyed) {
      const part = this.#waiting.shift();
      if (part === undefined) this.nearDestroyed();
      else {
        this.#near.emit('data', Buffer.from(part.text));
        part.heard?.();
      }
    }
    // The end is not kept from whoever reads nothing and has nothing left to read.
    if (this.#waiting.length === 1 && this.#waiting[0] === undefined && !this.#near.destroyed) this.nearDestroyed();
  }

  #later(afterMs: number): number {
    return Math.max(afterMs, this.#world.nowMs + this.#random.between(0.5, latencyMs));
  }
}
