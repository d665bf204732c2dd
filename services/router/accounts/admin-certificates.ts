/**
 * Rows of certificates for operators' commands, which check, seal and issue by themselves: while a service holds the data folder, nobody
 * else reaches its store. Only these rows, and the list of tenants to read; whoever may ask owns the data anyway.
 */
import { limits } from '../../../lib/limits.ts';
import { type Condition, Conflict, type Key, type Put, type Query, type Row } from '../../../lib/ports/store.ts';
import type { AdminRequest } from '../../../lib/runtime/wire.ts';
import type { Parts } from '../core/dependencies.ts';
import { Refusal } from './admin-refusal.ts';

type Arguments = AdminRequest['arguments'];

/** `#certificates`, `#acme`, `<domain>/c`. */
const writable = /^(?:#certificates|#acme|[^#/]+\/c)$/;
const readable = /^#tenants$/;

export async function queryCertificates({ store }: Parts, given: Arguments): Promise<{ rows: Row[] }> {
  const query = read<Query>(given, 'query');
  if (!(query.limit <= limits.adminPageMax)) throw new Refusal(`a page has at most ${limits.adminPageMax} rows`);
  return { rows: await store.query({ ...check(query, writable, readable), consistent: true }) };
}

export async function getCertificate({ store }: Parts, given: Arguments): Promise<{ row?: Row }> {
  const { table, partition, sort } = check(read<Key>(given, 'key'), writable, readable);
  return { row: await store.get({ table, partition, sort }, { consistent: true }) };
}

/** `isConflict` instead of a version: the condition did not hold. */
export async function putCertificate({ store }: Parts, given: Arguments): Promise<{ version?: string; isConflict?: true }> {
  const row = check(read<Put>(given, 'row'), writable);
  return orConflict(async () => ({ version: await store.put(row, readIf<Condition>(given)) }));
}

export async function deleteCertificate({ store }: Parts, given: Arguments): Promise<{ wasThere?: boolean; isConflict?: true }> {
  const { table, partition, sort } = check(read<Key>(given, 'key'), writable);
  const condition = readIf<{ readonly version: string }>(given);
  return orConflict(async () => ({ wasThere: await store.delete({ table, partition, sort }, condition) }));
}

async function orConflict<Result>(work: () => Promise<Result>): Promise<Result | { isConflict: true }> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Conflict) return { isConflict: true };
    throw error;
  }
}

function check<Named extends { readonly table: string; readonly partition: string }>(
  named: Named,
  ...allowed: readonly RegExp[]
): Named {
  const { table, partition } = named;
  if (table === 'core' && typeof partition === 'string' && allowed.some((pattern) => pattern.test(partition))) return named;
  throw new Refusal('only rows of certificates can be asked for');
}

function read<Value>(given: Arguments, name: string): Value {
  try {
    const value: unknown = JSON.parse(given[name] ?? '');
    if (typeof value === 'object' && value !== null) return value as Value;
  } catch {
    // said below
  }
  throw new Refusal(`the operation needs '${name}' as JSON`);
}

function readIf<Value>(given: Arguments): Value | undefined {
  return given.condition === undefined ? undefined : (JSON.parse(given.condition) as Value);
}
