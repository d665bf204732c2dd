/** The web service's handler of files on a port of this machine. The header `x-test-address` says where a request comes from. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import pino from 'pino';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { ServedBlobs } from '../../lib/ports/blobs.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { serveFiles } from '../../services/web/files.ts';

export class FilesServer {
  /** Below which all files are. */
  readonly url: string;
  readonly #server: Server;
  readonly #clock: Clock;

  private constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files/`;
  }

  static async start(clock: Clock = systemClock): Promise<FilesServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FilesServer(server, clock);
  }

  serve(blobs: ServedBlobs): void {
    const app = new Hono();
    app.use(serveFiles({ blobs, baseUrl: () => this.url, clock: this.#clock, log: pino({ level: 'silent' }) }));
    app.notFound((c) => c.text('not below the files', 404));
    this.#server.on(
      'request',
      getRequestListener((request) => app.fetch(request, { address: request.headers.get('x-test-address') ?? '' })),
    );
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
