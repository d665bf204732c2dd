/**
 * Accounts as rows: the credentials (SCRAM keys, never passwords) and a directory row per account in 16 partitions per tenant,
 * so that listing, export and erasure can walk a tenant.
 */
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { accountNames, directoryOf, listNames } from '../../../lib/runtime/directory.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { update } from '../../../lib/runtime/update.ts';
import { claimLook, releaseLook } from './look-alikes.ts';

/** RFC 5802 §3, base64. */
export interface ScramKeys {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

export interface AccountRow {
  readonly createdAt: string;
  /** Random, new with each account: a later one of the same name is told from this one by it. Absent in rows of older versions. */
  readonly incarnation?: string;
  readonly scram: { readonly 'SHA-1': ScramKeys; readonly 'SHA-256': ScramKeys };
}

export const accounts = collection<AccountRow>('account', 'account');

export async function findAccount(store: Store, domain: string, local: string): Promise<AccountRow | undefined> {
  return (await Rows.ofAccount(store, domain, local).get(accounts))?.value;
}

/** Another account's name looks the same. */
export class LookTaken extends Error {
  override name = 'LookTaken';
}

/**
 * @param isUnlikeOthers it must not look like another name
 * @throws {Conflict} when there is one by that name. @throws {LookTaken}
 */
export async function createAccount(
  store: Store,
  domain: string,
  local: string,
  row: AccountRow,
  { isUnlikeOthers = false }: { readonly isUnlikeOthers?: boolean } = {},
): Promise<void> {
  const isThere = async (other: string) => (await findAccount(store, domain, other)) !== undefined;
  const other = await claimLook(store, domain, local, { nowMs: Date.parse(row.createdAt), isThere });
  if (other !== undefined && isUnlikeOthers) throw new LookTaken(`'${local}' looks like '${other}'`);
  await update(directoryOf(store, domain, local), accountNames, local, (there) => there ?? { createdAt: row.createdAt });
  await Rows.ofAccount(store, domain, local).put(accounts, '', row, 'absent');
}

export async function setCredentials(store: Store, domain: string, local: string, scram: AccountRow['scram']): Promise<boolean> {
  const rows = Rows.ofAccount(store, domain, local);
  const found = await rows.get(accounts);
  if (!found) return false;
  await rows.put(accounts, '', { ...found.value, scram }, { version: found.version });
  return true;
}

/** Nobody can sign in from here on. @returns whether it was there */
export function deleteAccountRow(store: Store, domain: string, local: string): Promise<boolean> {
  return Rows.ofAccount(store, domain, local).delete(accounts);
}

export async function unlistAccount(store: Store, domain: string, local: string): Promise<void> {
  await directoryOf(store, domain, local).delete(accountNames, local);
  await releaseLook(store, domain, local);
}

/** Local parts in order, at most `limit`, after the one named. */
export function listAccounts(store: Store, domain: string, limit: number, after?: string): Promise<string[]> {
  return listNames(store, domain, accountNames, limit, after);
}
