/** Errors of the API: `application/problem+json` (RFC 9457). */
import type { Context } from 'hono';
import type { RefusalKind } from '../../lib/runtime/operation.ts';

/** `busy`: too much at once. `failed`: an error that is not the asker's. `away`: no router, or no store, answers. */
export type ProblemKind =
  | Exclude<RefusalKind, 'unproven'>
  | 'busy'
  | 'failed'
  | 'away'
  | 'not-found'
  | 'method'
  | 'too-large'
  | 'insecure';

const problems = {
  invalid: [400, 'The request is not allowed as it is'],
  absent: [404, 'It does not exist'],
  conflict: [409, 'It does not fit what exists'],
  stale: [412, 'It has changed since'],
  mismatch: [422, 'The Idempotency-Key was used for another request'],
  'unknown-key': [401, 'The key is not valid'],
  forbidden: [403, 'The key does not allow this'],
  unanswered: [502, 'A process did not do it'],
  busy: [429, 'Too many requests'],
  failed: [500, 'The service failed'],
  away: [503, 'The service cannot answer at the moment'],
  'not-found': [404, 'There is no such resource'],
  method: [405, 'The resource does not take this method'],
  'too-large': [413, 'The request is too large'],
  insecure: [403, 'TLS is required'],
} as const satisfies Readonly<Record<ProblemKind, readonly [number, string]>>;

export const problemKinds = Object.keys(problems) as ProblemKind[];

export function isProblemKind(text: string | undefined): text is ProblemKind {
  return text !== undefined && Object.hasOwn(problems, text);
}

export function statusOf(kind: ProblemKind) {
  return problems[kind][0];
}

export function titleOf(kind: ProblemKind): string {
  return problems[kind][1];
}

/** Thrown by whatever reads a request. */
export class Problem extends Error {
  override name = 'Problem';
  readonly kind: ProblemKind;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: ProblemKind, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.kind = kind;
    this.headers = headers;
  }
}

/** @param detail one sentence for people */
export function problem(c: Context, kind: ProblemKind, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  const [status, title] = problems[kind];
  const body = { type: `urn:skylark:problem:${kind}`, title, status, detail };
  return c.body(JSON.stringify(body), status, { ...headers, 'content-type': 'application/problem+json' });
}
