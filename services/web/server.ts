/** Serves the app on this process's HTTP and HTTPS listeners. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { boshEvent } from '../../lib/runtime/bosh-wire.ts';
import { askingTls, type CertificateWish, withWish } from '../../lib/runtime/client-hello.ts';
import { isOwnMachine, networkOf } from '../../lib/runtime/networks.ts';
import { directPeers, type PeerAddresses } from '../../lib/runtime/peer-addresses.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { webLimits } from './limits.ts';
import { boundUnread } from './unread-body.ts';

export interface WebListen {
  readonly bind: string;
  /** 0: any free port. Absent: no listener. */
  readonly httpPort?: number;
  readonly httpsPort?: number;
  /** Upgrade requests for any other path are refused. */
  readonly webSocketPath: string;
  /** Requests of this path are emitted as `boshEvent`, for the connection node to answer. */
  readonly boshPath: string;
  readonly tls: ServerOptions;
  readonly reusePort?: boolean;
  /** Set when a proxy forwards the connections: it tells the clients' addresses. */
  readonly peers?: PeerAddresses;
}

export interface WebServer {
  readonly addresses: { readonly http?: AddressInfo; readonly https?: AddressInfo };
  /** The servers whose connections WebSocket may take over. */
  readonly servers: readonly Server[];
  /** Takes a new certificate into use. */
  setTls(options: ServerOptions): void;
  /** From now on, TLS asks clients for a certificate where this says so. Nobody is asked before. */
  askBy(wish: CertificateWish): void;
  /** Lets running answers finish, within a bound. */
  stop(): Promise<void>;
}

/** @throws errors of listening, such as `EADDRINUSE`, with the port */
export async function startWebServer(app: Hono, options: WebListen): Promise<WebServer> {
  const { peers = directPeers } = options;
  const pages = getRequestListener((request, env) =>
    app.fetch(request, { ...env, address: peers.of((env as { readonly incoming: IncomingMessage }).incoming.socket) }),
  ) as RequestListener;
  const hasRoom = socketShares(peers);
  const listener = function (this: Server, request: IncomingMessage, response: ServerResponse): void {
    if (pathOf(request) === options.boshPath && this.emit(boshEvent, request, response)) return;
    boundUnread(request, response);
    pages(request, response);
  };
  const http = createHttpServer(listener);
  const https = createHttpsServer(options.tls, listener);
  const asking = createHttpsServer({ ...options.tls, ...askingTls }, listener);
  const servers = [http, https, asking];
  for (const server of servers) server.requestTimeout = serviceLimits.uploadRequestMs;
  for (const server of servers) server.on('upgrade', refuseOther(options.webSocketPath)).on('clientError', refuseBroken);
  const fronts: TcpServer[] = [];
  const stop = async () => {
    await Promise.all([...servers.map(close), ...fronts.map(closeFront)]);
  };
  let wish: CertificateWish | undefined;
  const beginTls = (socket: Socket) => {
    if (wish === undefined) https.emit('connection', socket);
    else withWish(socket, wish, (isAsked) => (isAsked ? asking : https).emit('connection', socket));
  };
  const open = async (port: number | undefined, server: TcpServer): Promise<AddressInfo | undefined> => {
    if (port === undefined) return undefined;
    await listen(server, port, options);
    if (server !== http) fronts.push(server);
    return server.address() as AddressInfo;
  };
  const isDirect = options.peers === undefined;
  if (isDirect) http.on('connection', (socket) => hasRoom(socket) || socket.destroy());
  /** What a proxy or TLS sends first is read before the server behind sees the connection. */
  const inFront = (go: (socket: Socket) => void) =>
    createTcpServer({ noDelay: true }, (socket) =>
      peers.admit(socket, () => (hasRoom(socket) ? go(socket) : void socket.destroy())),
    );
  try {
    const plain = isDirect ? http : inFront((socket) => void http.emit('connection', socket));
    const addresses = { http: await open(options.httpPort, plain), https: await open(options.httpsPort, inFront(beginTls)) };
    // Only then does Node limit the time of requests, and know which connections are idle, in servers that do not listen themselves.
    for (const server of servers) if (!server.listening) server.emit('listening');
    const setTls = (tls: ServerOptions) => {
      https.setSecureContext(tls);
      asking.setSecureContext({ ...tls, ...askingTls });
    };
    const askBy = (given: CertificateWish) => {
      wish = given;
    };
    return { addresses, servers, setTls, askBy, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

/** Refuses other upgrades: one that nobody answers would hold its socket for ever. */
function refuseOther(webSocketPath: string) {
  return (request: IncomingMessage, socket: Duplex) => {
    if (pathOf(request) === webSocketPath) return;
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  };
}

const broken: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/**
 * Answers what is not a request, as Node does by itself. But Node closes the socket at once: where TLS is not accepted by the server itself, the
 * answer would be lost, and so it would where the client is still sending.
 */
function refuseBroken({ code = '' }: NodeJS.ErrnoException, socket: Duplex & { readonly bytesWritten?: number }): void {
  if (socket.writableEnded) return; // the rest of the same
  if (!socket.writable || code === 'ECONNRESET' || (socket.bytesWritten ?? 0) > 0) {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${broken[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`);
  setTimeout(() => socket.destroy(), webLimits.refusalMs).unref();
}

function listen(server: TcpServer, port: number, { bind, reusePort = false }: WebListen): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: bind, port, reusePort }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Only stops accepting: the server behind closes the connections. */
function closeFront(front: TcpServer): Promise<void> {
  return new Promise((resolve) => void front.close(() => resolve()));
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => server.closeAllConnections(), webLimits.webCloseMs).unref();
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

/** Each network may hold only a share of the process's sockets, so that nobody holds all of them. */
function socketShares(peers: PeerAddresses): (socket: Socket) => boolean {
  const counts = new Map<string, number>();
  return (socket) => {
    const network = networkOf(peers.of(socket));
    if (isOwnMachine(network)) return true;
    const count = counts.get(network) ?? 0;
    if (count >= webLimits.webConnectionsPerNetworkMax) return false;
    counts.set(network, count + 1);
    socket.once('close', () => {
      const left = counts.get(network)! - 1;
      if (left > 0) counts.set(network, left);
      else counts.delete(network);
    });
    return true;
  };
}
