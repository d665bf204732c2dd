/**
 * The Bus port on NATS core, https://docs.nats.io/reference/reference-protocols/nats-protocol (DESIGN §5).
 *
 * Nothing is durable: what is published while disconnected is lost and counted; requests made meanwhile wait, within their
 * timeout, for the connection; those under way when it breaks fail at once, since their answers cannot arrive any more. "No
 * responders" fails a request early and proves nothing: a server that has just restarted knows nobody yet. A process that reads
 * too slowly is cut off without a word (nats-server 2.9): that shows as a disconnect, and what was on its way is lost.
 *
 * Leaves out `nc.request` (an own inbox with a map of callbacks is 7 times cheaper), async iterators (a slow handler would hold
 * up the next), JetStream, and waiting until the other servers of a cluster know of a subscription.
 */
import { connect, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { limits } from '../limits.ts';
import type { Bus, BusHandler, Serving } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { Unavailable } from '../ports/store.ts';
import { type BusStats, checkSubject, copyPayload, zeroStats } from './bus-messages.ts';
import { PendingReplies } from './pending-replies.ts';
import { RunningHandlers } from './running-handlers.ts';

interface NatsBusOptions {
  /** Such as `nats://127.0.0.1:4222`; further members of the cluster are learnt from these. */
  readonly servers: readonly string[];
  readonly clock: Clock;
  /** Shown by the server's monitoring. */
  readonly name?: string;
}

export interface NatsBus extends Bus {
  readonly stats: Readonly<BusStats>;
  readonly isConnected: boolean;
}

/** Waits for the first connection for ever, and afterwards connects again for ever. */
export async function connectNatsBus({ servers, clock, name }: NatsBusOptions): Promise<NatsBus> {
  const connection = await connect({
    servers: [...servers],
    name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    timeout: dialTimeoutMs,
    reconnectDelayHandler: () => reconnectMs + (clock.randomBytes(1)[0]! / 255) * reconnectMs,
    pingInterval: pingMs,
    maxPingOut: 2,
    noAsyncTraces: true,
  });
  return new NatsConnected(connection, clock);
}

const dialTimeoutMs = 5_000;
/** Between two tries of the same server, plus as much again at random. */
const reconnectMs = 200;
/** A server that stopped answering is given up after two to three of these. */
const pingMs = 5_000;
/** After this many bytes the server is asked whether it has read them. */
const confirmBytes = 1024 * 1024;
/** Roughly what a message takes besides its payload. */
const headBytes = 64;
/** What the server answers in the header when no one serves the subject of a request. */
const noResponders = 503;

interface Waiting {
  readonly id: number;
  readonly subject: string;
  readonly payload: Buffer;
}

class NatsConnected implements NatsBus {
  readonly stats = zeroStats();
  readonly #nats: NatsConnection;
  readonly #clock: Clock;
  readonly #replies: PendingReplies;
  readonly #handlers = new RunningHandlers(this.stats);
  readonly #inbox: string;
  readonly #subscriptions = new Set<Subscription>();
  readonly #waiting = new Map<number, Waiting>();
  #waitingBytes = 0;
  /** Sent on this connection and not known to be read by the server. */
  #unreadBytes = 0;
  #unaskedBytes = 0;
  #connects = 1;
  #isConnected = true;
  #onConnect: (() => void)[] = [];
  #closed: Promise<void> | undefined;
  #hasLeft = false;

  constructor(nats: NatsConnection, clock: Clock) {
    this.#nats = nats;
    this.#clock = clock;
    this.#replies = new PendingReplies(clock, this.stats);
    this.#inbox = `_INBOX.${clock.randomBytes(12).toString('hex')}.`;
    nats.subscribe(`${this.#inbox}*`, { callback: (error, message) => (error ? undefined : this.#answered(message)) });
    void this.#watch();
  }

  get isConnected(): boolean {
    return this.#isConnected && !this.#hasLeft;
  }

  async serve(subject: string, handler: BusHandler, { queue }: { readonly queue?: string } = {}): Promise<Serving> {
    checkSubject(subject);
    if (queue !== undefined) checkSubject(queue);
    if (this.#closed !== undefined) throw new Unavailable(`cannot serve ${subject}: the bus was closed`);
    let refusal: Error | undefined;
    const subscription = this.#nats.subscribe(subject, {
      ...(queue !== undefined && { queue }),
      callback: (error, message) => {
        if (error) refusal = error;
        else this.#arrived(handler, subject, message);
      },
    });
    this.#subscriptions.add(subscription);
    await this.#reachServer();
    if (refusal !== undefined) {
      this.#subscriptions.delete(subscription);
      throw new Unavailable(`cannot serve ${subject}: the server refuses`, { cause: refusal });
    }
    return { stop: () => this.#stop(subscription) };
  }

  async request(subject: string, payload: Uint8Array, { timeoutMs }: { readonly timeoutMs: number }): Promise<Uint8Array> {
    checkSubject(subject);
    const copy = copyPayload(payload, this.#payloadBytesMax());
    if (this.#hasLeft) throw new Unavailable(`cannot request ${subject}: the bus was closed`);
    const { id, reply } = this.#replies.open(subject, timeoutMs);
    if (!this.#isConnected) this.#wait({ id, subject, payload: copy }, reply);
    else if (!this.#send(subject, copy, this.#replyTo(id))) this.#replies.fail(id, 'the connection is full');
    return reply;
  }

  publish(subject: string, payload: Uint8Array): void {
    checkSubject(subject);
    this.#send(subject, copyPayload(payload, this.#payloadBytesMax()), '');
  }

  close(): Promise<void> {
    this.#closed ??= this.#leave();
    return this.#closed;
  }

  #arrived(handler: BusHandler, subject: string, message: Msg): void {
    const replyTo = message.reply;
    const answer = replyTo
      ? (reply: Uint8Array): void => {
          this.#send(replyTo, copyPayload(reply, this.#payloadBytesMax()), '');
        }
      : undefined;
    this.#handlers.run(handler, asBuffer(message.data), subject, answer);
  }

  #answered(message: Msg): void {
    const id = Number.parseInt(message.subject.slice(this.#inbox.length), 36);
    if (message.data.length === 0 && message.headers?.code === noResponders) {
      this.stats.noResponders++;
      this.#replies.fail(id, 'no one serves it');
    } else this.#replies.settle(id, asBuffer(message.data));
  }

  #replyTo(id: number): string {
    return this.#inbox + id.toString(36);
  }

  /** The server closes the connection of whoever sends more than it takes. */
  #payloadBytesMax(): number {
    return Math.min(limits.busPayloadBytesMax, this.#nats.info?.max_payload ?? limits.busPayloadBytesMax);
  }

  /** @returns false when it was lost */
  #send(subject: string, payload: Buffer, reply: string): boolean {
    if (!this.isConnected || this.#nats.isClosed() || this.#unreadBytes > limits.busHeldBytesMax) {
      this.stats.lost++;
      return false;
    }
    this.#nats.publish(subject, payload, reply === '' ? undefined : { reply });
    this.stats.sent++;
    this.#unreadBytes += payload.length + headBytes;
    this.#unaskedBytes += payload.length + headBytes;
    if (this.#unaskedBytes >= confirmBytes) this.#askWhatIsRead();
    return true;
  }

  /** Bounds what gathers in the socket when the server reads slowly: its PONG says that it has read all before the PING. */
  #askWhatIsRead(): void {
    const bytes = this.#unaskedBytes;
    const connects = this.#connects;
    this.#unaskedBytes = 0;
    this.#nats.flush().then(
      () => {
        if (connects === this.#connects) this.#unreadBytes -= bytes;
      },
      () => {}, // disconnected: #watch starts again at zero
    );
  }

  #wait(waiting: Waiting, reply: Promise<Uint8Array>): void {
    const { id, payload } = waiting;
    if (this.#waiting.size >= limits.busQueuedMax || this.#waitingBytes + payload.length > limits.busHeldBytesMax) {
      this.#replies.fail(id, 'not connected, and too many requests wait for that');
      return;
    }
    this.#waiting.set(id, waiting);
    this.#waitingBytes += payload.length;
    const forget = (): void => {
      if (this.#waiting.delete(id)) this.#waitingBytes -= payload.length;
    };
    reply.then(forget, forget);
  }

  async #watch(): Promise<void> {
    for await (const status of this.#nats.status()) {
      if (status.type === 'disconnect') this.#disconnected();
      else if (status.type === 'reconnect') this.#reconnected();
    }
    this.#isConnected = false;
  }

  /** A dial that the server refuses reports this again. */
  #disconnected(): void {
    if (!this.#isConnected) return;
    this.stats.disconnects++;
    this.#isConnected = false;
    this.#replies.failAll('the connection broke');
  }

  #reconnected(): void {
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#connects++;
    this.#unreadBytes = 0;
    this.#unaskedBytes = 0;
    for (const { id, subject, payload } of this.#waiting.values()) {
      if (!this.#send(subject, payload, this.#replyTo(id))) this.#replies.fail(id, 'the connection is full');
    }
    this.#waiting.clear();
    this.#waitingBytes = 0;
    for (const resolve of this.#onConnect.splice(0)) resolve();
  }

  /** Resolves when the server has read all that was sent before, subscriptions made while disconnected among them. */
  async #reachServer(): Promise<void> {
    const closed = this.#nats.closed().then(() => 'closed' as const);
    for (;;) {
      if (!this.#isConnected) await Promise.race([closed, new Promise<void>((resolve) => this.#onConnect.push(resolve))]);
      const outcome = await Promise.race([
        closed,
        this.#nats.flush().then(
          () => 'read' as const,
          () => 'disconnected' as const,
        ),
      ]);
      if (outcome === 'read') return;
      if (outcome === 'closed') throw new Unavailable('cannot reach the bus: it was closed');
    }
  }

  /** Messages on their way still reach the handler until this resolves. */
  async #stop(subscription: Subscription): Promise<void> {
    if (!this.#subscriptions.delete(subscription) || subscription.isClosed() || this.#nats.isClosed()) return;
    await Promise.race([subscription.drain(), this.#nats.closed()]);
  }

  /** Until the handlers have finished they may still request and publish. */
  async #leave(): Promise<void> {
    let timer = { cancel: (): void => {} };
    const tooLong = new Promise<void>((resolve) => {
      timer = this.#clock.after(limits.busCloseMs, resolve);
    });
    const stops = [...this.#subscriptions].map((subscription) => this.#stop(subscription));
    await Promise.race([tooLong, Promise.allSettled(stops)]);
    await Promise.race([tooLong, this.#handlers.idleWithin(this.#clock, limits.busCloseMs)]);
    if (this.#isConnected) await Promise.race([tooLong, this.#nats.flush().catch(() => {})]);
    timer.cancel();
    this.#hasLeft = true;
    this.#replies.failAll('the bus was closed');
    await this.#nats.close();
  }
}

/** The library gives a view of the socket's chunk, a Buffer, or what it joined of several, which is none. */
function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.length);
}
