/**
 * Serves the app to a CDN that stands in front, in plain HTTP inside of a network, when no other way leads here. What the CDN says of the
 * client is believed because it knows a key (lib/runtime/front-headers.ts). So the address never comes from a list that a client can begin,
 * and what does not come from the CDN is answered by nothing of the app.
 */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Visit } from '../../lib/runtime/browser.ts';
import { frontHeaders } from '../../lib/runtime/front-headers.ts';
import { isSameSecret } from '../../lib/runtime/secrets.ts';
import { webLimits } from './limits.ts';
import { boundUnread } from './unread-body.ts';

interface FrontOptions {
  readonly bind: string;
  readonly port: number;
  readonly key: string;
  readonly clock: Clock;
  /** How long it goes on when it is told to stop, ms: who looks up where it is may have done so before. */
  readonly lingerMs: number;
}

export interface FrontServer {
  readonly address: AddressInfo;
  stop(): Promise<void>;
}

/** @throws errors of listening, such as `EADDRINUSE`, with the port */
export async function startFront(app: Hono, { bind, port, key, clock, lingerMs }: FrontOptions): Promise<FrontServer> {
  const pages = getRequestListener((request, env) =>
    app.fetch(request, { ...env, ...visitOf((env as { readonly incoming: IncomingMessage }).incoming) }),
  ) as RequestListener;
  const timeouts = { requestTimeout: webLimits.frontRequestMs, keepAliveTimeout: webLimits.frontKeepAliveMs };
  const server = createServer(timeouts, (request, response) => {
    boundUnread(request, response);
    const refusal = refusalOf(request, key);
    if (refusal === undefined) pages(request, response);
    else {
      response.writeHead(refusal.status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
      response.end(`${refusal.text}\n`);
    }
  });
  server.maxConnections = webLimits.frontConnectionsMax;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(port, bind, resolve);
  await promise;
  return {
    address: server.address() as AddressInfo,
    async stop() {
      if (lingerMs > 0) await new Promise<void>((done) => void clock.after(lingerMs, done));
      setTimeout(() => server.closeAllConnections(), webLimits.webCloseMs).unref();
      await new Promise<void>((done) => {
        server.close(() => done());
        server.closeIdleConnections();
      });
    },
  };
}

/** Header fields that are sent twice come as one text with a comma, which is neither a key nor an address nor a host. */
function headerOf({ headers }: IncomingMessage, name: keyof typeof frontHeaders): string {
  return `${headers[frontHeaders[name]] ?? ''}`;
}

function refusalOf(request: IncomingMessage, key: string): { readonly status: number; readonly text: string } | undefined {
  if (!isSameSecret(headerOf(request, 'key'), key)) {
    return { status: 403, text: 'This is served by way of the CDN alone.' };
  }
  const isComplete = isIP(headerOf(request, 'viewer')) !== 0 && /^[\w.:[\]-]{1,255}$/.test(headerOf(request, 'host'));
  return isComplete ? undefined : { status: 400, text: 'The CDN does not say who asks, and for which host.' };
}

function visitOf(request: IncomingMessage): Visit {
  return { address: headerOf(request, 'viewer'), front: { host: headerOf(request, 'host') } };
}
