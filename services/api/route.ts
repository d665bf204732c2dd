/** The route of an operation: which fields of its input come from where. */
import { z } from 'zod';
import type { HttpRoute, OperationDescription } from '../../lib/runtime/operation.ts';

/** Fields that only the command line's way of waiting needs. */
const hidden: ReadonlySet<string> = new Set(['waitMs', 'again']);

export interface ApiRoute extends HttpRoute {
  readonly operation: OperationDescription;
  /** Fields in the path, in its order. */
  readonly inPath: readonly string[];
  /** All other fields that a request may have, with their schemas. */
  readonly fields: Readonly<Record<string, z.ZodType>>;
  /** True: `fields` are those of the query; false: those of the JSON body. */
  readonly isQuery: boolean;
  /** True when the input has `jid`, which is made of `domain` and `local`. */
  readonly hasAccount: boolean;
  /** True when it may take longer than a request should wait. */
  readonly isLong: boolean;
}

const local = z.string().min(1).describe('The part of the address before the @');

export function routesOf(operations: readonly OperationDescription[]): readonly ApiRoute[] {
  return operations.flatMap((operation) => {
    const { http, input } = operation;
    if ('whyNone' in http) return [];
    const { shape } = input as z.ZodObject;
    const inPath = [...http.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    const hasAccount = Object.hasOwn(shape, 'jid');
    const all: Record<string, z.ZodType> = { ...(shape as Record<string, z.ZodType>) };
    if (hasAccount) {
      delete all.jid;
      all.domain = z.string().min(1);
      all.local = local;
    }
    const fields = Object.fromEntries(Object.entries(all).filter(([name]) => !inPath.includes(name) && !hidden.has(name)));
    const isQuery = http.method === 'get' || http.method === 'delete';
    return [{ ...http, operation, inPath, fields, isQuery, hasAccount, isLong: Object.hasOwn(shape, 'waitMs') }];
  });
}
