/**
 * The Bus port on NATS core, https://docs.nats.io/reference/reference-protocols/nats-protocol.
 *
 * Nothing is durable. What is published while disconnected is lost and counted. Requests made meanwhile wait for the connection,
 * within their timeout; those that are pending when it breaks fail at once, because their answers can no longer arrive. "No
 * responders" fails a request early and proves nothing: a server that has just restarted knows nobody yet. A process that reads
 * too slowly is cut off without notice (nats-server 2.9): that shows as a disconnect, and messages on their way are lost.
 *
 * It does not use `nc.request` (an inbox of its own with a map of callbacks is 7 times cheaper), async iterators (a slow handler
 * would hold up the next message) or JetStream, and does not wait until the other servers of a cluster know of a subscription.
 */
import { connect, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import type { Bus, BusHandler, Serving } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { portLimits } from '../ports/limits.ts';
import { Unavailable } from '../ports/store.ts';
import { type BusStats, checkSubject, copyPayload, zeroStats } from './bus-messages.ts';
import { adapterLimits } from './limits.ts';
import { makeNatsIdentity, type NatsAccess } from './nats-access.ts';
import { PendingReplies } from './pending-replies.ts';
import { RunningHandlers } from './running-handlers.ts';

interface NatsBusOptions {
  /** URLs such as `nats://127.0.0.1:4222`; other members of the cluster are learnt from these. */
  readonly servers: readonly string[];
  readonly clock: Clock;
  /** The name that the server's monitoring shows. */
  readonly name?: string;
  /** For servers that let in only whom they know. With authorities in it, the connection is encrypted or not made. */
  readonly access?: NatsAccess | undefined;
  /** Told what the server refuses: a subject, or this process as a whole. */
  readonly onRefused?: (error: Error) => void;
}

export interface NatsBus extends Bus {
  readonly stats: Readonly<BusStats>;
  readonly isConnected: boolean;
}

/** Waits without limit for the first connection, and later reconnects without limit. */
export async function connectNatsBus({ servers, clock, name, access, onRefused }: NatsBusOptions): Promise<NatsBus> {
  const identity = access && (await makeNatsIdentity(access, name ?? 'skylark'));
  const connection = await connect({
    servers: [...servers],
    name,
    ...(identity && { authenticator: identity.authenticator }),
    ...(access?.ca !== undefined && { tls: { ca: access.ca } }),
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    timeout: adapterLimits.natsDialTimeoutMs,
    reconnectDelayHandler: () => adapterLimits.natsReconnectMs + (clock.randomBytes(1)[0]! / 255) * adapterLimits.natsReconnectMs,
    pingInterval: adapterLimits.natsPingMs,
    maxPingOut: 2,
    noAsyncTraces: true,
  });
  return new NatsConnected(connection, clock, identity?.token, onRefused);
}

/** Roughly the bytes of a message besides its payload. */
const headBytes = 64;
/** The status in the header of the server's answer when nobody serves the subject of a request. */
const noResponders = 503;

interface Waiting {
  readonly id: number;
  readonly subject: string;
  readonly payload: Buffer;
}

class NatsConnected implements NatsBus {
  readonly identity: string | undefined;
  readonly stats = zeroStats();
  readonly #nats: NatsConnection;
  readonly #clock: Clock;
  readonly #replies: PendingReplies;
  readonly #handlers = new RunningHandlers(this.stats);
  readonly #inbox: string;
  readonly #subscriptions = new Set<Subscription>();
  readonly #waiting = new Map<number, Waiting>();
  #waitingBytes = 0;
  /** Bytes sent on this connection that the server may not have read yet. */
  #unreadBytes = 0;
  #unaskedBytes = 0;
  #connects = 1;
  #isConnected = true;
  #onConnect: (() => void)[] = [];
  #closed: Promise<void> | undefined;
  #hasLeft = false;
  readonly #onRefused: ((error: Error) => void) | undefined;

  constructor(nats: NatsConnection, clock: Clock, identity?: string, onRefused?: (error: Error) => void) {
    this.identity = identity;
    this.#onRefused = onRefused;
    this.#nats = nats;
    this.#clock = clock;
    this.#replies = new PendingReplies(clock, this.stats);
    this.#inbox = `_INBOX.${identity ?? clock.randomBytes(12).toString('hex')}.`;
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
      throw new Unavailable(`cannot serve ${subject}: the server refused`, { cause: refusal });
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

  /** The server closes the connection of a client that sends more than it accepts. */
  #payloadBytesMax(): number {
    return Math.min(portLimits.busPayloadBytesMax, this.#nats.info?.max_payload ?? portLimits.busPayloadBytesMax);
  }

  /** @returns false when the message is lost */
  #send(subject: string, payload: Buffer, reply: string): boolean {
    if (!this.isConnected || this.#nats.isClosed() || this.#unreadBytes > adapterLimits.busHeldBytesMax) {
      this.stats.lost++;
      return false;
    }
    this.#nats.publish(subject, payload, reply === '' ? undefined : { reply });
    this.stats.sent++;
    this.#unreadBytes += payload.length + headBytes;
    this.#unaskedBytes += payload.length + headBytes;
    if (this.#unaskedBytes >= adapterLimits.natsConfirmBytes) this.#askWhatIsRead();
    return true;
  }

  /**
   * Bounds what piles up in the socket when the server reads slowly: its PONG says that it has read everything before the PING.
   */
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
    if (this.#waiting.size >= adapterLimits.busQueuedMax || this.#waitingBytes + payload.length > adapterLimits.busHeldBytesMax) {
      this.#replies.fail(id, 'not connected, and too many requests wait for the connection');
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
      else if (status.type === 'error') this.#onRefused?.(status.error);
    }
    this.#isConnected = false;
  }

  /** Called again when the server refuses a new connection. */
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

  /** Resolves when the server has read all that was sent before, including subscriptions made while disconnected. */
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

  /** Messages on their way may still reach the handler until this resolves. */
  async #stop(subscription: Subscription): Promise<void> {
    if (!this.#subscriptions.delete(subscription) || subscription.isClosed() || this.#nats.isClosed()) return;
    await Promise.race([subscription.drain(), this.#nats.closed()]);
  }

  /** Handlers that still run may request and publish until they have finished. */
  async #leave(): Promise<void> {
    let timer = { cancel: (): void => {} };
    const tooLong = new Promise<void>((resolve) => {
      timer = this.#clock.after(adapterLimits.busCloseMs, resolve);
    });
    const stops = [...this.#subscriptions].map((subscription) => this.#stop(subscription));
    await Promise.race([tooLong, Promise.allSettled(stops)]);
    await Promise.race([tooLong, this.#handlers.idleWithin(this.#clock, adapterLimits.busCloseMs)]);
    if (this.#isConnected) await Promise.race([tooLong, this.#nats.flush().catch(() => {})]);
    timer.cancel();
    this.#hasLeft = true;
    this.#replies.failAll('the bus was closed');
    await this.#nats.close();
  }
}

/** The library returns a view of the socket's chunk (a Buffer), or joins several chunks into an array that is not a Buffer. */
function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.length);
}
