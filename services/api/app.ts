/**
 * The REST API at `/api/v1`. It holds no rules of its own: routes, document and errors follow from the list of operations, and the router
 * checks key, right and input. So an operation is added to the API with its declaration.
 */
import { type Context, Hono, type Next } from 'hono';
import type { Logger } from 'pino';
import type { Bus } from '../../lib/ports/bus.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import type { AdminRequest } from '../../lib/runtime/admin-wire.ts';
import { type GivenKey, readToken } from '../../lib/runtime/api-keys.ts';
import { askOperation } from '../../lib/runtime/ask-operation.ts';
import { addressOf, isSafe } from '../../lib/runtime/browser.ts';
import { networkOf } from '../../lib/runtime/networks.ts';
import type { OperationDescription } from '../../lib/runtime/operation.ts';
import { RateLimit } from '../../lib/runtime/rate-limit.ts';
import { isKnown, readIdempotencyKey, readIfMatch, tagOf } from './conditions.ts';
import { apiLimits } from './limits.ts';
import { isProblemKind, Problem, problem } from './problem.ts';
import { readInput } from './read-request.ts';
import { serveReference } from './reference.ts';
import { type ApiRoute, routesOf } from './route.ts';
export interface ApiDependencies {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly operations: readonly OperationDescription[];
  /** The program's version, for the document. */
  readonly version: string;
  /** Folder with the files of the reference page (swagger-ui-dist). */
  readonly referenceFolder: string;
}

export function apiApp(dependencies: ApiDependencies): Hono {
  const { clock, log, version, operations } = dependencies;
  const routes = routesOf(operations);
  let document: Promise<string> | undefined;
  const keyRates = new RateLimit(clock, { perSecond: apiLimits.keyPerSecond, burst: apiLimits.keyBurst }, apiLimits.ratesMax);
  const strangers = new RateLimit(
    clock,
    { perSecond: apiLimits.strangerPerSecond, burst: apiLimits.strangerBurst },
    apiLimits.ratesMax,
  );

  const app = new Hono();
  app.use('/api/v1/*', noStore);
  app.get('/api/openapi.json', async (c) => {
    document ??= documentOf(routes, version);
    return c.body(await document, 200, { 'content-type': 'application/json' });
  });
  serveReference(app, dependencies.referenceFolder);
  for (const route of routes) {
    const path = `/api/v1${route.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    app.on(route.method.toUpperCase(), path, async (c) => {
      const address = addressOf(c);
      const key = admit(c, networkOf(address));
      const input = await readInput(c, route);
      const asked = { input: readIfMatch(c, route, input), idempotencyKey: readIdempotencyKey(c, route) };
      const answer = await askRouter(dependencies, route, { key, address }, asked);
      if (answer.kind === 'unknown-key') strangers.bucket(networkOf(address)).spend(1);
      if (answer.isReplayed) c.header('idempotency-replayed', 'true');
      return answer.kind === undefined
        ? respond(c, route, answer)
        : problem(c, answer.kind, answer.detail, challengeOf(answer.kind));
    });
  }
  app.all('/api/v1/*', (c) => otherwise(c, routes));
  app.notFound((c) => problem(c, 'not-found', `there is nothing at ${c.req.path}`));
  app.onError((error, c) => {
    if (error instanceof Problem) return problem(c, error.kind, error.message, { ...challengeOf(error.kind), ...error.headers });
    if (error instanceof Unavailable) return problem(c, 'away', awayText);
    log.error({ err: error, path: c.req.path }, 'a request of the API failed');
    return problem(c, 'failed', 'the service failed; its log says more');
  });
  return app;

  /** @throws {Problem} `insecure`, `unknown-key`, `busy` */
  function admit(c: Context, network: string): GivenKey {
    if (!isSafe(c)) {
      throw new Problem('insecure', 'keys are sent over https only');
    }
    // Whoever guesses keys is slowed down before anything is looked up.
    const stranger = strangers.bucket(network);
    if (stranger.tokens < 1) throw tooMany(stranger.waitMs());
    const [, token] = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
    const key = token === undefined ? undefined : readToken(token);
    if (key === undefined) {
      stranger.spend(1);
      throw new Problem('unknown-key', 'a request has a key: Authorization: Bearer sk_…; make one with: skylark key add');
    }
    const rate = keyRates.bucket(`${key.id} ${network}`);
    if (!rate.take()) throw tooMany(rate.waitMs());
    return key;
  }
}

/** Made when somebody asks for it: this takes a fifth of a second, and most processes are never asked. */
async function documentOf(routes: readonly ApiRoute[], version: string): Promise<string> {
  const { apiDocument } = await import('./document.ts');
  return JSON.stringify(apiDocument(routes, version));
}

async function noStore(c: Context, next: Next): Promise<void> {
  await next();
  c.header('cache-control', 'no-store');
}

function tooMany(waitMs: number): Problem {
  const seconds = Math.ceil(waitMs / 1_000);
  return new Problem('busy', `too many requests; try again in ${seconds} s`, { 'retry-after': `${seconds}` });
}

/** RFC 9110 §11.6.1: a 401 says how to sign in. */
function challengeOf(kind: string): Readonly<Record<string, string>> {
  return kind === 'unknown-key' ? { 'www-authenticate': 'Bearer realm="skylark"' } : {};
}

const awayText = 'the service cannot answer at the moment; try again later';

interface Done {
  readonly kind: undefined;
  readonly result: object;
  readonly isReplayed: boolean;
}

type Answered = Done | { readonly kind: Parameters<typeof problem>[1]; readonly detail: string; readonly isReplayed?: boolean };

/** @throws {Unavailable} when no router, or no store, answers */
async function askRouter(
  { bus }: ApiDependencies,
  { operation, isLong }: ApiRoute,
  by: AdminRequest['by'],
  { input, idempotencyKey }: { readonly input: Record<string, unknown>; readonly idempotencyKey: string | undefined },
): Promise<Answered> {
  const given = isLong ? { ...input, waitMs: apiLimits.removalWaitMs } : input;
  const asked = { operation: operation.name, arguments: given, by, idempotencyKey };
  const { ok, error, result, refusal, isReplayed = false } = await askOperation(bus, asked, apiLimits.answerMs);
  // The texts of failures are for the operator's log.
  if (!ok) {
    if (refusal === 'away') return { kind: refusal, detail: awayText };
    return isProblemKind(refusal)
      ? { kind: refusal, detail: error ?? '', isReplayed }
      : { kind: 'failed', detail: 'the service failed; its log says more' };
  }
  return { kind: undefined, result: result as object, isReplayed };
}

function respond(c: Context, route: ApiRoute, { result }: Done): Response {
  const { progress } = result as { readonly progress?: unknown };
  const tag = tagOf(route, result);
  if (tag !== undefined) c.header('etag', tag);
  if (tag !== undefined && route.method === 'get' && isKnown(c, tag)) return c.body(null, 304);
  return c.json(result, progress !== undefined ? 202 : route.method === 'post' ? 201 : 200);
}

/** A path that there is, with a method that it does not take (RFC 9110 §15.5.6); or nothing at all. */
function otherwise(c: Context, routes: readonly ApiRoute[]): Response {
  const given = c.req.path.split('/').slice(3);
  const allowed = routes.filter(({ path }) => {
    const parts = path.split('/').slice(1);
    return parts.length === given.length && parts.every((part, at) => part.startsWith('{') || part === given[at]);
  });
  if (allowed.length === 0) return problem(c, 'not-found', `there is nothing at ${c.req.path}`);
  const allow = [...new Set(allowed.map(({ method }) => method.toUpperCase()))].join(', ');
  return problem(c, 'method', `${c.req.path} takes ${allow}`, { allow });
}
