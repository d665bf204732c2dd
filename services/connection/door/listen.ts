/**
 * The ports of a node: 5222 with STARTTLS (RFC 6120 §5), 5223 with TLS from the first byte (XEP-0368), and 5269 and 5270 the same for other
 * servers.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type Server as TlsServer } from 'node:tls';
import { askingTls, type CertificateWish, withWish } from '../../../lib/runtime/client-hello.ts';
import type { PeerAddresses } from '../../../lib/runtime/peer-addresses.ts';
import { connectionLimits } from '../limits.ts';
import { optionsUntilReload, type StreamIdentity, streamOptions, type TlsSource, type TlsWish } from './tls.ts';

export interface Listen {
  /** An address of this machine, or `0.0.0.0`, `::`. */
  readonly bind: string;
  /** 0: any free port. Undefined: no port. */
  readonly c2sPort?: number;
  readonly c2sTlsPort?: number;
  readonly s2sPort?: number;
  readonly s2sTlsPort?: number;
  /** Components have no TLS, so they have an address of their own: that of the loopback, as a rule. */
  readonly componentBind?: string;
  readonly componentPort?: number;
}

export interface Addresses {
  readonly c2s?: AddressInfo;
  readonly c2sTls?: AddressInfo;
  readonly s2s?: AddressInfo;
  readonly s2sTls?: AddressInfo;
  readonly component?: AddressInfo;
}

/** One purpose of a node. */
export interface Ports {
  readonly bind: string;
  readonly plain: number | undefined;
  readonly secure: number | undefined;
  /** The protocol that ALPN must name (XEP-0368). */
  readonly protocol: 'xmpp-client' | 'xmpp-server';
  /** Absent: nobody is asked for a certificate on streams of clients that begin with TLS. */
  readonly wish?: CertificateWish;
}

export interface Listeners {
  readonly plain: AddressInfo | undefined;
  readonly secure: AddressInfo | undefined;
  /** The rest of the stream is TLS. */
  startTls(socket: Socket, wish: TlsWish): void;
  /** Accepts no more sockets. */
  stop(): Promise<void>;
}

export interface Accept {
  readonly peers: PeerAddresses;
  /**
   * Decides whether a socket may go on. Nothing that the client sent is read before.
   * @param isPlain true when the client begins with XMPP, false when it begins with TLS
   */
  readonly gate: (socket: Socket, isPlain: boolean) => Promise<boolean> | boolean;
  readonly plain: (socket: Socket) => void;
  readonly secure: (socket: Socket) => void;
}

/**
 * XEP-0368: refuses a client that names protocols, but not ours. It is a callback, because Node copies a list for each socket.
 * Each copy pins a block of 64 KiB from which small buffers are cut, which takes 15 kB a stream.
 */
function chooseProtocol(protocol: string) {
  return ({ protocols }: { readonly protocols: readonly string[] }): string | undefined =>
    protocols.find((offered) => offered === protocol);
}

/** Other servers show certificates of their own, and so do clients of tenants that want it. */
function optionsOf(protocol: Ports['protocol'], options: TlsOptions, asksCertificate = false): TlsOptions {
  if (protocol === 'xmpp-client' && !asksCertificate) return options;
  return { ...options, ...askingTls };
}

const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: connectionLimits.tcpKeepAliveMs } as const;

/** @throws when a port cannot be had */
export async function listen(ports: Ports, tls: TlsSource, reusePort: boolean, accept: Accept): Promise<Listeners> {
  const { protocol, wish } = ports;
  const forUpgrades = (asks = false) => serveTls(optionsOf(protocol, optionsUntilReload(tls), asks), accept.secure);
  const forDirect = (asks = false) => {
    const options = { ...optionsUntilReload(tls), ALPNCallback: chooseProtocol(protocol) };
    return serveTls(optionsOf(protocol, options, asks), accept.secure);
  };
  let upgrading = forUpgrades();
  let asking: TlsServer | undefined;
  let direct = forDirect();
  let directAsking: TlsServer | undefined;
  const beginTls = (socket: Socket, isAsked: boolean) => {
    if (isAsked) directAsking ??= forDirect(true);
    (isAsked ? directAsking! : direct).emit('connection', socket);
  };
  // Node takes what it shows to clients without a server name from the server, so each domain has one. It goes with its certificate.
  const byIdentity = [new WeakMap<StreamIdentity, TlsServer>(), new WeakMap<StreamIdentity, TlsServer>()] as const;
  const upgradingFor = (identity: StreamIdentity, asks: boolean): TlsServer => {
    const known = byIdentity[asks ? 1 : 0];
    const server = known.get(identity) ?? serveTls(optionsOf(protocol, streamOptions(tls, identity), asks), accept.secure);
    known.set(identity, server);
    return server;
  };
  const opening = (isPlain: boolean, go: (socket: Socket) => void) =>
    createServer(socketOptions, (socket) => {
      accept.peers.admit(socket, () => void pass(socket, accept.gate(socket, isPlain), go));
    });
  // A handshake costs more than anything before it, so it begins only when the gate has let the socket in.
  const directGate = opening(false, (socket) => {
    if (wish === undefined) beginTls(socket, false);
    else withWish(socket, wish, (isAsked) => beginTls(socket, isAsked));
  });
  const plain = opening(true, accept.plain);
  // Only later sockets get the new certificates: handshakes under way end as they began.
  const stopReloads = tls.onReload(() => {
    upgrading = forUpgrades();
    asking = undefined;
    direct = forDirect();
    directAsking = undefined;
  });
  const opened: Server[] = [];
  const open = async (server: Server, port: number | undefined): Promise<AddressInfo | undefined> => {
    if (port === undefined) return undefined;
    server.maxConnections = connectionLimits.streamsPerNodeMax;
    const address = await listening(server, { host: ports.bind, port, reusePort });
    opened.push(server);
    return address;
  };
  const stop = async (): Promise<void> => {
    stopReloads();
    // Resolves at once: open streams end by themselves.
    for (const server of opened) server.close();
  };
  try {
    const addresses = { plain: await open(plain, ports.plain), secure: await open(directGate, ports.secure) };
    const startTls = (socket: Socket, { identity, asksCertificate = false }: TlsWish): void => {
      if (identity === undefined && asksCertificate) asking ??= forUpgrades(true);
      const fallback = asksCertificate ? asking! : upgrading;
      (identity === undefined ? fallback : upgradingFor(identity, asksCertificate)).emit('connection', socket);
    };
    return { ...addresses, startTls, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A server without a port, which is handed its sockets. */
function serveTls(options: TlsOptions, accept: (socket: Socket) => void): TlsServer {
  const server = createTlsServer(options);
  server.on('secureConnection', accept);
  // A failed handshake is the problem of the peer.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

async function pass(socket: Socket, gate: Promise<boolean> | boolean, go: (socket: Socket) => void): Promise<void> {
  if (gate === true) {
    go(socket);
    return;
  }
  const ignore = () => {}; // the reader of the socket will listen
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
