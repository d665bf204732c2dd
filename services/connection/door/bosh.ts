/**
 * Requests of HTTP for BOSH (XEP-0124 §5): a POST with the whole `<body/>`, from pages of any origin, as WebSockets come from any origin.
 *
 * An answer is never read as a page of this origin, whatever a stanza in it says: a form of another site can make a browser show it.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Clock, sleep } from '../../../lib/ports/clock.ts';
import { boshEvent } from '../../../lib/runtime/bosh-wire.ts';
import type { PeerAddresses } from '../../../lib/runtime/peer-addresses.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import { connectionLimits } from '../limits.ts';
import type { TlsSource } from './tls.ts';
import { chainOf, peerOf } from './websocket.ts';

/** A request, here or at another node, whose answer is due. */
export interface BoshExchange {
  /** It came over TLS, or from a proxy on this machine. */
  readonly isSecure: boolean;
  /** The certificates that the client has shown with it, its own first, DER. Those of another node's are not told; see {@link shown}. */
  readonly chain: readonly Buffer[];
  /** SHA-256 of the client's own certificate, hex; '' when it has shown none. */
  readonly shown: string;
  /** False when nobody is there any more to read the answer. */
  readonly isOpen: boolean;
  /** @param written called when the operating system has taken the answer */
  answer(status: number, body: Buffer, written?: () => void): void;
  /** Closes the connection without an answer. */
  drop(): void;
  /** @param run called when the connection has closed, answered or not */
  onGone(run: () => void): void;
}

export interface BoshTaker {
  /** Whether a request that names this sid may be longer than a client may send before it signs in. */
  mayBeLong(sid: string): boolean;
  take(bytes: Buffer, address: string, exchange: BoshExchange): void;
}

export interface BoshDoor {
  stop(): void;
}

const headers = {
  'content-type': 'text/xml; charset=utf-8',
  'access-control-allow-origin': '*',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
};
const preflight = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'POST, OPTIONS',
  'access-control-allow-headers': 'content-type',
  'access-control-max-age': '86400',
};
const refusal = (condition: string) =>
  Buffer.from(`<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='${condition}'/>`);

/** Takes what the server hands on as {@link boshEvent}. */
export function serveBosh(server: Server, clock: Clock, peers: PeerAddresses, tls: TlsSource, taker: BoshTaker): BoshDoor {
  const reading = new Reading(clock, taker);
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    response.on('error', () => {}); // 'close' follows
    if (request.method === 'OPTIONS') response.writeHead(204, preflight).end();
    else if (request.method !== 'POST') {
      const allow = { ...headers, allow: 'POST, OPTIONS', connection: 'close' };
      response.writeHead(405, allow).end(request.method === 'HEAD' ? undefined : refusal('bad-request'));
    } else {
      const { address, isSecure } = peerOf(request, peers, tls);
      const take = (bytes: Buffer) => taker.take(bytes, address, new HttpExchange(request, response, isSecure));
      reading.read(request, response, take);
    }
  };
  server.on(boshEvent, onRequest);
  return { stop: () => void server.removeListener(boshEvent, onRequest) };
}

/** @returns {@link BoshExchange.shown} */
export function shownBy([own]: readonly Buffer[]): string {
  return own === undefined ? '' : createHash('sha256').update(own).digest('hex');
}

class HttpExchange implements BoshExchange {
  readonly isSecure: boolean;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, isSecure: boolean) {
    this.#request = request;
    this.#response = response;
    this.isSecure = isSecure;
  }

  get chain(): readonly Buffer[] {
    return chainOf(this.#request);
  }

  get shown(): string {
    return shownBy(this.chain);
  }

  get isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed && this.#response.socket?.destroyed !== true;
  }

  answer(status: number, body: Buffer, written?: () => void): void {
    if (!this.isOpen) return;
    this.#response.writeHead(status, { ...headers, 'content-length': body.length });
    this.#response.end(body, written);
  }

  drop(): void {
    this.#response.destroy();
  }

  onGone(run: () => void): void {
    this.#response.once('close', run);
  }
}

/** Reads requests within bounds of length and time. */
class Reading {
  readonly #clock: Clock;
  readonly #taker: BoshTaker;
  /** How much of all requests has arrived in part: strangers may not fill the memory with it. */
  #bytes = 0;

  constructor(clock: Clock, taker: BoshTaker) {
    this.#clock = clock;
    this.#taker = taker;
  }

  read(request: IncomingMessage, response: ServerResponse, take: (bytes: Buffer) => void): void {
    const chunks: Buffer[] = [];
    let length = 0;
    let isLong: boolean | undefined;
    const end = () => {
      timer.cancel();
      this.#bytes -= length;
      request.off('data', onData).off('end', onEnd).off('close', end);
    };
    const refuse = (condition: string) => {
      end();
      request.on('error', () => {});
      request.resume();
      response.writeHead(200, { ...headers, connection: 'close' }).end(refusal(condition));
      // Whoever goes on sending is not read for ever, and whoever is done gets the answer.
      void sleep(this.#clock, connectionLimits.closeTimeoutMs).then(() => request.destroy());
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      this.#bytes += chunk.length;
      chunks.push(chunk);
      if (length <= xmppLimits.preauthBytesMax) return;
      isLong ??= this.#bytes <= connectionLimits.boshReadingBytesMax && this.#taker.mayBeLong(sidIn(chunks));
      if (!isLong || length > connectionLimits.boshBodyBytesMax) refuse('policy-violation');
    };
    const onEnd = () => {
      end();
      take(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    };
    const timer = this.#clock.after(connectionLimits.boshBodyMs, () => refuse('policy-violation'));
    request.on('error', () => {}); // 'close' follows
    request.on('data', onData).on('end', onEnd).on('close', end);
    // §7.2: no encoding is offered with `accept`.
    const { 'content-encoding': encoding = 'identity', 'content-length': announced = '0' } = request.headers;
    if (encoding !== 'identity') refuse('bad-request');
    else if (Number(announced) > connectionLimits.boshBodyBytesMax) refuse('policy-violation');
  }
}

/** What the opening tag of `<body/>` seems to name, before it can be read as a whole. It decides about the length alone. */
function sidIn(chunks: readonly Buffer[]): string {
  const start = Buffer.concat(chunks).toString('latin1', 0, connectionLimits.boshTagBytesMax);
  return /^[^>]*?\ssid\s*=\s*["']([\w.-]+)["']/.exec(start)?.[1] ?? '';
}
