/** The OpenAPI 3.1 document, made of the list of operations. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { isTenantRight } from '../../lib/runtime/rights.ts';
import { idempotencyKey } from './conditions.ts';
import { problemKinds, statusOf, titleOf } from './problem.ts';
import type { ApiRoute } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

const keyScheme = 'key';
/** `If-Match`, as somebody gives it who has seen one ETag. */
const oneVersion = /^(?:\*|"[!#-~]*")$/;
const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  /** One sentence. */
  detail: z.string(),
});

/** @param version of the program */
export function apiDocument(routes: readonly ApiRoute[], version: string): Json {
  const registry = new OpenAPIHono();
  registry.openAPIRegistry.registerComponent('securitySchemes', keyScheme, {
    type: 'http',
    scheme: 'bearer',
    description: 'A key of `skylark key add`: `Authorization: Bearer sk_…`.',
  });
  for (const route of routes) registry.openAPIRegistry.registerPath(pathOf(route));
  return registry.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Skylark',
      version,
      description: 'The operations of a Skylark deployment. Errors are `application/problem+json` (RFC 9457).',
    },
    servers: [{ url: '/api/v1' }],
    security: [{ [keyScheme]: [] }],
  }) as unknown as Json;
}

function pathOf(route: ApiRoute): Parameters<OpenAPIHono['openAPIRegistry']['registerPath']>[0] {
  const { operation, method, path, inPath, fields, isQuery, isLong, version } = route;
  const { shape } = operation.input as z.ZodObject;
  const named = (name: string) => (shape[name] as z.ZodType | undefined) ?? z.string().min(1);
  const hasFields = Object.keys(fields).length > 0;
  const params = z.object(Object.fromEntries(inPath.map((name) => [name, named(name)])));
  const headers = {
    ...(method === 'post' && {
      'Idempotency-Key': z
        .string()
        .regex(idempotencyKey)
        .optional()
        .describe('A request that comes again under it within a day is done once.'),
    }),
    ...(version !== undefined &&
      method !== 'get' && {
        'If-Match': z
          .string()
          .regex(oneVersion)
          .optional()
          .meta({ examples: ['*'] })
          .describe('The ETag of what was seen: with another one by now, nothing is done (412).'),
      }),
    ...(version !== undefined && method === 'get' && { 'If-None-Match': z.string().optional() }),
  };
  const result = { content: { 'application/json': { schema: operation.output } } };
  return {
    method,
    path,
    operationId: operation.name,
    summary: operation.help,
    description: `Needs a key of ${isTenantRight(operation.right) ? 'the tenant or of ' : ''}the deployment with the right \`${operation.right}\`.`,
    tags: [path.split('/')[path.startsWith('/tenants/{domain}/') ? 3 : 1]!],
    request: {
      ...(Object.keys(headers).length > 0 && { headers: z.object(headers) }),
      ...(inPath.length > 0 && { params }),
      ...(hasFields && isQuery && { query: z.object(fields) }),
      ...(hasFields &&
        !isQuery && { body: { required: true, content: { 'application/json': { schema: z.strictObject(fields) } } } }),
    },
    responses: {
      [method === 'post' ? 201 : 200]: { description: 'Done.', ...result },
      ...(version !== undefined && method === 'get' && { 304: { description: 'It is as it was.' } }),
      ...(isLong && { 202: { description: 'Begun; ask again to see how far it is.', ...result } }),
      431: { description: 'Path, query and headers have more than 16 KiB together. The body of this answer is empty.' },
      ...Object.fromEntries(
        problemKinds.map((kind) => [
          statusOf(kind),
          { description: titleOf(kind), content: { 'application/problem+json': { schema: problemSchema } } },
        ]),
      ),
    },
  };
}
