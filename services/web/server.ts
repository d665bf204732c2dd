/** The app on HTTP and HTTPS listeners of this process. */
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { limits } from '../../lib/limits.ts';

export interface WebListen {
  readonly bind: string;
  /** 0: any free port. */
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Other paths are no WebSocket. */
  readonly webSocketPath: string;
  readonly tls: ServerOptions;
  readonly reusePort?: boolean;
}

export interface WebServer {
  readonly addresses: { readonly http: AddressInfo; readonly https: AddressInfo };
  /** Whatever may take over connections of these (WebSocket). */
  readonly servers: readonly Server[];
  /** For a certificate that changed. */
  setTls(options: ServerOptions): void;
  /** Lets answers under way finish, within bounds. */
  stop(): Promise<void>;
}

/** @throws what listening throws: `EADDRINUSE` and the like, with the port */
export async function startWebServer(app: Hono, options: WebListen): Promise<WebServer> {
  const listener = getRequestListener(app.fetch) as RequestListener;
  const http = createHttpServer(listener);
  const https = createHttpsServer(options.tls, listener);
  const servers = [http, https];
  for (const server of servers) server.requestTimeout = limits.uploadRequestMs;
  for (const server of servers) server.on('upgrade', refuseOther(options.webSocketPath));
  const stop = async () => {
    await Promise.all(servers.map(close));
  };
  try {
    await listen(http, options.httpPort, options);
    await listen(https, options.httpsPort, options);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    addresses: { http: http.address() as AddressInfo, https: https.address() as AddressInfo },
    servers,
    setTls: (tls) => https.setSecureContext(tls),
    stop,
  };
}

/** An upgrade that no one answers would hold its socket for ever. */
function refuseOther(webSocketPath: string) {
  return (request: IncomingMessage, socket: Duplex) => {
    if ((request.url ?? '').split('?', 1)[0] === webSocketPath) return;
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  };
}

function listen(server: Server, port: number, { bind, reusePort = false }: WebListen): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: bind, port, reusePort }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), limits.webCloseMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
