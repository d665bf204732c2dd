/**
 * The Bus port between processes of one machine: each has a socket to a hub (`socket-hub.ts`).
 *
 * Requests for subjects that the sender serves itself stay in the process: the routers of all processes are equal, and on a small
 * machine most deliveries go to a node's own sessions. Publishes always go through the hub. When the hub is gone, so is the bus:
 * the process is useless then and ends.
 */
import type { Socket } from 'node:net';
import type { Bus, BusHandler, Serving } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { portLimits } from '../ports/limits.ts';
import { Unavailable } from '../ports/store.ts';
import { checkSubject, zeroStats } from './bus-messages.ts';
import { adapterLimits } from './limits.ts';
import { type MemoryBus, memoryBus } from './memory-bus.ts';
import { PendingReplies } from './pending-replies.ts';
import { RunningHandlers } from './running-handlers.ts';
import { FrameSocket, kinds, type SocketFrame } from './socket-frames.ts';

interface SocketBusOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  /** Called when the hub has gone although nobody closed the bus. */
  readonly onLost?: () => void;
}

export function socketBus(options: SocketBusOptions): Bus {
  return new SocketBus(options);
}

interface Served {
  readonly subject: string;
  readonly handler: BusHandler;
}

class SocketBus implements Bus {
  readonly #clock: Clock;
  readonly #frames: FrameSocket;
  readonly #near: MemoryBus;
  /** How many handlers of this process serve a subject. */
  readonly #own = new Map<string, number>();
  /** The served subjects that the process also publishes to: there a request must not overtake earlier publishes. */
  readonly #published = new Set<string>();
  readonly #served = new Map<number, Served>();
  readonly #stops = new Set<() => Promise<void>>();
  readonly #done = new Map<number, () => void>();
  #lastServed = 0;
  readonly #stats = zeroStats();
  readonly #replies: PendingReplies;
  readonly #handlers = new RunningHandlers(this.#stats);
  #closed: Promise<void> | undefined;
  #hasLeft = false;

  constructor({ socket, clock, onLost }: SocketBusOptions) {
    this.#clock = clock;
    this.#near = memoryBus({ clock });
    this.#replies = new PendingReplies(clock, this.#stats);
    const gone = (): void => {
      this.#leave('the hub has gone');
      if (this.#closed === undefined) onLost?.();
    };
    this.#frames = new FrameSocket(socket, (frame) => this.#take(frame), gone);
  }

  async serve(subject: string, handler: BusHandler, { queue }: { readonly queue?: string } = {}): Promise<Serving> {
    checkSubject(subject);
    if (queue !== undefined) checkSubject(queue);
    if (this.#closed !== undefined || this.#hasLeft) throw new Unavailable(`cannot serve ${subject}: the bus was closed`);
    const id = ++this.#lastServed;
    this.#served.set(id, { subject, handler });
    await this.#tell(kinds.serve, id, subject, Buffer.from(queue ?? ''));
    const near = await this.#near.serve(subject, handler, queue === undefined ? {} : { queue });
    this.#own.set(subject, (this.#own.get(subject) ?? 0) + 1);
    const stop = async (): Promise<void> => {
      if (!this.#stops.delete(stop)) return;
      const left = this.#own.get(subject)! - 1;
      if (left > 0) this.#own.set(subject, left);
      else {
        this.#own.delete(subject);
        this.#published.delete(subject);
      }
      await near.stop();
      await this.#tell(kinds.stop, id, '', undefined);
      this.#served.delete(id);
    };
    this.#stops.add(stop);
    return { stop };
  }

  async request(subject: string, payload: Uint8Array, { timeoutMs }: { readonly timeoutMs: number }): Promise<Uint8Array> {
    checkSubject(subject);
    if (this.#hasLeft) throw new Unavailable(`cannot request ${subject}: the bus was closed`);
    if (this.#own.has(subject) && !this.#published.has(subject)) return this.#near.request(subject, payload, { timeoutMs });
    checkBytes(payload);
    const { id, reply } = this.#replies.open(subject, timeoutMs);
    if (!this.#frames.send(kinds.request, id, timeoutMs, subject, payload)) this.#replies.fail(id, 'the bus is full');
    return reply;
  }

  publish(subject: string, payload: Uint8Array): void {
    checkSubject(subject);
    checkBytes(payload);
    if (this.#own.has(subject)) this.#published.add(subject);
    if (!this.#hasLeft) this.#frames.send(kinds.publish, 0, 0, subject, payload);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #take({ kind, id, extra, subject, payload }: SocketFrame): void {
    if (kind === kinds.reply) this.#replies.settle(id, payload);
    else if (kind === kinds.refused) this.#replies.fail(id, payload.toString());
    else if (kind === kinds.call) this.#call(id, this.#served.get(extra), subject, payload);
    else if (kind === kinds.done) {
      this.#done.get(id)?.();
      this.#done.delete(id);
    }
  }

  #call(id: number, served: Served | undefined, subject: string, payload: Buffer): void {
    const silent = (): void => void this.#frames.send(kinds.silence, id);
    if (served === undefined) silent();
    else {
      const answer = (reply: Uint8Array): void => {
        checkBytes(reply);
        this.#frames.send(kinds.answer, id, 0, '', reply);
      };
      this.#handlers.run(served.handler, payload, subject, answer, silent);
    }
  }

  /** Resolves when the hub has done it, or has gone, in which case nothing is served any more. */
  #tell(kind: number, id: number, subject: string, payload: Buffer | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (this.#frames.send(kind, id, 0, subject, payload)) this.#done.set(id, resolve);
      else resolve();
    });
  }

  /** Handlers that still run may request and publish until they have finished. */
  async #close(): Promise<void> {
    await Promise.all([...this.#stops].map((stop) => stop()));
    await Promise.all([this.#handlers.idleWithin(this.#clock, adapterLimits.busCloseMs), this.#near.close()]);
    this.#leave('the bus was closed');
    await this.#frames.end();
  }

  #leave(reason: string): void {
    this.#hasLeft = true;
    this.#replies.failAll(reason);
    for (const resolve of this.#done.values()) resolve();
    this.#done.clear();
  }
}

/** Checks like `copyPayload`; the copy is made when the frame is written. */
function checkBytes(payload: Uint8Array): void {
  if (!(payload instanceof Uint8Array)) throw new TypeError('cannot send a payload that is not a Uint8Array');
  const { busPayloadBytesMax } = portLimits;
  if (payload.length > busPayloadBytesMax) {
    throw new RangeError(`cannot send ${payload.length} bytes: a message has at most ${busPayloadBytesMax}`);
  }
}
