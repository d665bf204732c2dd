/**
 * Accounts as rows: the credentials (SCRAM keys, never passwords) and a directory row per account in 16 partitions per tenant,
 * so that listing, export and erasure can walk a tenant (DESIGN §3).
 */
import { createHash } from 'node:crypto';
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { update } from '../../../lib/runtime/update.ts';

/** RFC 5802 §3, base64. */
export interface ScramKeys {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

export interface AccountRow {
  readonly createdAt: string;
  readonly scram: { readonly 'SHA-1': ScramKeys; readonly 'SHA-256': ScramKeys };
}

export const accounts = collection<AccountRow>('account');
const directory = collection<{ createdAt: string }>('account');

const directoryPartitions = 16;

function directoryRows(store: Store, domain: string, local: string): Rows {
  return Rows.ofDirectory(store, domain, createHash('sha256').update(local).digest()[0]! % directoryPartitions);
}

export async function findAccount(store: Store, domain: string, local: string): Promise<AccountRow | undefined> {
  return (await Rows.ofAccount(store, domain, local).get(accounts))?.value;
}

/** @throws {Conflict} when there is one by that name */
export async function createAccount(store: Store, domain: string, local: string, row: AccountRow): Promise<void> {
  await update(directoryRows(store, domain, local), directory, local, (there) => there ?? { createdAt: row.createdAt });
  await Rows.ofAccount(store, domain, local).put(accounts, '', row, 'absent');
}

export async function setCredentials(store: Store, domain: string, local: string, scram: AccountRow['scram']): Promise<boolean> {
  const rows = Rows.ofAccount(store, domain, local);
  const found = await rows.get(accounts);
  if (!found) return false;
  await rows.put(accounts, '', { ...found.value, scram }, { version: found.version });
  return true;
}

/** The row that makes it an account goes first, so that nobody signs in while the rest is erased. @returns whether it was there */
export async function deleteAccountRow(store: Store, domain: string, local: string): Promise<boolean> {
  const there = await Rows.ofAccount(store, domain, local).delete(accounts);
  await directoryRows(store, domain, local).delete(directory, local);
  return there;
}

/** Local parts in order, at most `limit`, after the one named. */
export async function listAccounts(store: Store, domain: string, limit: number, after?: string): Promise<string[]> {
  const partitions = Array.from({ length: directoryPartitions }, (_, partition) =>
    Rows.ofDirectory(store, domain, partition).list(directory, { limit, after }),
  );
  const locals = (await Promise.all(partitions)).flat().map(({ key }) => key);
  return locals.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).slice(0, limit);
}
