/** A request of HTTP to a node, as far as BOSH needs it: it takes time, and its connection may be lost before or after it was answered. */
import { EventEmitter } from 'node:events';
import { boshEvent } from '../../lib/runtime/bosh-wire.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export interface HttpReader {
  answered(status: number, body: string): void;
  /** The connection is gone without an answer. */
  closed(): void;
}

export interface HttpDoor {
  /** undefined: nobody listens. */
  post(body: string, reader: HttpReader): HttpCall | undefined;
}

const latencyMs = 20;
/** Like a proxy with TLS on the machine of the node. */
const socket = { remoteAddress: '127.0.0.1', destroyed: false };

class Incoming extends EventEmitter {
  readonly method = 'POST';
  readonly headers = {};
  readonly socket = socket;
  resume(): void {}
  destroy(): void {}
}

class Outgoing extends EventEmitter {
  readonly socket = socket;
  writableEnded = false;
  destroyed = false;
  status = 0;
  readonly #call: HttpCall;

  constructor(call: HttpCall) {
    super();
    this.#call = call;
  }

  writeHead(status: number): this {
    this.status = status;
    return this;
  }

  end(body: Buffer | string = '', written?: () => void): void {
    this.writableEnded = true;
    this.#call.answer(this.status, body.toString(), written);
  }

  destroy(): void {
    this.#call.dropByNode();
  }
}

export class HttpCall {
  readonly #world: World;
  readonly #random: Random;
  readonly #node: SimProcess;
  readonly #response: Outgoing;
  #reader: HttpReader | undefined;
  /** Nothing gets through any more. */
  #isCut = false;

  constructor(world: World, random: Random, node: SimProcess, web: EventEmitter, body: string, reader: HttpReader) {
    this.#world = world;
    this.#random = random;
    this.#node = node;
    this.#reader = reader;
    this.#response = new Outgoing(this);
    node.onDeath(() => {
      if (random.chance(0.7)) world.after(random.between(1, 30), () => this.#lose());
      this.#isCut = true;
    });
    world.schedule(this.#latency(), node, 'io', () => {
      if (this.#isCut) return;
      const request = new Incoming();
      if (!web.emit(boshEvent, request, this.#response)) return;
      request.emit('data', Buffer.from(body));
      request.emit('end');
    });
  }

  /** The network is gone. @param noticedMs when the node hears of it */
  cut(noticedMs: number): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#reader = undefined;
    this.#world.schedule(noticedMs, this.#node, 'io', () => this.#closeAtNode());
  }

  // The node's side.

  answer(status: number, body: string, written?: () => void): void {
    this.#world.after(this.#latency(), () => {
      if (this.#isCut) return;
      const reader = this.#reader;
      this.#reader = undefined;
      reader?.answered(status, body);
    });
    this.#world.schedule(0, this.#node, 'io', () => {
      written?.();
      this.#closeAtNode();
    });
  }

  dropByNode(): void {
    this.#world.after(this.#latency(), () => this.#lose());
    this.#world.schedule(0, this.#node, 'io', () => this.#closeAtNode());
  }

  #latency(): number {
    return this.#random.between(0.5, latencyMs);
  }

  #closeAtNode(): void {
    if (this.#response.destroyed) return;
    this.#response.destroyed = true;
    this.#response.emit('close');
  }

  #lose(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.closed();
  }
}
