/** A CA that speaks enough ACME to be asked for a certificate, and then does what a test says. It does not check signatures. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Answer {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent instead of a body: raw bytes, or nothing at all, for ever. */
  readonly raw?: string | 'silence';
}

/** Answers by path; `undefined` stands for a good CA's answer. */
export type Mischief = (path: string, asked: number) => Answer | undefined;

export class HostileCa {
  readonly url: string;
  readonly paths: string[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(mischief: Mischief, identifiers: readonly string[] = ['one.example']): Promise<HostileCa> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const ca = new HostileCa(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      request.resume();
      const path = request.url!;
      ca.paths.push(path);
      const asked = ca.paths.filter((each) => each === path).length;
      const { status = 200, body = {}, headers = {}, raw } = mischief(path, asked) ?? ca.#good(path, identifiers);
      if (raw === 'silence') return;
      response.writeHead(status, { 'content-type': 'application/json', 'replay-nonce': `n${ca.paths.length}`, ...headers });
      response.end(raw ?? JSON.stringify(body));
    });
    return ca;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #good(path: string, identifiers: readonly string[]): Answer {
    const at = (name: string) => `${this.url}/${name}`;
    const named = /^\/authz\/(\d+)$/.exec(path);
    if (named) {
      const challenge = { type: 'dns-01', url: at('challenge'), token: 'token', status: 'pending' };
      const identifier = { type: 'dns', value: identifiers[Number(named[1])] };
      return { body: { status: 'pending', identifier, challenges: [challenge] } };
    }
    switch (path) {
      case '/dir':
        return { body: { newNonce: at('nonce'), newAccount: at('account'), newOrder: at('order') } };
      case '/account':
        return { status: 201, body: { status: 'valid' }, headers: { location: at('account/1') } };
      case '/order': {
        const authorizations = identifiers.map((_, index) => at(`authz/${index}`));
        const body = { status: 'pending', authorizations, finalize: at('finalize') };
        return { status: 201, body, headers: { location: at('order/1') } };
      }
      case '/challenge':
        return { body: { type: 'dns-01', url: at('challenge'), token: 'token', status: 'valid' } };
      default:
        return { body: { status: 'valid', certificate: at('certificate') } };
    }
  }
}
