/**
 * What the service says over HTTP: the web client, how to connect (XEP-0156), whether it is well. The same app runs in one
 * process here and as a function elsewhere.
 */
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from 'pino';
import type { Tenants } from '../../lib/runtime/tenants.ts';
import { type FilesParts, serveFiles } from './files.ts';
import { hostMetaJson, hostMetaXml } from './host-meta.ts';
import { clientPage, clientScript } from './page.ts';
import { serveFolder } from './static.ts';

export interface WebParts {
  readonly tenants: Tenants;
  readonly log: Logger;
  /** The tenant of a browser that asks for a name that is none. */
  readonly defaultDomain: string;
  /** Folder with the built web client (converse.js). */
  readonly clientFolder: string;
  /** Files that are kept here. */
  readonly files?: Pick<FilesParts, 'blobs' | 'baseUrl' | 'clock'> | undefined;
  /** Where browsers upload and look at files, besides this origin: `https://files.example.org`; asked with each page. */
  readonly filesOrigins?: () => readonly string[];
  /** Where WebSocket streams are when they are not here: `wss://chat.example.org/xmpp-websocket`. */
  readonly webSocketUrl?: string | undefined;
  /** WebSocket streams go elsewhere: a load balancer should, too. */
  readonly isDraining?: () => boolean;
}

export const webSocketPath = '/xmpp-websocket';

export function webApp(parts: WebParts): Hono {
  const app = new Hono();
  const { filesOrigins = () => [], log } = parts;
  const files = () => filesOrigins().join(' ');
  if (parts.files) app.use(serveFiles({ ...parts.files, log })); // with headers of its own
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:', files],
        mediaSrc: ["'self'", 'data:', 'blob:', files],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'", 'ws:', 'wss:', files],
        workerSrc: ["'self'", 'blob:'],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      strictTransportSecurity: false, // the operator's proxy decides; a laptop serves plain HTTP beside HTTPS
    }),
  );
  const anyOrigin = cors({ origin: '*', allowMethods: ['GET'] }); // XEP-0156 §3.1
  app.use('/.well-known/host-meta', anyOrigin);
  app.use('/.well-known/host-meta.json', anyOrigin);
  app.get('/.well-known/host-meta', (c) =>
    c.body(hostMetaXml(webSocketUrl(parts, c.req.url)), 200, { 'content-type': 'application/xrd+xml' }),
  );
  app.get('/.well-known/host-meta.json', (c) => c.json(hostMetaJson(webSocketUrl(parts, c.req.url))));
  app.get('/', async (c) => c.html(clientPage(await domainOf(parts, c.req.url))));
  app.get('/client.js', async (c) => {
    const domain = await domainOf(parts, c.req.url);
    const tenant = await parts.tenants.find(domain);
    const script = clientScript({
      domain,
      mayRegister: tenant?.policy.registration === 'open',
      webSocketPath,
      webSocketUrl: parts.webSocketUrl,
    });
    return c.body(script, 200, { 'content-type': 'text/javascript; charset=utf-8' });
  });
  app.get('/client/*', serveFolder('/client', parts.clientFolder));
  // never asks the store or the bus (DESIGN §2)
  app.get('/healthz', (c) => (parts.isDraining?.() ? c.text('draining\n', 503) : c.text('ok\n')));
  app.notFound((c) => c.text(`There is nothing at ${c.req.path}\n`, 404));
  app.onError((error, c) => {
    log.error({ err: error, path: c.req.path }, 'request failed');
    return c.text('The service cannot answer now; try again.\n', 500);
  });
  return app;
}

/** `https://example.org/…` → `wss://example.org/xmpp-websocket`. */
function webSocketUrl(parts: WebParts, requestUrl: string): string {
  if (parts.webSocketUrl !== undefined) return parts.webSocketUrl;
  const { protocol, host } = new URL(requestUrl);
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${webSocketPath}`;
}

async function domainOf(parts: WebParts, requestUrl: string): Promise<string> {
  const { hostname } = new URL(requestUrl);
  return (await parts.tenants.find(hostname)) ? hostname : parts.defaultDomain;
}
