/** Reads the input of an operation from a request's path, query and body. The router checks the values. */
import type { Context } from 'hono';
import { z } from 'zod';
import { inputFault } from '../../lib/runtime/operation-input.ts';
import { apiLimits } from './limits.ts';
import { Problem } from './problem.ts';
import type { ApiRoute } from './route.ts';

type Fields = Record<string, unknown>;

/** @throws {Problem} `invalid`, `too-large` */
export async function readInput(c: Context, route: ApiRoute): Promise<Fields> {
  const given: Fields = route.isQuery ? readQuery(c, route) : await readBody(c, route);
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(route.fields, name)) throw new Problem('invalid', `'${route.operation.name}' does not take '${name}'`);
  }
  for (const name of route.inPath) given[name] = c.req.param(name);
  if (route.hasAccount) {
    const { domain, local, ...rest } = given;
    if (typeof local !== 'string' || local === '') throw new Problem('invalid', "the operation needs 'local'");
    if (/[@/]/.test(local)) throw new Problem('invalid', `'${local}' is not the local part of an address, such as juliet`);
    return { ...rest, jid: `${local}@${domain as string}` };
  }
  return given;
}

/** Values of a query are text: numbers and choices of true and false are read as what the schema takes. */
function readQuery(c: Context, { fields }: ApiRoute): Fields {
  const given: Fields = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (values.length > 1) throw new Problem('invalid', `'${name}' is given ${values.length} times`);
    given[name] = Object.hasOwn(fields, name) ? readValue(fields[name]!, values[0]!) : values[0];
  }
  return given;
}

function readValue(schema: z.ZodType, text: string): unknown {
  const { type } = z.toJSONSchema(schema, { io: 'input' });
  if ((type === 'number' || type === 'integer') && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  if (type === 'boolean' && /^(?:true|false)$/.test(text)) return text === 'true';
  return text;
}

async function readBody(c: Context, { fields }: ApiRoute): Promise<Fields> {
  const text = await readText(c);
  if (text === '' && Object.keys(fields).length === 0) return {};
  if (!/^application\/json(?:\s*;|$)/i.test(c.req.header('content-type') ?? '')) {
    throw new Problem('invalid', 'the body is JSON, with content-type: application/json');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Problem('invalid', 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Problem('invalid', 'the body is an object');
  // What is nested too deep could not be sent to a router.
  const fault = inputFault(value);
  if (fault !== undefined) throw new Problem('invalid', fault);
  return { ...(value as Fields) };
}

/** Stops reading where the bound is passed, whatever length the request claims. */
async function readText(c: Context): Promise<string> {
  const stream = c.req.raw.body;
  if (stream === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > apiLimits.bodyBytesMax) throw new Problem('too-large', `a body has at most ${apiLimits.bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
