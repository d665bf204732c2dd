/** Where a server listens, and how to connect to it. */
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createSecureContext } from 'node:tls';
import type { Mechanism } from './scram.ts';

export type Transport = 'tcp' | 'starttls' | 'tls';

export const transports: readonly Transport[] = ['tls', 'starttls', 'tcp'];

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly domain: string;
  readonly transport: Transport;
  readonly mechanism: Mechanism;
}

export interface Account {
  readonly local: string;
  readonly password: string;
}

/** One TLS context for all streams: the same version and group everywhere, and no copy for each stream. */
const secureContext = createSecureContext({ minVersion: 'TLSv1.3', ecdhCurve: 'X25519:prime256v1' });

/** Streams share one read buffer: sockets are read one at a time, and incomplete data is copied. */
const sharedBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** A single address does not have enough ports for many streams that come and go. */
const sourceAddresses = 8;
let sources = 0;

function sourceFor(host: string): string | undefined {
  if (!host.startsWith('127.')) return undefined;
  return `127.0.0.${2 + (sources++ % sourceAddresses)}`;
}

export function dialTcp({ host, port }: Endpoint, onData: (chunk: Buffer) => void): Socket {
  return connectTcp({ host, port, localAddress: sourceFor(host), noDelay: true, onread: readInto(onData) });
}

export function dialTls({ host, port, domain }: Endpoint, onData: (chunk: Buffer) => void, session: Buffer | undefined): Socket {
  return connectTls({
    ...{ host, port, localAddress: sourceFor(host), noDelay: true, onread: readInto(onData) },
    ...{ secureContext, servername: domain, rejectUnauthorized: false, ALPNProtocols: ['xmpp-client'], session },
  } as ConnectionOptions);
}

export function upgrade(socket: Socket, { domain }: Endpoint, session: Buffer | undefined): Socket {
  return connectTls({ socket, secureContext, servername: domain, rejectUnauthorized: false, session });
}

/** Before STARTTLS nothing may read ahead of the handshake, so this socket uses listeners. */
export function dialForUpgrade({ host, port }: Endpoint): Socket {
  return connectTcp({ host, port, localAddress: sourceFor(host), noDelay: true });
}

function readInto(onData: (chunk: Buffer) => void) {
  return {
    buffer: sharedBuffer,
    callback(length: number) {
      onData(sharedBuffer.subarray(0, length));
      return true;
    },
  };
}
