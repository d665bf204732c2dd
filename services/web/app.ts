/**
 * What the service says over HTTP: the web client, how to connect (XEP-0156), whether it is well. The same app runs in one
 * process here and as a function elsewhere.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
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
  /** Where WebSocket streams are, of all tenants, when that is not below the name asked for: `wss://chat.example.org/xmpp-websocket`. */
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
  app.get('/.well-known/host-meta', async (c) => {
    const url = await webSocketUrl(parts, c.req.url);
    return url === undefined ? c.notFound() : c.body(hostMetaXml(url), 200, { 'content-type': 'application/xrd+xml' });
  });
  app.get('/.well-known/host-meta.json', async (c) => {
    const url = await webSocketUrl(parts, c.req.url);
    return url === undefined ? c.notFound() : c.json(hostMetaJson(url));
  });
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

/**
 * `https://example.org/…` → `wss://example.org/xmpp-websocket`. The Host header is whatever the client says, and what it is told may be kept
 * by a cache on the way, so no name is repeated that is not a tenant's. undefined: it is not.
 */
async function webSocketUrl(parts: WebParts, requestUrl: string): Promise<string | undefined> {
  if (parts.webSocketUrl !== undefined) return parts.webSocketUrl;
  const asked = new URL(requestUrl);
  const domain = await tenantOf(parts, asked);
  if (domain === undefined) return undefined;
  const port = asked.port === '' ? '' : `:${asked.port}`;
  return `${asked.protocol === 'https:' ? 'wss' : 'ws'}://${domainToASCII(domain)}${port}${webSocketPath}`;
}

async function domainOf(parts: WebParts, requestUrl: string): Promise<string> {
  return (await tenantOf(parts, new URL(requestUrl))) ?? parts.defaultDomain;
}

/** Tenants are named as people write them, URLs as DNS does. */
async function tenantOf({ tenants }: WebParts, { hostname }: URL): Promise<string | undefined> {
  const name = hostname.replace(/\.$/, '');
  for (const domain of new Set([name, domainToUnicode(name)])) if (domain !== '' && (await tenants.find(domain))) return domain;
  return undefined;
}
