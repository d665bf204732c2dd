/**
 * What the service answers over HTTP: the web client, how to connect (XEP-0156), and whether it is healthy. The same app runs in
 * the one process here and as a function on AWS.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from 'pino';
import { serveFolder } from '../../lib/runtime/serve-folder.ts';
import type { Tenants } from '../../lib/runtime/tenants.ts';
import { poshPath } from '../../lib/s2s/posh.ts';
import { type FilesDependencies, serveFiles } from './files.ts';
import { hostMetaJson, hostMetaXml, type Links } from './host-meta.ts';
import { clientPage, clientScript, clientStyle } from './page.ts';
import { type PageTexts, textsFor } from './people/texts.ts';
import { poshDocument } from './posh.ts';

export interface WebDependencies {
  readonly tenants: Tenants;
  readonly log: Logger;
  /** The tenant that a browser gets when it asks for an unknown name. */
  readonly defaultDomain: string;
  /** Folder with the built web client (converse.js). */
  readonly clientFolder: string;
  /** Set when this process keeps the files itself. */
  readonly files?: Pick<FilesDependencies, 'blobs' | 'baseUrl' | 'clock'> | undefined;
  /**
   * Origins besides this one where browsers upload and fetch files, such as `https://files.example.org`. It is called for each
   * page.
   */
  readonly filesOrigins?: () => readonly string[];
  /** The WebSocket URL of all tenants, if it is not on the name asked for: `wss://chat.example.org/xmpp-websocket`. */
  readonly webSocketUrl?: string | undefined;
  /** SHA-256, hex, of the certificate that other servers are shown who come to a tenant's domain. */
  readonly fingerprintOf?: (domain: string) => Promise<string | undefined>;
  /** The REST API, at `/api`. Absent: this process does not serve it. */
  readonly api?: Hono;
  /** The console, at `/console`, with headers of its own. Absent: this process does not serve it. */
  readonly console?: Hono | undefined;
  /** The pages of invites, with headers of their own. Absent: this process cannot reach routers. */
  readonly people?: Hono | undefined;
  /** true: new WebSocket streams are sent elsewhere, and a load balancer should do the same. */
  readonly isDraining?: () => boolean;
}

export const webSocketPath = '/xmpp-websocket';
export const boshPath = '/http-bind';

export function webApp(dependencies: WebDependencies): Hono {
  const app = new Hono();
  const { filesOrigins = () => [], log } = dependencies;
  const files = () => filesOrigins().join(' ');
  if (dependencies.files) app.use(serveFiles({ ...dependencies.files, log })); // it sets its own headers
  if (dependencies.console) app.route('/', dependencies.console);
  if (dependencies.people) app.route('/', dependencies.people);
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
    const url = await webSocketUrl(dependencies, c.req.url);
    return url === undefined ? c.notFound() : c.body(hostMetaXml(linksOf(url)), 200, { 'content-type': 'application/xrd+xml' });
  });
  app.get('/.well-known/host-meta.json', async (c) => {
    const url = await webSocketUrl(dependencies, c.req.url);
    return url === undefined ? c.notFound() : c.json(hostMetaJson(linksOf(url)));
  });
  app.get(poshPath, async (c) => {
    const domain = await tenantOf(dependencies, new URL(c.req.url));
    const fingerprint = domain && (await dependencies.fingerprintOf?.(domain));
    return fingerprint === undefined ? c.notFound() : c.json(poshDocument(fingerprint));
  });
  if (dependencies.api) app.route('/', dependencies.api);
  app.get('/', async (c) => {
    const domain = await domainOf(dependencies, c.req.url);
    c.header('vary', 'Accept-Language');
    return c.html(clientPage(textsOf(c), domain, await dependencies.tenants.find(domain)));
  });
  app.get('/client.css', async (c) => {
    const tenant = await dependencies.tenants.find(await domainOf(dependencies, c.req.url));
    return c.body(clientStyle(tenant), 200, { 'content-type': 'text/css; charset=utf-8' });
  });
  app.get('/client.js', async (c) => {
    const domain = await domainOf(dependencies, c.req.url);
    const script = clientScript({
      texts: textsOf(c),
      domain,
      tenant: await dependencies.tenants.find(domain),
      hasConsole: dependencies.console !== undefined,
      webSocketPath,
      webSocketUrl: dependencies.webSocketUrl,
    });
    return c.body(script, 200, { 'content-type': 'text/javascript; charset=utf-8', vary: 'Accept-Language' });
  });
  app.get('/client/*', serveFolder('/client', dependencies.clientFolder));
  // does not ask the store or the bus: an outage of those must not get this process replaced
  app.get('/healthz', (c) => (dependencies.isDraining?.() ? c.text('draining\n', 503) : c.text('ok\n')));
  app.notFound((c) => c.text(`There is nothing at ${c.req.path}\n`, 404));
  app.onError((error, c) => {
    log.error({ err: error, path: c.req.path }, 'request failed');
    return c.text('The service cannot answer at the moment; try again later.\n', 500);
  });
  return app;
}

/**
 * Maps `https://example.org/…` to `wss://example.org/xmpp-websocket`. A client can send any Host header, and a cache on the way
 * may keep the answer, so only names of tenants are repeated. @returns undefined for any other name
 */
async function webSocketUrl(dependencies: WebDependencies, requestUrl: string): Promise<string | undefined> {
  if (dependencies.webSocketUrl !== undefined) return dependencies.webSocketUrl;
  const asked = new URL(requestUrl);
  const domain = await tenantOf(dependencies, asked);
  if (domain === undefined) return undefined;
  const port = asked.port === '' ? '' : `:${asked.port}`;
  return `${asked.protocol === 'https:' ? 'wss' : 'ws'}://${domainToASCII(domain)}${port}${webSocketPath}`;
}

/** BOSH is where WebSocket streams are, unless they have a path of the operator's own. */
function linksOf(webSocket: string): Links {
  const bosh = webSocket.endsWith(webSocketPath)
    ? `http${webSocket.slice('ws'.length, -webSocketPath.length)}${boshPath}`
    : undefined;
  return { webSocket, bosh };
}

function textsOf(c: Context): PageTexts {
  return textsFor(undefined, c.req.header('accept-language'));
}

async function domainOf(dependencies: WebDependencies, requestUrl: string): Promise<string> {
  return (await tenantOf(dependencies, new URL(requestUrl))) ?? dependencies.defaultDomain;
}

/** Tenants may be named in Unicode; URLs use the ASCII form of DNS. */
async function tenantOf({ tenants }: WebDependencies, { hostname }: URL): Promise<string | undefined> {
  const name = hostname.replace(/\.$/, '');
  for (const domain of new Set([name, domainToUnicode(name)])) if (domain !== '' && (await tenants.find(domain))) return domain;
  return undefined;
}
