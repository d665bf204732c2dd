/**
 * Operations on the rows of certificates, for the command that renews them, which checks, seals and issues by itself: while a service holds
 * the data folder, nobody else reaches its store. They reach only these rows, and the list of tenants to read.
 */
import { z } from 'zod';
import { portLimits } from '../../../lib/ports/limits.ts';
import { Conflict } from '../../../lib/ports/store.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { operation } from './operation.ts';

/** `#certificates`, `#acme`, `<domain>/c`. */
const writable = /^(?:#certificates|#acme|[^#/]+\/c)$/;
const readable = /^(?:#tenants|#certificates|#acme|[^#/]+\/c)$/;

const error = 'only rows of certificates can be asked for';
const keyText = z.string({ error }).refine((text) => Buffer.byteLength(text) <= portLimits.storeKeyBytesMax, { error });
const place = (partition: RegExp) => ({
  table: z.literal('core', { error }),
  partition: keyText.regex(partition, { error }),
});
const keyIn = (partition: RegExp) => z.object({ ...place(partition), sort: keyText.min(1, { error }) });
const versioned = z.object({ version: z.string() });
const row = z.object({ partition: z.string(), sort: z.string(), value: z.string(), version: z.string() });
const rowsOnly = { whyNone: 'it carries rows for the command that renews, which checks, seals and issues by itself' };
/** True instead of a result: the condition did not hold, and nothing was changed. */
const isConflict = z.literal(true).optional();

const pageError = `a page has at most ${runtimeLimits.adminPageMax} rows`;
const query = z.object({
  ...place(readable),
  prefix: keyText.optional(),
  after: keyText.optional(),
  before: keyText.optional(),
  direction: z.enum(['forward', 'backward']).optional(),
  limit: z.int({ error: pageError }).min(1, { error: pageError }).max(runtimeLimits.adminPageMax, { error: pageError }),
});

export const certificateQuery = operation({
  name: 'certificate-query',
  isReadOnly: true,
  input: z.strictObject({ query }),
  output: z.object({ rows: z.array(row) }),
  right: 'deployment.own',
  isRepeatable: true,
  help: 'Lists a page of the rows of certificates.',
  commands: ['certificate renew'],
  http: rowsOnly,
  run: async ({ store }, input) => ({ rows: await store.query({ ...input.query, consistent: true }) }),
});

export const certificateGet = operation({
  name: 'certificate-get',
  isReadOnly: true,
  input: z.strictObject({ key: keyIn(readable) }),
  output: z.object({ row: row.optional() }),
  right: 'deployment.own',
  isRepeatable: true,
  help: 'Gives one row of a certificate.',
  commands: ['certificate renew'],
  http: rowsOnly,
  run: async ({ store }, { key }) => ({ row: await store.get(key, { consistent: true }) }),
});

export const certificatePut = operation({
  name: 'certificate-put',
  input: z.strictObject({
    row: keyIn(writable).extend({ value: z.string(), expiresAtMs: z.number().optional() }),
    condition: z.union([z.literal('absent'), versioned]).optional(),
  }),
  output: z.object({ version: z.string().optional(), isConflict }),
  right: 'deployment.own',
  isRepeatable: false,
  help: 'Writes one row of a certificate.',
  commands: ['certificate renew'],
  http: rowsOnly,
  run: ({ store }, input) => orConflict(async () => ({ version: await store.put(input.row, input.condition) })),
});

export const certificateDelete = operation({
  name: 'certificate-delete',
  input: z.strictObject({ key: keyIn(writable), condition: versioned.optional() }),
  output: z.object({ wasThere: z.boolean().optional(), isConflict }),
  right: 'deployment.own',
  isRepeatable: true,
  help: 'Deletes one row of a certificate.',
  commands: ['certificate renew'],
  http: rowsOnly,
  run: ({ store }, { key, condition }) => orConflict(async () => ({ wasThere: await store.delete(key, condition) })),
});

async function orConflict<Result>(work: () => Promise<Result>): Promise<Result | { isConflict: true }> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Conflict) return { isConflict: true };
    throw error;
  }
}
