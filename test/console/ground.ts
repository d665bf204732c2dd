/** The console in front of a router on a store in memory, with two tenants that have an admin each, and a browser that keeps cookies. */
import assert from 'node:assert/strict';
import type { Hono } from 'hono';
import { pino } from 'pino';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { consoleAssets } from '../../services/cli/compose/console.ts';
import { consoleApp } from '../../services/console/app.ts';
import { Live } from '../../services/console/core/live.ts';
import type { Outside } from '../../services/console/core/view.ts';
import { operations } from '../../services/router/operations/index.ts';
import type { Operation } from '../../services/router/operations/operation.ts';
import { perform } from '../../services/router/operations/perform.ts';
import type { EmbeddedDependencies } from '../support/stage/parts.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

export const origin = 'https://chat.example';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Init {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly address?: string;
  readonly at?: string;
  readonly body?: string;
}

/** Follows no redirect, so that a test sees each answer. */
export class Browser {
  readonly #app: Hono;
  readonly cookies = new Map<string, string>();

  constructor(app: Hono) {
    this.#app = app;
  }

  async get(path: string, init: Init = {}): Promise<Answer> {
    const { address = '192.0.2.7', at = origin, headers = {}, ...rest } = init;
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const request = new Request(`${at}${path}`, {
      ...rest,
      headers: { ...(cookie !== '' && { cookie }), host: new URL(at).host, ...headers },
    });
    const response = await this.#app.fetch(request, { address });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  #keep(line: string): void {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (/max-age=0/i.test(line)) this.cookies.delete(name!);
    else this.cookies.set(name!, value!);
  }

  /** Sends a form as a page of ours does. */
  post(path: string, fields: Readonly<Record<string, string>>, init: Init = {}): Promise<Answer> {
    return this.get(path, {
      ...init,
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'same-origin',
        origin: init.at ?? origin,
        ...init.headers,
      },
    });
  }

  /** Fills in the form of an operation as somebody does who is in, with the token of the page. */
  async does(operation: string, fields: Readonly<Record<string, string>>): Promise<Answer> {
    return this.post(`/console/do/${operation}`, { _csrf: await this.csrf(), _back: '/console', ...fields });
  }

  async csrf(): Promise<string> {
    return /name="_csrf" value="([\w-]{43})"/.exec((await this.get('/console')).text)![1]!;
  }
}

export interface Ground {
  readonly stage: WholeStage;
  readonly app: Hono;
  browser(): Browser;
  /** A browser that has come in by a link. */
  operator(): Promise<Browser>;
  /** A browser that has come in as the admin of a tenant. */
  admin(domain: string): Promise<Browser>;
  /** The path of a link. */
  link(): Promise<string>;
  operate<Result = Readonly<Record<string, unknown>>>(
    operation: string,
    given: Readonly<Record<string, unknown>>,
  ): Promise<Result>;
  close(): Promise<void>;
}

export async function openGround(
  options: {
    readonly list?: readonly Operation[];
    readonly outside?: Outside;
    readonly wrap?: (parts: EmbeddedDependencies) => EmbeddedDependencies;
  } = {},
): Promise<Ground> {
  const { wrap } = options;
  const stage = await openStage(wrap && { wrap });
  const { dependencies } = stage;
  const { bus, clock } = dependencies;
  const log = pino({ level: 'silent' });
  const live = new Live({ clock: systemClock, log, figures: async () => new Map([['skylark_streams', 7]]) });
  const app = consoleApp({
    ...{ bus, clock, log, live, version: '0.0.0', assets: consoleAssets() },
    ...{ operations: options.list ?? operations, ...options.outside },
  });
  const operate: Ground['operate'] = async <Result>(operation: string, given: Readonly<Record<string, unknown>>) => {
    const { ok, error, result } = await perform(dependencies, { kind: 'admin', operation, arguments: given });
    assert.equal(ok, true, error);
    return result as Result;
  };
  for (const domain of ['a.example', 'b.example']) {
    await stage.addAccount(`nurse@${domain}`);
    await operate('user-role', { jid: `nurse@${domain}`, role: 'admin' });
  }
  const link = async () => (await operate<{ path: string }>('console-link', {})).path;
  return {
    ...{ stage, app, operate, link },
    browser: () => new Browser(app),
    async operator() {
      const browser = new Browser(app);
      const token = (await link()).split('/').at(-1)!;
      assert.equal((await browser.post('/console/enter', { link: token })).status, 303);
      return browser;
    },
    async admin(domain) {
      const browser = new Browser(app);
      assert.equal((await browser.post('/console/enter', { jid: `nurse@${domain}`, password: 'secret' })).status, 303);
      return browser;
    },
    async close() {
      live.stop();
      await stage.close();
    },
  };
}
