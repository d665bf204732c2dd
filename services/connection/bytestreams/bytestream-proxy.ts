/**
 * The relay of XEP-0065: two clients connect to it and name the same bytestream, by a hash of its id and both addresses. Nothing passes until
 * the router says that the initiator has asked for it. The router makes the hash from the address that the initiator has proved, so nobody
 * can activate somebody else's bytestream, and no two tenants meet in one.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Bus, Serving } from '../../../lib/ports/bus.ts';
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { type ActivateReply, type ActivateRequest, bytestreamSubject } from '../../../lib/runtime/bytestream-wire.ts';
import { answering } from '../../../lib/runtime/faults.ts';
import { decodeFrame, encodeFrame } from '../../../lib/runtime/frame.ts';
import { isOwnMachine, networkOf } from '../../../lib/runtime/networks.ts';
import { TokenBucket } from '../../../lib/runtime/rate-limit.ts';
import { bytestreamLimits } from './limits.ts';
import { Relay } from './relay.ts';
import { BadGreeting, readMethods, readRequest, type Step } from './socks-greeting.ts';

interface ProxyOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bind: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface ProxyStats {
  readonly connections: number;
  /** Bytestreams on which bytes pass. */
  readonly active: number;
  readonly bytes: number;
}

/** The connections of a bytestream that is not active yet. */
interface Pending {
  readonly sockets: Socket[];
  readonly timer: Timer;
}

export class BytestreamProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #all: TokenBucket;
  readonly #sockets = new Set<Socket>();
  readonly #networks = new Map<string, number>();
  readonly #pending = new Map<string, Pending>();
  readonly #active = new Set<Relay>();
  readonly #accounts = new Map<string, number>();
  #bytes = 0;
  #serving: Serving | undefined;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    const { allBytesPerSecond: perSecond, allBytesBurst: burst } = bytestreamLimits;
    this.#all = new TokenBucket(options.clock, { perSecond, burst });
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** @throws errors of listening, such as `EADDRINUSE` */
  static async start(options: ProxyOptions): Promise<BytestreamProxy> {
    const proxy = new BytestreamProxy(options);
    const { bus, log, bind, port } = options;
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen({ host: bind, port }, () => {
        proxy.#server.off('error', reject);
        resolve();
      });
    });
    proxy.#serving = await bus.serve(
      bytestreamSubject,
      answering(log, (payload) => proxy.#handle(payload)),
    );
    return proxy;
  }

  get address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  get stats(): ProxyStats {
    return { connections: this.#sockets.size, active: this.#active.size, bytes: this.#bytes };
  }

  async stop(): Promise<void> {
    await this.#serving?.stop();
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const relay of this.#active) relay.destroy();
    for (const { timer } of this.#pending.values()) timer.cancel();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const network = networkOf(socket.remoteAddress ?? '');
    const count = this.#networks.get(network) ?? 0;
    const isShared = !isOwnMachine(network) && count >= bytestreamLimits.connectionsPerNetworkMax;
    socket.on('error', () => {}); // 'close' follows
    if (isShared || this.#sockets.size >= bytestreamLimits.connectionsMax) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#networks.set(network, count + 1);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = this.#networks.get(network)! - 1;
      if (left > 0) this.#networks.set(network, left);
      else this.#networks.delete(network);
    });
    this.#greet(socket);
  }

  #greet(socket: Socket): void {
    let bytes: Buffer = Buffer.alloc(0);
    let read: (bytes: Buffer) => Step | undefined = readMethods;
    const timer = this.#options.clock.after(bytestreamLimits.greetingMs, () => socket.destroy());
    const done = () => {
      timer.cancel();
      socket.off('data', onData).off('end', onEnd);
    };
    const onEnd = () => socket.destroy();
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      try {
        for (let step = read(bytes); step !== undefined; step = read(bytes)) {
          bytes = bytes.subarray(step.taken);
          read = readRequest;
          if (step.hash === undefined) socket.write(step.answer);
          else {
            done();
            socket.pause();
            // What came too early waits with the rest.
            if (bytes.length > 0) socket.unshift(bytes);
            this.#wait(step.hash, socket, step.answer);
            return;
          }
        }
      } catch (error) {
        done();
        if (error instanceof BadGreeting && error.answer.length > 0) socket.end(error.answer, () => socket.destroy());
        else socket.destroy();
      }
    };
    socket.once('close', () => timer.cancel());
    socket.on('data', onData).on('end', onEnd);
    socket.resume();
  }

  /** A bytestream has two connections and no more: a third one would be somebody else's. */
  #wait(hash: string, socket: Socket, answer: Buffer): void {
    const pending = this.#pending.get(hash) ?? this.#begin(hash);
    if (pending.sockets.length >= 2) {
      socket.destroy();
      return;
    }
    pending.sockets.push(socket);
    socket.once('close', () => {
      if (this.#pending.get(hash) === pending) this.#forget(hash);
    });
    socket.write(answer);
  }

  #begin(hash: string): Pending {
    const timer = this.#options.clock.after(bytestreamLimits.activationMs, () => this.#forget(hash));
    const pending: Pending = { sockets: [], timer };
    this.#pending.set(hash, pending);
    return pending;
  }

  #forget(hash: string): void {
    const pending = this.#pending.get(hash);
    if (pending === undefined) return;
    this.#pending.delete(hash);
    pending.timer.cancel();
    for (const socket of pending.sockets) socket.destroy();
  }

  #handle(payload: Uint8Array): Buffer {
    const { header } = decodeFrame<ActivateRequest>(payload);
    if (header.kind !== 'activate') throw new RangeError('a request that is not for the relay');
    return encodeFrame({ refusal: this.#activate(header) } satisfies ActivateReply);
  }

  #activate({ hash, account }: ActivateRequest): ActivateReply['refusal'] {
    const pending = this.#pending.get(hash);
    if (pending === undefined) return 'item-not-found';
    const [one, other] = pending.sockets;
    if (one === undefined || other === undefined) return 'not-allowed';
    const count = this.#accounts.get(account) ?? 0;
    if (count >= bytestreamLimits.perAccountMax) return 'resource-constraint';
    this.#pending.delete(hash);
    pending.timer.cancel();
    this.#accounts.set(account, count + 1);
    const relay = new Relay(this.#options.clock, this.#all, [one, other], (bytes) => {
      this.#bytes += bytes;
    });
    this.#active.add(relay);
    let open = 2;
    const closed = () => {
      open--;
      if (open > 0) return;
      relay.destroy();
      this.#active.delete(relay);
      const left = this.#accounts.get(account)! - 1;
      if (left > 0) this.#accounts.set(account, left);
      else this.#accounts.delete(account);
    };
    for (const socket of [one, other]) socket.once('close', closed);
    relay.start();
    return undefined;
  }
}
