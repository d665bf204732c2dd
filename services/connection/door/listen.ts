/** The ports of a node: 5222 with STARTTLS (RFC 6120 §5), 5223 with TLS from the first byte (XEP-0368). */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type Server as TlsServer } from 'node:tls';
import type { PeerAddresses } from '../../../lib/runtime/peer-addresses.ts';
import { connectionLimits } from '../limits.ts';
import { optionsUntilReload, type StreamIdentity, streamOptions, type TlsSource } from './tls.ts';

export interface Listen {
  /** An address of this machine, or `0.0.0.0`, `::`. */
  readonly bind: string;
  /** 0: any free port. Absent: none. */
  readonly c2sPort?: number;
  readonly c2sTlsPort?: number;
}

export interface Addresses {
  readonly c2s?: AddressInfo;
  readonly c2sTls?: AddressInfo;
}

export interface Listeners {
  readonly addresses: Addresses;
  /** The rest of the stream is TLS. @param identity what a client that names no server is shown; undefined: the fallback */
  startTls(socket: Socket, identity: StreamIdentity | undefined): void;
  /** No new sockets. */
  stop(): Promise<void>;
}

export interface Accept {
  readonly peers: PeerAddresses;
  /** May the socket go on? Nothing that the client sent is read before. @param isPlain it speaks XMPP first, not TLS */
  readonly gate: (socket: Socket, isPlain: boolean) => Promise<boolean> | boolean;
  readonly plain: (socket: Socket) => void;
  readonly secure: (socket: Socket) => void;
}

/**
 * XEP-0368: a client that names protocols and not ours is refused. A callback, because of a list Node makes a copy for each socket, which
 * pins the 64 KiB that small buffers are cut from: 15 kB a stream.
 */
function chooseProtocol({ protocols }: { readonly protocols: readonly string[] }): string | undefined {
  return protocols.find((protocol) => protocol === 'xmpp-client');
}

const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: connectionLimits.tcpKeepAliveMs } as const;

/** @throws when a port cannot be had */
export async function listen(options: Listen, tls: TlsSource, reusePort: boolean, accept: Accept): Promise<Listeners> {
  let upgrading = serveTls(optionsUntilReload(tls), accept.secure);
  let direct = serveTls({ ...optionsUntilReload(tls), ALPNCallback: chooseProtocol }, accept.secure);
  // Node takes what it shows to clients without a server name from the server, so each domain has one. It goes with its certificate.
  const byIdentity = new WeakMap<StreamIdentity, TlsServer>();
  const upgradingFor = (identity: StreamIdentity): TlsServer => {
    const server = byIdentity.get(identity) ?? serveTls(streamOptions(tls, identity), accept.secure);
    byIdentity.set(identity, server);
    return server;
  };
  const opening = (isPlain: boolean, go: (socket: Socket) => void) =>
    createServer(socketOptions, (socket) => {
      accept.peers.admit(socket, () => void pass(socket, accept.gate(socket, isPlain), go));
    });
  // A handshake costs more than anything before it, so it begins only behind the gate.
  const directGate = opening(false, (socket) => void direct.emit('connection', socket));
  const plain = opening(true, accept.plain);
  // Others for the sockets to come: handshakes under way end as they began.
  const stopReloads = tls.onReload(() => {
    upgrading = serveTls(optionsUntilReload(tls), accept.secure);
    direct = serveTls({ ...optionsUntilReload(tls), ALPNCallback: chooseProtocol }, accept.secure);
  });
  const opened: Server[] = [];
  const open = async (server: Server, port: number | undefined): Promise<AddressInfo | undefined> => {
    if (port === undefined) return undefined;
    server.maxConnections = connectionLimits.streamsPerNodeMax;
    const address = await listening(server, { host: options.bind, port, reusePort });
    opened.push(server);
    return address;
  };
  const stop = async (): Promise<void> => {
    stopReloads();
    // Resolves at once: streams that are open have their own end.
    for (const server of opened) server.close();
  };
  try {
    const addresses = { c2s: await open(plain, options.c2sPort), c2sTls: await open(directGate, options.c2sTlsPort) };
    const startTls = (socket: Socket, identity: StreamIdentity | undefined): void => {
      (identity === undefined ? upgrading : upgradingFor(identity)).emit('connection', socket);
    };
    return { addresses, startTls, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Without a port: it is handed sockets. */
function serveTls(options: TlsOptions, accept: (socket: Socket) => void): TlsServer {
  const server = createTlsServer(options);
  server.on('secureConnection', accept);
  // A handshake that fails is the peer's affair.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

async function pass(socket: Socket, gate: Promise<boolean> | boolean, go: (socket: Socket) => void): Promise<void> {
  if (gate === true) {
    go(socket);
    return;
  }
  const ignore = () => {}; // whoever reads it will listen
  socket.on('error', ignore);
  const mayGo = await gate;
  if (mayGo && !socket.destroyed) go(socket);
  socket.off('error', ignore);
  if (!mayGo) socket.on('error', ignore);
}

function listening(server: Server, options: { host: string; port: number; reusePort: boolean }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...options, backlog: connectionLimits.listenBacklogMax }, () => {
      server.removeListener('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}
