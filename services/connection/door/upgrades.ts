/**
 * Sockets between `<proceed/>` and the end of their TLS handshake. TLS hands out a new socket, which goes on with the time that the
 * stream before it had left.
 */
import type { Socket } from 'node:net';
import { endsOf } from '../../../lib/runtime/peer-addresses.ts';

export class Upgrades {
  /** By the addresses of both ends: when the time of the stream is over, by the monotonic clock. */
  readonly #deadlines = new Map<string, number>();

  /** @param socket which its stream has let go of. @returns the same, for TLS to take */
  begin(socket: Socket, deadlineMs: number): Socket {
    const key = endsOf(socket);
    this.#deadlines.set(key, deadlineMs);
    socket.on('error', () => {}); // TLS reports it as well
    socket.once('close', () => this.#deadlines.delete(key));
    return socket;
  }

  /** @returns when the time of the stream is over; undefined for a socket that began with TLS */
  end(socket: Socket): number | undefined {
    if (this.#deadlines.size === 0) return undefined; // asking a socket for its addresses costs
    const key = endsOf(socket);
    const deadlineMs = this.#deadlines.get(key);
    this.#deadlines.delete(key);
    return deadlineMs;
  }
}
