/** One attempt to connect to one address. */
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../../lib/ports/clock.ts';
import { findingLimits } from './limits.ts';

export interface Attempt {
  /** @throws {Error} whose message says what went wrong, as in "refused the connection" */
  readonly connected: Promise<Socket>;
  cancel(): void;
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'reset the connection',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'is in a network that cannot be reached',
  EADDRNOTAVAIL: 'is of a family that this system has no address of',
  ETIMEDOUT: 'did not answer',
};

/** The socket is paused, and has no listener for 'error' but one that ignores it. */
export function dial(clock: Clock, address: string, port: number): Attempt {
  // The address is a literal, so nobody looks up anything between the check and this.
  const socket = connect({ host: address, port, noDelay: true });
  const connected = new Promise<Socket>((resolve, reject) => {
    const timer = clock.after(findingLimits.connectMs, () => fail('did not answer'));
    const fail = (what: string) => {
      timer.cancel();
      socket.destroy();
      reject(new Error(`${address} ${what}`));
    };
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => fail(words[code] ?? `cannot be reached (${code})`));
    socket.once('close', () => fail('closed the connection'));
    socket.once('connect', () => {
      timer.cancel();
      resolve(socket);
    });
  });
  connected.catch(() => {}); // an attempt that was cancelled
  return { connected, cancel: () => socket.destroy() };
}
