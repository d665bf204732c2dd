/**
 * Keys of the REST API, one row each in the partition `#apikeys` of `core`. A row holds a SHA-256 of the secret only, so a copy of the rows
 * lets nobody in; the secret is random and long, so the digest needs no salt.
 *
 *     sk_0123456789abcdef_<43 characters of base64url>
 *        id, not secret    secret
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import type { Role } from './rights.ts';
import { type Item, Rows } from './rows.ts';
import { isSameSecret, secretBytes } from './secrets.ts';
import { update } from './update.ts';

export interface ApiKeyRow {
  /** For people: where the key is used. */
  readonly name: string;
  /** The only tenant that the key is for; absent: the whole deployment. */
  readonly domain?: string;
  /** When that tenant was added. A tenant of the same name that is added later has nothing to do with the key. */
  readonly tenantSince?: string;
  /** `read`: only operations that change nothing. */
  readonly access: 'read' | 'write';
  /** Absent in keys from before there were roles. */
  readonly role?: Role;
  readonly hasContent?: true | undefined;
  /** SHA-256 of the secret, base64url. */
  readonly digest: string;
  /** The secret before the last rotation, which is good until then. */
  readonly previous?: { readonly digest: string; readonly untilMs: number };
  readonly createdAt: string;
  readonly expiresMs?: number;
  /** The day of the last use, such as `2026-11-29`: it is not written more often. */
  readonly usedOn?: string;
}

const keys = collection<ApiKeyRow>('key', 'deployment');

const tokenPattern = /^sk_([0-9a-f]{16})_([\w-]{43})$/;

export interface GivenKey {
  readonly id: string;
  /** SHA-256 of the secret, base64url. */
  readonly digest: string;
  /** Made of the secret, too, and kept in no row: what is sealed with it can be opened when the key is shown again. Base64url. */
  readonly seal: string;
}

/** Somebody who asked through the REST API. The router checks the key. */
export interface ApiAsker {
  readonly key: GivenKey;
  /** The address that the request came from. */
  readonly address: string;
}

/** Splits a token. The secret does not go further than this. @returns undefined when it does not look like a key */
export function readToken(token: string): GivenKey | undefined {
  const [, id, secret] = tokenPattern.exec(token) ?? [];
  return id === undefined || secret === undefined
    ? undefined
    : { id, digest: digestOf(secret), seal: digestOf(`seal ${secret}`) };
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

function rowsOf(store: Store): Rows {
  return Rows.ofDeployment(store, 'apikeys');
}

/** @returns the token, which cannot be shown again. @throws {Unavailable} */
export async function addApiKey(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  given: Pick<ApiKeyRow, 'name' | 'domain' | 'tenantSince' | 'access' | 'role' | 'hasContent' | 'expiresMs'>,
): Promise<{ readonly id: string; readonly token: string }> {
  const id = clock.randomBytes(runtimeLimits.apiKeyIdBytes).toString('hex');
  const secret = clock.randomBytes(secretBytes).toString('base64url');
  const row = { ...given, digest: digestOf(secret), createdAt: new Date(clock.now()).toISOString() };
  await rowsOf(store).put(keys, id, row, 'absent');
  return { id, token: `sk_${id}_${secret}` };
}

/**
 * Gives a key a new secret. The old one is good for a while, so that whoever uses it can change over without a gap.
 * @returns the new token; undefined when there is no such key. @throws {Unavailable}
 */
export async function rotateApiKey(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  id: string,
  overlapMs: number,
): Promise<string | undefined> {
  const secret = clock.randomBytes(secretBytes).toString('base64url');
  const row = await update(rowsOf(store), keys, id, (there) => {
    if (there === undefined) return undefined;
    return { ...there, digest: digestOf(secret), previous: { digest: there.digest, untilMs: clock.now() + overlapMs } };
  });
  return row && `sk_${id}_${secret}`;
}

/** @returns false when there is no such key */
export function removeApiKey(store: Store, id: string): Promise<boolean> {
  return rowsOf(store).delete(keys, id);
}

export function listApiKeys(store: Store, limit: number, after?: string): Promise<Item<ApiKeyRow>[]> {
  return rowsOf(store).list(keys, { limit, after });
}

/** @returns the key's row if the secret is right and the key has not expired. @throws {Unavailable} */
export async function findApiKey(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  { id, digest }: Pick<GivenKey, 'id' | 'digest'>,
): Promise<ApiKeyRow | undefined> {
  const rows = rowsOf(store);
  const found = await rows.get(keys, id);
  if (found === undefined) return undefined;
  const { value: row, version } = found;
  const now = clock.now();
  if (row.expiresMs !== undefined && row.expiresMs <= now) return undefined;
  const isCurrent = isSameSecret(row.digest, digest);
  const isPrevious = row.previous !== undefined && row.previous.untilMs > now && isSameSecret(row.previous.digest, digest);
  if (!isCurrent && !isPrevious) return undefined;
  const usedOn = new Date(now).toISOString().slice(0, 'yyyy-mm-dd'.length);
  if (row.usedOn !== usedOn) await rows.put(keys, id, { ...row, usedOn }, { version }).catch(() => {}); // somebody else has
  return row;
}
