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
import { isOwnMachine, networkOf } from '../../lib/runtime/networks.ts';
import { directPeers, type PeerAddresses } from '../../lib/runtime/peer-addresses.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { webLimits } from './limits.ts';

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
    pages(request, response);
  };
  const http = createHttpServer(listener);
  const https = createHttpsServer(options.tls, listener);
  const servers = [http, https];
  for (const server of servers) server.requestTimeout = serviceLimits.uploadRequestMs;
  for (const server of servers) server.on('upgrade', refuseOther(options.webSocketPath));
  const fronts: TcpServer[] = [];
  const stop = async () => {
    await Promise.all([...servers.map(close), ...fronts.map(closeFront)]);
  };
  const open = async (server: Server, port: number | undefined): Promise<AddressInfo | undefined> => {
    if (port === undefined) return undefined;
    const front = options.peers === undefined ? server : behindProxy(server, options.peers, hasRoom);
    if (front === server) server.on('connection', (socket) => hasRoom(socket) || socket.destroy());
    await listen(front, port, options);
    if (front !== server) fronts.push(front);
    return front.address() as AddressInfo;
  };
  try {
    const addresses = { http: await open(http, options.httpPort), https: await open(https, options.httpsPort) };
    return { addresses, servers, setTls: (tls) => https.setSecureContext(tls), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

/** Reads the proxy's header from each connection before the server sees it. */
function behindProxy(server: Server, peers: PeerAddresses, hasRoom: (socket: Socket) => boolean): TcpServer {
  const go = (socket: Socket) => (hasRoom(socket) ? server.emit('connection', socket) : socket.destroy());
  return createTcpServer((socket) => peers.admit(socket, () => void go(socket)));
}

/** Refuses other upgrades: one that nobody answers would hold its socket for ever. */
function refuseOther(webSocketPath: string) {
  return (request: IncomingMessage, socket: Duplex) => {
    if (pathOf(request) === webSocketPath) return;
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  };
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

/** Only stops accepting: the server behind the proxy front closes the connections. */
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
