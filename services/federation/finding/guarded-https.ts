/**
 * Gets a small document over HTTPS from a host that a stranger names, or posts one to it: the guard looks at the address that is dialled, the certificate is
 * checked as that of a server is, and size and time are bounded. Redirects are not followed.
 */
import { request } from 'node:http';
import { isIP } from 'node:net';
import { connect as startTls, type TLSSocket } from 'node:tls';
import type { Clock } from '../../../lib/ports/clock.ts';
import { peerChain, provesDomain } from '../../../lib/s2s/proof.ts';
import type { Roots } from '../../../lib/s2s/roots.ts';
import { Unreachable } from './errors.ts';
import type { Finder } from './finder.ts';
import { findingLimits } from './limits.ts';

export interface GuardedHttpsOptions {
  readonly finder: Finder;
  readonly roots: Roots;
  readonly clock: Clock;
}

/** What is posted. */
export interface Posted {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const httpsPort = 443;

export class GuardedHttps {
  readonly #options: GuardedHttpsOptions;

  constructor(options: GuardedHttpsOptions) {
    this.#options = options;
  }

  /** @throws {Error} whose message says in words why there is no document; of the kinds of {@link Finder.connections} if it was not reached */
  async get(url: URL, bytesMax: number): Promise<string> {
    const { status, body } = await this.#inTime(url, { bytesMax, msMax: findingLimits.httpsMs });
    if (status !== 200) throw new Error(`answered with status ${status}`);
    return body;
  }

  /** Posts a document, once: when a server has got it, no other is tried. @returns the answer, whatever its status. @throws as {@link get} */
  post(url: URL, posted: Posted, bounds: { readonly bytesMax: number; readonly msMax: number }): Promise<Answer> {
    return this.#inTime(url, bounds, posted);
  }

  async #inTime(url: URL, { bytesMax, msMax }: { bytesMax: number; msMax: number }, posted?: Posted): Promise<Answer> {
    const late = new AbortController();
    const timer = this.#options.clock.after(msMax, () => late.abort(new Unreachable(`${url.host} is too slow`)));
    try {
      return await this.#ask(url, bytesMax, late.signal, posted);
    } finally {
      timer.cancel();
    }
  }

  async #ask(url: URL, bytesMax: number, signal: AbortSignal, posted: Posted | undefined): Promise<Answer> {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const port = url.port === '' ? httpsPort : Number(url.port);
    if (url.protocol !== 'https:' || url.username !== '' || isIP(host) !== 0) throw new Unreachable(`${url.href} is not taken`);
    let isSent = false;
    for await (const { socket, giveUp } of this.#options.finder.hostConnections(host, port, signal)) {
      const tls = startTls({ socket, servername: host, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false }); // see below
      const stop = () => tls.destroy();
      signal.addEventListener('abort', stop, { once: true });
      try {
        await secured(tls);
        const proof = await provesDomain(host, peerChain(tls), { roots: this.#options.roots, now: this.#options.clock.now() });
        if (!proof.ok) throw new Error(`did not prove who it is: ${proof.reason}`);
        isSent = posted !== undefined;
        const answer = await answerOf(tls, url, bytesMax, posted);
        if (posted === undefined && answer.status !== 200) throw new Error(`answered with status ${answer.status}`);
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        if (isSent) throw error;
        giveUp((error as Error).message);
      } finally {
        signal.removeEventListener('abort', stop);
        tls.destroy();
      }
    }
    throw new Unreachable(`${url.host} was not reached`);
  }
}

/** @throws {Error} */
function secured(tls: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    tls.once('secureConnect', resolve);
    tls.once('close', () => reject(new Error('closed the connection before TLS was agreed on')));
    tls.on('error', ({ message }) => reject(new Error(`did not agree on TLS (${message})`)));
  });
}

/** @throws {Error} */
function answerOf(tls: TLSSocket, url: URL, bytesMax: number, posted: Posted | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      createConnection: () => tls,
      host: url.hostname,
      path: url.pathname + url.search,
      method: posted === undefined ? 'GET' : 'POST',
      headers: {
        ...{ host: url.host, accept: 'application/json', connection: 'close' },
        ...(posted && { 'content-length': Buffer.byteLength(posted.body), ...posted.headers }),
      },
      maxHeaderSize: findingLimits.httpsHeaderBytesMax,
    });
    sent.on('error', ({ message }) => reject(new Error(`did not answer as HTTP wants it (${message})`)));
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > bytesMax) reject(new Error(`sent more than ${bytesMax} bytes`));
        else chunks.push(chunk);
        if (bytes > bytesMax) tls.destroy();
      });
      const { statusCode: status = 0 } = response;
      response.on('end', () => resolve({ status, body: Buffer.concat(chunks).toString('utf8') }));
      response.on('close', () => reject(new Error('ended in the middle of a document')));
      response.on('error', ({ message }) => reject(new Error(`ended in the middle of a document (${message})`)));
    });
    sent.end(posted?.body);
  });
}
