/**
 * Accounts as rows. One row holds the credentials: SCRAM keys, never passwords. A second row in the tenant's directory, which
 * is spread over 16 partitions, lets listing, export and erasure walk through all accounts of a tenant.
 */
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { accountNames, directoryOf, listNames } from '../../../lib/runtime/directory.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { claimLook, releaseLook } from './look-alikes.ts';

/** RFC 5802 §3; salt and keys are base64. */
export interface ScramKeys {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

export type ScramHash = 'SHA-1' | 'SHA-256' | 'SHA-512';

export interface AccountRow {
  readonly createdAt: string;
  /** Random text that tells the account from a later one of the same name. Absent in rows of older versions. */
  readonly incarnation?: string;
  /** How often a client has registered for push (XEP-0357). Undefined: no client is to be woken. */
  readonly pushes?: number | undefined;
  /** True: nobody is let in. */
  readonly isDisabled?: true | undefined;
  /** With `isDisabled`: its owner has removed it, and it is erased then, ms (removal/leaving.ts). */
  readonly removeAtMs?: number | undefined;
  /** Tokens that an app's own server got for it until then are void, ms (sasl/minted-tokens.ts). */
  readonly mintedAfterMs?: number | undefined;
  /** With `isDisabled`: it is taken in from a file of another server, and not all of it is there yet (portable/). */
  readonly isArriving?: true | undefined;
  /** The invite by which it was made, until all is done that follows from it (invites/befriend.ts). */
  readonly invitedBy?: string | undefined;
  /** The contacts and rooms that the tenant's policy gives it are still missing (accounts/newcomer.ts). */
  readonly isUnfurnished?: true | undefined;
  /** By hash. Older accounts, and those that were imported, lack some. */
  readonly scram: Readonly<Partial<Record<ScramHash, ScramKeys>>>;
}

export const accounts = collection<AccountRow>('account', 'account');

/** Does a new account of the tenant get contacts or rooms? */
export function isUnfurnished({ policy }: Tenant): true | undefined {
  return policy.newcomerContacts.length + policy.newcomerRooms.length > 0 ? true : undefined;
}

export type AccountItem = Item<AccountRow>;

export async function findAccount(store: Store, domain: string, local: string): Promise<AccountRow | undefined> {
  return (await findAccountItem(store, domain, local))?.value;
}

/** The row with its version, on which a write can depend. */
export function findAccountItem(store: Store, domain: string, local: string): Promise<AccountItem | undefined> {
  return Rows.ofAccount(store, domain, local).get(accounts);
}

/** Thrown when another account's name looks the same. */
export class LookTaken extends Error {
  override name = 'LookTaken';
}

/**
 * @param isUnlikeOthers true: refuse a name that looks like that of another account
 * @throws {Conflict} when the account exists. @throws {LookTaken}
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

/**
 * @param seen the row as somebody has seen it; absent: whatever it is
 * @returns whether the account exists
 * @throws {Conflict} when the row was changed since
 */
export async function setCredentials(
  store: Store,
  domain: string,
  local: string,
  scram: AccountRow['scram'],
  seen?: AccountItem,
): Promise<boolean> {
  const rows = Rows.ofAccount(store, domain, local);
  const found = seen ?? (await rows.get(accounts));
  if (!found) return false;
  await rows.put(accounts, '', { ...found.value, scram }, { version: found.version });
  return true;
}

/**
 * @param seen the row as somebody has seen it; absent: whatever it is
 * @returns whether the account exists
 * @throws {Conflict} when the row was changed since it was seen
 */
export async function setDisabled(
  store: Store,
  domain: string,
  local: string,
  isDisabled: boolean,
  seen?: AccountItem,
): Promise<boolean> {
  const rows = Rows.ofAccount(store, domain, local);
  const change = (there: AccountRow): AccountRow => ({
    ...there,
    isDisabled: isDisabled ? true : undefined,
    removeAtMs: undefined,
  });
  if (seen === undefined) return (await update(rows, accounts, '', (there) => there && change(there))) !== undefined;
  await rows.put(accounts, '', change(seen.value), { version: seen.version });
  return true;
}

/** Deletes the credentials, so that nobody can sign in any more. @returns whether the account existed */
export function deleteAccountRow(store: Store, domain: string, local: string): Promise<boolean> {
  return Rows.ofAccount(store, domain, local).delete(accounts);
}

export async function unlistAccount(store: Store, domain: string, local: string): Promise<void> {
  await directoryOf(store, domain, local).delete(accountNames, local);
  await releaseLook(store, domain, local);
}

/** Lists local parts in order: at most `limit` of them, after the one given. */
export function listAccounts(store: Store, domain: string, limit: number, after?: string): Promise<string[]> {
  return listNames(store, domain, accountNames, limit, after);
}
