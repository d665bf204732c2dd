/**
 * The hub of a bus between the processes of one machine: the in-process bus, with one participant for each process that is
 * attached by a socket. It lives in the process that started the others, and ends with it.
 */
import type { Socket } from 'node:net';
import type { Bus, Serving } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { memoryBus } from './memory-bus.ts';
import { FrameSocket, kinds, type SocketFrame } from './socket-frames.ts';

export interface SocketHub {
  /** The participant of this process. */
  readonly bus: Bus;
  attach(socket: Socket): void;
  close(): Promise<void>;
}

export function socketHub({ clock }: { readonly clock: Clock }): SocketHub {
  const bus = memoryBus({ clock });
  const sockets = new Set<Socket>();
  return {
    bus,
    attach(socket) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      new Attached(socket, bus.join());
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await bus.close();
    },
  };
}

class Attached {
  readonly #bus: Bus;
  readonly #frames: FrameSocket;
  readonly #serving = new Map<number, Promise<Serving>>();
  /** Bounded, because a bus bounds the handlers that run at once. */
  readonly #calls = new Map<number, (reply: Uint8Array | undefined) => void>();
  #lastCall = 0;

  constructor(socket: Socket, bus: Bus) {
    this.#bus = bus;
    this.#frames = new FrameSocket(
      socket,
      (frame) => {
        try {
          this.#take(frame);
        } catch {
          socket.destroy(); // our own bus never sends this
        }
      },
      () => this.#gone(),
    );
  }

  #take({ kind, id, extra, subject, payload }: SocketFrame): void {
    if (kind === kinds.serve) void this.#serve(id, subject, payload.toString());
    else if (kind === kinds.stop) void this.#stop(id);
    else if (kind === kinds.request) void this.#request(id, subject, payload, extra);
    else if (kind === kinds.publish) this.#bus.publish(subject, payload);
    else if (kind === kinds.answer) this.#settle(id, payload);
    else if (kind === kinds.silence) this.#settle(id, undefined);
  }

  async #serve(id: number, subject: string, queue: string): Promise<void> {
    const serving = this.#bus.serve(subject, (payload) => this.#call(id, subject, payload), queue === '' ? {} : { queue });
    this.#serving.set(id, serving);
    await serving;
    this.#frames.send(kinds.done, id);
  }

  async #stop(id: number): Promise<void> {
    const serving = await this.#serving.get(id);
    this.#serving.delete(id);
    await serving?.stop();
    this.#frames.send(kinds.done, id);
  }

  #call(serving: number, subject: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      this.#lastCall = (this.#lastCall + 1) >>> 0;
      const id = this.#lastCall;
      if (this.#frames.send(kinds.call, id, serving, subject, payload)) this.#calls.set(id, resolve);
      else resolve(undefined);
    });
  }

  #settle(id: number, reply: Uint8Array | undefined): void {
    this.#calls.get(id)?.(reply);
    this.#calls.delete(id);
  }

  async #request(id: number, subject: string, payload: Uint8Array, timeoutMs: number): Promise<void> {
    try {
      const reply = await this.#bus.request(subject, payload, { timeoutMs });
      this.#frames.send(kinds.reply, id, 0, '', reply);
    } catch (error) {
      this.#frames.send(kinds.refused, id, 0, '', Buffer.from((error as Error).message));
    }
  }

  #gone(): void {
    for (const resolve of this.#calls.values()) resolve(undefined);
    this.#calls.clear();
    void this.#bus.close();
  }
}
