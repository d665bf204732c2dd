/** The REST API in front of a router on a store in memory, with two tenants. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hono } from 'hono';
import { pino } from 'pino';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Keys } from '../../lib/ports/keys.ts';
import { apiApp } from '../../services/api/app.ts';
import { operations } from '../../services/router/operations/index.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { startRouter } from '../../services/router/router.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of many shapes
  readonly body: any;
}

export interface Ground {
  readonly dependencies: EmbeddedDependencies;
  readonly app: Hono;
  /** Asks as an operator on this machine does. */
  operator(operation: string, given: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
  /** A new key's token. */
  key(given?: Readonly<Record<string, unknown>>): Promise<string>;
  /** @param line such as `GET /tenants`. @param given the JSON body */
  call(token: string | undefined, line: string, given?: unknown, init?: CallInit): Promise<Answer>;
  close(): Promise<void>;
}

interface CallInit {
  readonly headers?: Readonly<Record<string, string>>;
  readonly origin?: string;
  readonly address?: string;
}

export async function openGround(options: { readonly clock?: Clock; readonly keys?: Keys } = {}): Promise<Ground> {
  const clock = options.clock ?? systemClock;
  const dependencies: EmbeddedDependencies = { ...(await embeddedDependencies({ clock })), keys: options.keys };
  const router = await startRouter(dependencies);
  for (const domain of ['a.example', 'b.example']) {
    await dependencies.tenants.add(domain, { registration: 'closed', retentionDays: 0 });
  }
  const app = apiApp({
    ...{ bus: dependencies.bus, clock, log: pino({ level: 'silent' }), version: '0.0.0', operations },
    referenceFolder: dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist'))),
  });
  const operator: Ground['operator'] = async (operation, given) => {
    const { ok, error, result } = await perform(dependencies, { kind: 'admin', operation, arguments: given });
    assert.equal(ok, true, error);
    return result as Readonly<Record<string, unknown>>;
  };
  return {
    dependencies,
    app,
    operator,
    key: async (given = {}) => (await operator('key-add', { name: 'test', access: 'write', ...given })).token as string,
    async call(token, line, given, { headers = {}, origin = 'https://chat.example', address = '192.0.2.7' } = {}) {
      const [method, path] = line.split(' ') as [string, string];
      const isText = typeof given === 'string';
      const response = await app.fetch(
        new Request(`${origin}/api/v1${path}`, {
          method,
          headers: {
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...(given !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(given !== undefined && { body: isText ? given : JSON.stringify(given) }),
        }),
        { address },
      );
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
    },
    async close() {
      await router.stop();
      await dependencies.close();
    },
  };
}
