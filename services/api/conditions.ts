/**
 * Conditions of requests: the version that somebody has seen (`ETag`, `If-Match`, RFC 9110 §13), and the name under which a request may come
 * again (`Idempotency-Key`).
 */
import type { Context } from 'hono';
import { z } from 'zod';
import { Problem } from './problem.ts';
import type { ApiRoute } from './route.ts';

/** The tag of what a route has given. */
export function tagOf({ method, version }: ApiRoute, result: object): string | undefined {
  if (version === undefined || method !== 'get') return undefined;
  const found = (result as Readonly<Record<string, unknown>>)[version];
  return found === undefined ? undefined : `"${found as string}"`;
}

/** §13.1.2: `If-None-Match` compares weakly. */
export function isKnown(c: Context, tag: string): boolean {
  const given = (c.req.header('if-none-match') ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''));
  return given.includes(tag) || given.includes('*');
}

/** @returns the input with the version that the request names. @throws {Problem} */
export function readIfMatch(c: Context, route: ApiRoute, input: Record<string, unknown>): Record<string, unknown> {
  const given = c.req.header('if-match')?.trim();
  if (given === undefined || route.method === 'get') return input;
  const { version, operation } = route;
  if (version === undefined) throw new Problem('invalid', `'${operation.name}' has no version that If-Match could name`);
  if (given === '*') return input; // it exists, or the operation says so
  const seen = new Set(strongTags(given));
  if (seen.size > 1) throw new Problem('invalid', 'If-Match names one version, as the ETag was: "…"');
  const [text] = seen;
  const schema = (operation.input as z.ZodObject).shape[version] as z.ZodType;
  const { type } = z.toJSONSchema(schema, { io: 'input' });
  const named = text !== undefined && (type === 'number' || type === 'integer') && /^\d+$/.test(text) ? Number(text) : text;
  if (named === undefined || !schema.safeParse(named).success) throw new Problem('stale', 'it never had that version');
  return { ...input, [version]: named };
}

/** An `entity-tag` of §8.8.3. */
const tag = '(?:W/)?"[\\x21\\x23-\\x7e\\x80-\\xff]*"';
const tagList = new RegExp(`^${tag}(?:[ \\t]*,[ \\t]*${tag})*$`);

/** What the tags of a header say, but for weak ones, which never match (§8.8.3.2). @throws {Problem} when it does not list tags */
function strongTags(header: string): string[] {
  if (!tagList.test(header)) throw new Problem('invalid', 'If-Match is * or the ETag that was seen, in its quotes: "…"');
  return [...header.matchAll(/(W\/)?"([^"]*)"/g)].flatMap(([, weak, text]) => (weak === undefined ? [text!] : []));
}

export const idempotencyKey = /^[!-~]{1,255}$/;

/** @throws {Problem} */
export function readIdempotencyKey(c: Context, { method }: ApiRoute): string | undefined {
  const given = c.req.header('idempotency-key');
  if (given === undefined || method !== 'post') return undefined;
  if (!idempotencyKey.test(given)) throw new Problem('invalid', 'an Idempotency-Key has 1 to 255 printable characters of ASCII');
  return given;
}
