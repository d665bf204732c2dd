/**
 * Health checks over HTTP, for the orchestrator that started the process and for the load balancer in front of it. The answers do
 * not depend on the store or the bus: while those are down, replacing processes would make everything worse.
 *
 * `/metrics` has the figures for Prometheus. `/healthz` is 200 as long as the process answers. `/readyz` is 503 until it serves and while it drains, so that it gets no new
 * connections.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { programLimits } from '../limits.ts';
import type { Cleanup } from './lifetime.ts';
import { type Addresses, addressOf, listening } from './listening.ts';
import type { Prometheus } from './prometheus.ts';

export class Health {
  #isDraining: (() => boolean) | undefined;

  /** Called when the process has begun to serve. */
  started(isDraining: () => boolean = () => false): void {
    this.#isDraining = isDraining;
  }

  get state(): 'starting' | 'ok' | 'draining' {
    if (this.#isDraining === undefined) return 'starting';
    return this.#isDraining() ? 'draining' : 'ok';
  }
}

export interface HealthServer {
  readonly address: AddressInfo;
  stop(): void;
}

/** @throws {Refusal} when it cannot listen on the port */
export async function serveHealth(
  bind: string,
  healthPort: number,
  health: Health,
  prometheus?: Prometheus,
): Promise<HealthServer> {
  const timeouts = {
    keepAliveTimeout: programLimits.healthKeepAliveMs,
    headersTimeout: programLimits.healthRequestTimeoutMs,
    requestTimeout: programLimits.healthRequestTimeoutMs,
  };
  const server = createServer(timeouts, (request, response) => {
    const { state } = health;
    const path = (request.url ?? '').split('?', 1)[0];
    if (path === '/metrics' && prometheus && request.method === 'GET') {
      void showMetrics(response, prometheus);
      return;
    }
    const known: Readonly<Record<string, number>> = { '/healthz': 200, '/readyz': state === 'ok' ? 200 : 503 };
    const status = path !== undefined && Object.hasOwn(known, path) ? known[path]! : 404;
    const isAsked = request.method === 'GET' || request.method === 'HEAD';
    response.writeHead(isAsked ? status : 405, {
      'content-type': 'text/plain',
      'cache-control': 'no-store',
      connection: 'close',
    });
    response.end(isAsked && status !== 404 && request.method === 'GET' ? `${state}\n` : undefined);
  });
  server.maxConnections = programLimits.healthConnectionsMax;
  await listening(bind, { healthPort }, () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(healthPort, bind, resolve);
    return promise;
  });
  return {
    address: server.address() as AddressInfo,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** @returns no address when no port is given. @throws {Refusal} when it cannot listen on the port */
export async function startHealth(
  { bind, healthPort }: { readonly bind: string; readonly healthPort: number | undefined },
  health: Health,
  prometheus: Prometheus,
  cleanup: Cleanup,
): Promise<Addresses> {
  if (healthPort === undefined) return {};
  const server = await serveHealth(bind, healthPort, health, prometheus);
  cleanup.add('health', () => server.stop());
  return { health: addressOf(server.address) };
}

async function showMetrics(response: ServerResponse, prometheus: Prometheus): Promise<void> {
  const headers = { 'content-type': prometheus.contentType, 'cache-control': 'no-store', connection: 'close' };
  try {
    const text = await prometheus.text();
    response.writeHead(200, headers).end(text);
  } catch {
    response.writeHead(500, { connection: 'close' }).end(); // a figure could not be read; the next time it may be
  }
}
