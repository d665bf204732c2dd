/**
 * A WebSocket between a model client and a connection node: whole messages, in order, that take time. A connection may be lost with
 * what is under way, and then the node hears of it soon, late, or not at all.
 */
import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export interface SocketReader {
  message(text: string): void;
  /** The connection is gone, as far as the client can tell. */
  closed(): void;
}

const latencyMs = 20;

/** The node's end, as far as `WebSocketTransport` uses it. */
class NodeEnd extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  readonly #socket: SimSocket;

  constructor(socket: SimSocket) {
    super();
    this.#socket = socket;
  }

  send(data: Buffer | string, _options: object, done: (error?: Error) => void): void {
    this.#socket.toClient(data.toString(), data.length, done);
  }

  pause(): void {
    this.#socket.pause(true);
  }

  resume(): void {
    this.#socket.pause(false);
  }

  ping(): void {}

  close(): void {
    this.#socket.closeByNode();
  }

  terminate(): void {
    this.#socket.closeByNode();
  }
}

export class SimSocket {
  readonly #world: World;
  readonly #random: Random;
  readonly #node: SimProcess;
  readonly #end: NodeEnd;
  #reader: SocketReader | undefined;
  #toNodeMs = 0;
  #toClientMs = 0;
  #isPaused = false;
  #waiting: string[] = [];
  /** Nothing gets through any more. */
  #isCut = false;
  /** The client does not read: what it is sent piles up at the node. */
  isStalled = false;
  #stalled: (() => void)[] = [];

  constructor(world: World, random: Random, node: SimProcess, reader: SocketReader) {
    this.#world = world;
    this.#random = random;
    this.#node = node;
    this.#reader = reader;
    this.#end = new NodeEnd(this);
    node.onDeath(() => {
      // The kernel says goodbye, or the whole machine is gone.
      if (random.chance(0.7)) world.after(random.between(1, 30), () => this.#lose());
      this.#isCut = true;
    });
  }

  get forNode(): WebSocket {
    return this.#end as unknown as WebSocket;
  }

  // The client's side.

  send(text: string): void {
    if (this.#isCut) return;
    this.#toNodeMs = this.#later(this.#toNodeMs);
    this.#world.schedule(this.#toNodeMs - this.#world.nowMs, this.#node, 'io', () => this.#arrive(text));
  }

  /** The network is gone: what was under way is lost. @param noticedMs when the node hears of it; absent: never */
  cut(noticedMs: number | undefined): void {
    this.#isCut = true;
    this.#reader = undefined;
    if (noticedMs !== undefined) this.#world.schedule(noticedMs, this.#node, 'io', () => this.#nodeClosed());
  }

  stall(isStalled: boolean): void {
    this.isStalled = isStalled;
    if (isStalled) return;
    this.#end.bufferedAmount = 0;
    for (const run of this.#stalled.splice(0)) run();
  }

  // The node's side.

  toClient(text: string, bytes: number, done: (error?: Error) => void): void {
    if (this.isStalled || this.#isCut) {
      this.#end.bufferedAmount += bytes;
      this.#stalled.push(() => this.toClient(text, bytes, done));
      return;
    }
    this.#toClientMs = this.#later(this.#toClientMs);
    this.#world.after(this.#toClientMs - this.#world.nowMs, () => {
      if (!this.#isCut) this.#reader?.message(text);
    });
    this.#world.schedule(0, this.#node, 'io', () => done());
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused || this.#waiting.length === 0) return;
    this.#world.schedule(0, this.#node, 'io', () => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const text of waiting) this.#arrive(text);
    });
  }

  closeByNode(): void {
    this.#toClientMs = this.#later(this.#toClientMs);
    this.#world.after(this.#toClientMs - this.#world.nowMs, () => this.#lose());
    this.#world.schedule(this.#random.between(1, 40), this.#node, 'io', () => this.#nodeClosed());
  }

  #arrive(text: string): void {
    if (this.#end.readyState !== this.#end.OPEN) return;
    // Also what comes between a resumption and the moment in which what waits is read.
    if (this.#isPaused || this.#waiting.length > 0) this.#waiting.push(text);
    else this.#end.emit('message', Buffer.from(text), false);
  }

  #later(afterMs: number): number {
    return Math.max(afterMs, this.#world.nowMs + this.#random.between(0.5, latencyMs));
  }

  #nodeClosed(): void {
    if (this.#end.readyState !== this.#end.OPEN) return;
    this.#end.readyState = 3;
    this.#end.emit('close');
  }

  #lose(): void {
    this.#isCut = true;
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.closed();
  }
}
