/**
 * The directory of a tenant: a row for each account, each room and each node of its pubsub service, in 16 partitions, so that whoever lists,
 * counts, exports or erases can walk a tenant.
 */
import { createHash } from 'node:crypto';
import { portLimits } from '../ports/limits.ts';
import type { Store } from '../ports/store.ts';
import { type Collection, collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { type Item, type ListOptions, Rows } from './rows.ts';

interface Listed {
  readonly createdAt: string;
}

interface ListedRoomName extends Listed {
  /** Bare JID of the account that made the room; absent in rows that are older than the bound on rooms of one account. */
  readonly madeBy?: string | undefined;
}

export interface ListedNode extends Listed {
  /** The node's key: another node of its name has another one. */
  readonly key: string;
  /** What a list of all nodes says of it, so that it need not be read for that. */
  readonly title: string;
  readonly type: string;
  /** Only those who have something to do with the node are told that it is there. */
  readonly isPrivate: boolean;
}

export const accountNames = collection<Listed>('account', 'directory');
export const roomNames = collection<ListedRoomName>('room', 'directory');

export const nodeNames = collection<ListedNode>('node', 'directory');

export const directoryParts = 16;

/** The partition that lists the account, the room or the node. */
export function directoryOf(store: Store, domain: string, name: string): Rows {
  return Rows.ofDirectory(store, domain, createHash('sha256').update(name).digest()[0]! % directoryParts);
}

/** Names in the order of their bytes, at most `limit`, after the one named. */
export async function listNames(
  store: Store,
  domain: string,
  names: Collection<Listed>,
  limit: number,
  after?: string,
): Promise<string[]> {
  return (await listRows(store, domain, names, { limit, after })).map(({ key }) => key);
}

/** The same with what the directory says of each, and in both directions; always in the order of the names. */
export async function listRows<Value extends Listed>(
  store: Store,
  domain: string,
  names: Collection<Value>,
  { limit, after, before, backward }: ListOptions,
): Promise<Item<Value>[]> {
  const pages = Array.from({ length: directoryParts }, (_, part) =>
    Rows.ofDirectory(store, domain, part).list(names, { limit, after, before, backward }),
  );
  const found = (await Promise.all(pages)).flat();
  found.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  return backward ? found.slice(-limit) : found.slice(0, limit);
}

/**
 * Does the directory have as many names as it may have?
 * @param name of what would come, or has come. @param isCounted false for names that do not count
 */
export async function hasSoMany(
  store: Store,
  domain: string,
  names: Collection<Listed>,
  name: string,
  most: number,
  isCounted: (name: string) => boolean = () => true,
): Promise<boolean> {
  if (most === 0) return true;
  const isExact = most <= runtimeLimits.directoryCountedMax;
  const pages = isExact ? pagesOfNames(store, domain, names, most) : pagesOfPart(directoryOf(store, domain, name), names);
  const wanted = isExact ? most : most / directoryParts;
  let count = 0;
  for await (const page of pages) {
    count += page.filter(isCounted).length;
    if (count >= wanted) return true;
  }
  return count >= wanted;
}

function pagesOfPart(rows: Rows, names: Collection<Listed>): AsyncGenerator<readonly string[], void, undefined> {
  const limit = portLimits.storeQueryRowsMax;
  return pages(limit, async (after) => (await rows.list(names, { limit, after })).map(({ key }) => key));
}

/** All of them, a page at a time. */
export function pagesOfNames(
  store: Store,
  domain: string,
  names: Collection<Listed>,
  limit: number,
): AsyncGenerator<readonly string[], void, undefined> {
  return pages(limit, (after) => listNames(store, domain, names, limit, after));
}

async function* pages(
  limit: number,
  list: (after: string | undefined) => Promise<readonly string[]>,
): AsyncGenerator<readonly string[], void, undefined> {
  for (let after: string | undefined; ; ) {
    const page = await list(after);
    if (page.length > 0) yield page;
    if (page.length < limit) return;
    after = page.at(-1)!;
  }
}
