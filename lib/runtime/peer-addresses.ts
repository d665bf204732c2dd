/**
 * Whose connection a socket is. Behind a load balancer each connection begins with a header of the PROXY protocol, which is read before
 * anything else, so that TLS begins behind it; without one the socket's own address counts, and such a header is a bad stream.
 *
 * A health check is not a client: a connection that ends without a byte, or says LOCAL and nothing more, goes no further than here.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../ports/clock.ts';
import { runtimeLimits } from './limits.ts';
import { type ProxyHeader, readProxyHeader } from './proxy-header.ts';

export interface PeerAddresses {
  /** Connections that did not begin as they must. */
  readonly refused: number;
  /** Calls `go` when the socket is at the client's first byte; of a bad one it never does. */
  admit(socket: Socket, go: (socket: Socket) => void): void;
  /** @param socket the one that came, or what TLS made of it */
  of(socket: Socket): string;
}

/** Sockets are what they say. */
export const directPeers: PeerAddresses = {
  refused: 0,
  admit: (socket, go) => go(socket),
  of: (socket) => socket.remoteAddress ?? '',
};

export class ProxiedPeers implements PeerAddresses {
  readonly #clock: Clock;
  /** By both ends of the socket: TLS makes another object of it. */
  readonly #addresses = new Map<string, string>();
  #refused = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get refused(): number {
    return this.#refused;
  }

  /** Sockets that are open, with a header that names a client. */
  get size(): number {
    return this.#addresses.size;
  }

  admit(socket: Socket, go: (socket: Socket) => void): void {
    let bytes: Buffer = Buffer.alloc(0);
    let header: ProxyHeader | undefined;
    const ignore = () => {}; // 'close' follows
    const release = () => {
      timer.cancel();
      socket.off('readable', read).off('close', gone).off('error', ignore);
    };
    const refuse = () => {
      this.#refused++;
      release();
      socket.on('error', ignore).destroy();
    };
    const gone = () => {
      if (bytes.length > 0 && header === undefined) this.#refused++;
      release();
      socket.on('error', ignore);
    };
    const read = () => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      try {
        header ??= readProxyHeader(bytes);
      } catch {
        refuse();
        return;
      }
      if (header === undefined || (header.isLocal && bytes.length === header.bytes)) return;
      release();
      this.#remember(socket, header);
      socket.unshift(bytes.subarray(header.bytes));
      go(socket);
    };
    const timer = this.#clock.after(runtimeLimits.proxyHeaderMs, () => {
      if (header === undefined) refuse();
      else socket.destroy();
    });
    socket.on('error', ignore).on('close', gone).on('readable', read);
  }

  of(socket: Socket): string {
    return this.#addresses.get(endsOf(socket)) ?? socket.remoteAddress ?? '';
  }

  #remember(socket: Socket, { address }: ProxyHeader): void {
    if (address === undefined) return;
    const ends = endsOf(socket);
    this.#addresses.set(ends, address);
    socket.once('close', () => this.#addresses.delete(ends));
  }
}

/** Names a TCP connection by its two ends, as long as it is there. */
export function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
