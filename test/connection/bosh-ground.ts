/** A client of BOSH by hand, against a node on the in-process bus: each request is a POST of its own, over a connection of its own. */
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { boshEvent } from '../../lib/runtime/bosh-wire.ts';
import type { ConnectionNode } from '../../services/connection/node.ts';
import { type Fixture, plainAuth } from './fixture.ts';

const NS_HTTPBIND = 'http://jabber.org/protocol/httpbind';
const NS_XBOSH = 'urn:xmpp:xbosh';

export interface BoshServer {
  readonly server: Server;
  readonly port: number;
  stop(): void;
}

export async function startBoshServer(node: ConnectionNode): Promise<BoshServer> {
  const server = createServer((request, response) => {
    if (!server.emit(boshEvent, request, response)) response.writeHead(404).end();
  });
  node.attachBosh(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Sent {
  readonly answer: Promise<Answer>;
  /** Closes the connection. */
  abort(): void;
}

export interface HttpOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Over TLS, whatever the certificate. */
  readonly isSecure?: boolean;
  /** With isSecure: the server name, and what the client shows. */
  readonly tls?: SecureContextOptions & { readonly servername?: string };
}

export function post(
  port: number,
  body: string | Buffer,
  { method = 'POST', headers = {}, isSecure = false, tls }: HttpOptions = {},
): Sent {
  const options = { port, host: '127.0.0.1', path: '/http-bind', method, agent: false, headers } as const;
  const request = isSecure ? httpsRequest({ ...options, ...tls, rejectUnauthorized: false }) : httpRequest(options);
  const answer = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
  });
  answer.catch(() => {}); // who waits for it is told
  request.end(body);
  return { answer, abort: () => void request.destroy() };
}

/** The usual request for a session, with other attributes in their place. */
export function beginning(rid: number, more: Readonly<Record<string, string | undefined>> = {}): string {
  const attributes = { to: 'example.org', ver: '1.6', wait: '60', hold: '1', 'xml:lang': 'en', 'xmpp:version': '1.0', ...more };
  return bodyOf({ rid, ...attributes });
}

export function bodyOf(attributes: Readonly<Record<string, string | number | undefined>>, payload = ''): string {
  const text = Object.entries(attributes).map(([name, value]) => (value === undefined ? '' : ` ${name}='${value}'`));
  return `<body xmlns='${NS_HTTPBIND}' xmlns:xmpp='${NS_XBOSH}'${text.join('')}>${payload}</body>`;
}

export function attribute(name: string, body: string): string | undefined {
  return new RegExp(`^<body[^>]* ${name}='([^']*)'`).exec(body)?.[1];
}

/** One session. */
export class BoshClient {
  readonly port: number;
  readonly #isSecure: boolean;
  sid = '';
  rid = 1_573_741_820;

  constructor(port: number, isSecure = false) {
    this.port = port;
    this.#isSecure = isSecure;
  }

  async begin(more: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
    const { body } = await post(this.port, beginning(this.rid, more), { isSecure: this.#isSecure }).answer;
    this.sid = attribute('sid', body) ?? '';
    return body;
  }

  /** The next request. */
  send(payload = '', more: Readonly<Record<string, string | number | undefined>> = {}, options: HttpOptions = {}): Sent {
    return this.again(++this.rid, payload, more, options);
  }

  again(
    rid: number,
    payload = '',
    more: Readonly<Record<string, string | number | undefined>> = {},
    options: HttpOptions = {},
  ): Sent {
    return post(this.port, bodyOf({ rid, sid: this.sid, ...more }, payload), { isSecure: this.#isSecure, ...options });
  }

  async ask(payload = '', more: Readonly<Record<string, string | number | undefined>> = {}): Promise<string> {
    return (await this.send(payload, more).answer).body;
  }

  /** As far as a bound resource. */
  async signIn(user: string, more: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
    await this.begin(more);
    await this.ask(plainAuth(user));
    await this.ask('', { 'xmpp:restart': 'true', to: 'example.org' });
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind>`;
    return this.ask(`<iq xmlns='jabber:client' type='set' id='b'>${bind}</iq>`);
  }
}

/** What ends a session, as a pattern. */
export function terminated(condition: string): RegExp {
  return new RegExp(`^<body [^>]*type='terminate' condition='${condition}'`);
}

export function messageOf(id: string): string {
  return `<message xmlns='jabber:client' to='a@b' id='${id}'><body>x</body></message>`;
}

/** The session that a user began last, as the router knows it. */
export function sidOf({ router }: Fixture, user: string): string {
  return router.steps.findLast(({ request }) => request.session.startsWith(`${user}@`))!.request.sid;
}
