/**
 * The directory of a tenant: a row for each account and each room, in 16 partitions, so that whoever lists, counts, exports or erases can
 * walk a tenant.
 */
import { createHash } from 'node:crypto';
import type { Store } from '../ports/store.ts';
import { type Collection, collection } from './collection.ts';
import { Rows } from './rows.ts';

interface Listed {
  readonly createdAt: string;
}

interface ListedRoomName extends Listed {
  /** Bare JID of the account that made the room; absent in rows that are older than the bound on rooms of one account. */
  readonly madeBy?: string | undefined;
}

export const accountNames = collection<Listed>('account', 'directory');
export const roomNames = collection<ListedRoomName>('room', 'directory');

export const directoryParts = 16;

/** The partition that lists the account or room. */
export function directoryOf(store: Store, domain: string, name: string): Rows {
  return Rows.ofDirectory(store, domain, createHash('sha256').update(name).digest()[0]! % directoryParts);
}

/** Local parts in the order of their bytes, at most `limit`, after the one named. */
export async function listNames(
  store: Store,
  domain: string,
  names: Collection<Listed>,
  limit: number,
  after?: string,
): Promise<string[]> {
  const pages = Array.from({ length: directoryParts }, (_, part) =>
    Rows.ofDirectory(store, domain, part).list(names, { limit, after }),
  );
  const found = (await Promise.all(pages)).flat().map(({ key }) => key);
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).slice(0, limit);
}

/** All of them, a page at a time. */
export async function* pagesOfNames(
  store: Store,
  domain: string,
  names: Collection<Listed>,
  limit: number,
): AsyncGenerator<readonly string[], void, undefined> {
  for (let after: string | undefined; ; ) {
    const page = await listNames(store, domain, names, limit, after);
    if (page.length > 0) yield page;
    if (page.length < limit) return;
    after = page.at(-1)!;
  }
}
