/** A WebSocket in memory between somebody on a stage and a connection node: whole messages, in order, at once. */
import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';

/** The node's end, as far as `WebSocketTransport` uses it. */
class NodeEnd extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  readonly bufferedAmount = 0;
  readonly #message: (text: string) => void;
  #isPaused = false;
  #waiting: Buffer[] = [];

  constructor(message: (text: string) => void) {
    super();
    this.#message = message;
  }

  send(data: Buffer | string, _options: object, done: (error?: Error) => void): void {
    this.#message(data.toString());
    setImmediate(done);
  }

  arrive(text: string): void {
    if (this.readyState !== this.OPEN) return;
    if (this.#isPaused || this.#waiting.length > 0) this.#waiting.push(Buffer.from(text));
    else this.emit('message', Buffer.from(text), false);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    setImmediate(() => {
      while (!this.#isPaused && this.#waiting.length > 0) this.emit('message', this.#waiting.shift(), false);
    });
  }

  ping(): void {}

  close(): void {
    if (this.readyState !== this.OPEN) return;
    this.readyState = 3;
    setImmediate(() => this.emit('close'));
  }

  terminate(): void {
    this.close();
  }
}

export class MemorySocket {
  readonly #end: NodeEnd;

  /** @param message what the node sends */
  constructor(message: (text: string) => void) {
    this.#end = new NodeEnd(message);
  }

  get forNode(): WebSocket {
    return this.#end as unknown as WebSocket;
  }

  /** It arrives in a turn of its own. */
  send(text: string): void {
    setImmediate(() => this.#end.arrive(text));
  }

  /** The connection is gone. */
  close(): void {
    this.#end.close();
  }
}
