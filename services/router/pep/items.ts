/**
 * The items of a node. Each item is a row, and one more row lists the items in the order of their publication, so that bounds can
 * be checked and the last items found without reading all items. The list is changed at once, with compare and swap, and the rows
 * of the items are written with the commit. An item that is listed and has no row does not exist (yet).
 *
 * Where items expire, the list says when each was published: what has expired is not listed, and goes with the next change.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import { Conflict, type Row } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { isMintedBefore } from '../../../lib/runtime/ids.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Order } from '../../../lib/xmpp/order-by.ts';
import type { Account } from '../core/account.ts';
import type { RowHolder } from '../core/row-holder.ts';
import { Superseded } from '../core/writers.ts';
import { routerLimits } from '../limits.ts';
import { pubsubLimits } from './limits.ts';
import type { NodeConfig } from './node-config.ts';
import { type PepNode, siteOf, viewOf } from './nodes.ts';
import { pubsubError } from './pubsub-error.ts';

export interface PepItem {
  readonly id: string;
  /** XML that declares all namespaces it uses; '' where there is none. */
  readonly payload: string;
  /** Bare JID of whoever has published it; absent: the account whose node it is. */
  readonly publisher?: string | undefined;
}

interface ItemRow {
  readonly payload: string;
  readonly publisher?: string | undefined;
  /** When the item was published, ms since the epoch. */
  readonly at: number;
  /** The id of the request that has written it; absent where none has, and in rows of older versions. */
  readonly by?: string | undefined;
}

/**
 * In the order of publication, oldest first: the id, how many bytes id and payload take in an answer, when an item of this id was published
 * first (XEP-0413), and where items expire, when it was published last, both ms since the epoch. Rows of older versions have no times.
 */
type Entry = readonly [id: string, bytes: number, madeAt?: number, publishedAt?: number];
type Listed = readonly Entry[];

const itemRows = collection<ItemRow>('pepItem', 'account', 'core', { alsoOf: 'pubsub' });
/** What a request has pushed out, for when it comes again: whoever carried it out may have died before anybody was told. */
interface PushedOut {
  /** The id of the request. */
  readonly by: string;
  readonly ids: readonly string[];
}

interface ListRow {
  readonly items: Listed;
  /** Those of the last requests that have pushed something out, the newest first. */
  readonly out?: readonly PushedOut[];
}

const lists = collection<ListRow>('pepList', 'account', 'core', { alsoOf: 'pubsub' });

/** For whoever removes all of a node. */
export const itemCollections = [itemRows, lists] as const;

export function listRowKey(owner: RowHolder, node: PepNode) {
  return owner.rows.keyOf(lists, node.key);
}

export function itemRowKey(owner: RowHolder, node: PepNode, id: string) {
  return owner.rows.keyOf(itemRows, `${node.key}/${id}`);
}

/** @param row the row of {@link listRowKey} */
export function lastIdInRow(owner: RowHolder, node: PepNode, row: Row | undefined): string | undefined {
  return row && unexpired(owner, node, (JSON.parse(row.value) as { items: Listed }).items).at(-1)?.[0];
}

export function itemInRow(row: Row): ItemRow {
  return JSON.parse(row.value) as ItemRow;
}

/** A listed item. */
export interface ListedItem {
  readonly id: string;
  /** In an answer. */
  readonly bytes: number;
}

/** The items of a node, the newest one first. @param by when an item of the id was published first, or last (XEP-0413) */
export async function listItems(holder: RowHolder, node: PepNode, by: Order['by'] = 'modification'): Promise<ListedItem[]> {
  const view = viewOf(holder, node);
  if (view) return [{ id: view.itemId, bytes: 0 }];
  const listed = await readList(holder, node);
  // What has no time is older than what has one.
  const sorted = by === 'creation' ? listed.toSorted(([, , a = 0], [, , b = 0]) => a - b) : listed;
  return sorted.map(([id, bytes]) => ({ id, bytes })).reverse();
}

/** The ids of a node's items, newest first. */
export async function listIds(holder: RowHolder, node: PepNode): Promise<readonly string[]> {
  return (await listItems(holder, node)).map(({ id }) => id);
}

async function readList(holder: RowHolder, node: PepNode): Promise<Listed> {
  return unexpired(holder, node, (await holder.get(lists, node.key))?.items ?? []);
}

function unexpired({ turn }: RowHolder, { config: { itemExpireS } }: PepNode, listed: Listed): Listed {
  if (itemExpireS === 0) return listed;
  const since = turn.dependencies.clock.timeOfDay() - itemExpireS * 1000;
  return listed.filter(([, , , publishedAt = Number.POSITIVE_INFINITY]) => publishedAt > since);
}

/** Reads the items that exist, in the order of the ids. */
export async function readItems(holder: RowHolder, node: PepNode, ids: readonly string[]): Promise<readonly PublishedItem[]> {
  const view = viewOf(holder, node);
  if (view)
    return ids.includes(view.itemId) ? [{ id: view.itemId, payload: (await view.read(holder as Account)).toString() }] : [];
  const isThere = node.config.itemExpireS === 0 ? undefined : new Set((await readList(holder, node)).map(([id]) => id));
  const found = await readItemRows(holder, node, isThere ? ids.filter((id) => isThere.has(id)) : ids);
  return found.map(({ id, row }) => ({ id, ...itemInRow(row) }));
}

export interface PublishedItem extends PepItem {
  /** When it was published, ms since the epoch; absent for what is made when it is read. */
  readonly at?: number;
}

async function readItemRows(holder: RowHolder, node: PepNode, ids: readonly string[]): Promise<{ id: string; row: Row }[]> {
  const found: { id: string; row: Row }[] = [];
  for (let at = 0; at < ids.length; at += portLimits.storeBatchKeysMax) {
    const page = ids.slice(at, at + portLimits.storeBatchKeysMax);
    const keys = page.map((id) => itemRowKey(holder, node, id));
    const rows = await holder.turn.dependencies.store.batchGet(keys, { consistent: true });
    rows.forEach((row, index) => {
      if (row) found.push({ id: page[index]!, row });
    });
  }
  return found;
}

/** Who has published those of the items that exist, by bare JID; undefined for the account whose node it is. */
export async function publishersOf(holder: RowHolder, node: PepNode, ids: readonly string[]): Promise<(string | undefined)[]> {
  return (await readItems(holder, node, ids)).map(({ publisher }) => publisher);
}

/** @throws {StanzaError} if an item is too large */
export function checkItems(items: readonly PepItem[], bytesMax: number = routerLimits.pepItemBytesMax): void {
  for (const { id, payload } of items) {
    const bytes = Buffer.byteLength(payload);
    // The row is JSON, in which quotes and line feeds take two bytes.
    const isLarge = 2 * bytes > routerLimits.pepItemRowBytesMax;
    if (bytes > bytesMax || (isLarge && Buffer.byteLength(JSON.stringify(payload)) > routerLimits.pepItemRowBytesMax)) {
      const text = `an item of ${bytes} bytes; at most ${bytesMax}`;
      throw pubsubError('not-acceptable', 'payload-too-big', { text });
    }
    const idMax = routerLimits.pepItemIdBytesMax;
    if (Buffer.byteLength(id) > idMax) {
      throw pubsubError('not-acceptable', 'invalid-item-id', { text: `the id of an item has at most ${idMax} bytes` });
    }
  }
}

/**
 * Writes items. If there are too many, the oldest ones are dropped (XEP-0060 §7.1.2.5), unless the node refuses more.
 * @param instead ids of items that are removed at the same time
 * @returns the ids of those that were dropped because there were too many
 * @throws {StanzaError} if all items together are too large; then nothing has changed
 */
export async function putItems(
  holder: RowHolder,
  node: PepNode,
  items: readonly PepItem[],
  instead: readonly string[],
): Promise<readonly string[]> {
  const { config } = node;
  const put = new Set(items.map(({ id }) => id));
  const retracted = new Set(instead);
  const at = holder.turn.dependencies.clock.timeOfDay();
  let dropped: Listed = [];
  let pushedOut: Listed = [];
  const list = (value: ListRow | undefined) => {
    const listed = value?.items ?? [];
    const live = unexpired(holder, node, listed);
    const made = new Map(live.map((entry) => [entry[0], entry[2]]));
    const all = [
      ...live.filter(([id]) => !put.has(id) && !retracted.has(id)),
      ...items.map((item) => entryOf(item, made.has(item.id) ? made.get(item.id) : at, config.itemExpireS > 0 ? at : undefined)),
    ];
    const kept = all.slice(-config.itemsMax);
    pushedOut = all.slice(0, all.length - kept.length);
    if (pushedOut.length > 0 && config.whenFull === 'reject') throw pubsubError('conflict', 'node-full'); // §7.1.3.4
    const out = withPushedOut(holder, node, value, pushedOut);
    const there = new Set(kept.map(([id]) => id));
    const before = pushedOutBy(holder, value).filter((id) => !there.has(id));
    pushedOut = [...before.map((id): Entry => [id, 0]), ...pushedOut];
    dropped = [...listed.filter(([id]) => retracted.has(id) || (!made.has(id) && !put.has(id))), ...pushedOut];
    // The same item is often published again. Then only its row changes, unless the list must name the request (writers.ts).
    if (value && holder.turn.by === undefined && isSameList(value.items, kept)) return value;
    if (kept.length === 0) return undefined;
    const next = { items: kept, ...(out.length > 0 && { out }) };
    checkList(holder, next);
    return next;
  };
  try {
    await holder.update(lists, node.key, list);
  } catch (error) {
    if (!(error instanceof Superseded)) throw error;
    return finishPutting(holder, node, items, error);
  }
  const gone = new Set(dropped.map(([id]) => id));
  for (const item of items) if (!gone.has(item.id)) putRow(holder, node, item, at);
  dropRows(holder, node, dropped);
  return pushedOut.map(([id]) => id);
}

/** What the request has pushed out when it came before. */
function pushedOutBy({ turn }: RowHolder, row: ListRow | undefined): readonly string[] {
  return row?.out?.find(({ by }) => by === turn.by?.id)?.ids ?? [];
}

/** Where people are told of what is pushed out, so many requests are remembered as a row has writers. */
function withPushedOut(
  { turn }: RowHolder,
  { config }: PepNode,
  row: ListRow | undefined,
  pushedOut: Listed,
): readonly PushedOut[] {
  const { out = [] } = row ?? {};
  if (pushedOut.length === 0 || turn.by === undefined || !tellsOfPushedOut(config)) return out;
  return [{ by: turn.by.id, ids: pushedOut.map(([id]) => id) }, ...out].slice(0, routerLimits.rowWritersMax);
}

/** §7.1.2.5. */
export function tellsOfPushedOut({ whenFull, notifyRetract }: NodeConfig): boolean {
  return whenFull === 'retract-oldest' && notifyRetract;
}

function putRow(holder: RowHolder, { key }: PepNode, { id, payload, publisher }: PepItem, at: number): void {
  holder.put(itemRows, `${key}/${id}`, { payload, publisher, at, by: holder.turn.by?.id });
}

/**
 * The request has changed the list before, and so have others since. Whoever carried it out may have died before the items were written.
 * @returns the ids of what it has pushed out, and nobody has published since
 * @throws {Superseded} when they were, or newer requests have published or retracted them
 */
async function finishPutting(
  holder: RowHolder,
  node: PepNode,
  items: readonly PepItem[],
  superseded: Superseded,
): Promise<readonly string[]> {
  const { by, dependencies } = holder.turn;
  const row = await holder.get(lists, node.key);
  const listed = unexpired(holder, node, row?.items ?? []);
  const there = new Set(listed.map(([id]) => id));
  // Nobody has retracted what newer items have pushed out.
  const isFull = siteOf(holder) === 'service' && listed.length >= node.config.itemsMax;
  const found = await readItemRows(
    holder,
    node,
    items.map(({ id }) => id),
  );
  const writers = new Map(found.map(({ id, row }) => [id, itemInRow(row).by]));
  const left = items.filter(({ id }) => {
    const writer = writers.get(id);
    return (there.has(id) || isFull) && (writer === undefined || isMintedBefore(writer, by!.id));
  });
  if (left.length === 0) throw superseded;
  for (const item of left) if (there.has(item.id)) putRow(holder, node, item, dependencies.clock.timeOfDay());
  return pushedOutBy(holder, row).filter((id) => !there.has(id));
}

function entryOf({ id, payload }: PepItem, madeAt: number | undefined, publishedAt: number | undefined): Entry {
  const bytes = Buffer.byteLength(escapeAttribute(id)) + Buffer.byteLength(payload);
  if (publishedAt !== undefined) return [id, bytes, madeAt ?? 0, publishedAt];
  return madeAt === undefined ? [id, bytes] : [id, bytes, madeAt];
}

/** @throws {StanzaError} */
function checkList(holder: RowHolder, list: { readonly items: Listed }): void {
  const bytesMax = siteOf(holder) === 'service' ? pubsubLimits.nodeBytesMax : routerLimits.pepNodeBytesMax;
  const bytes = list.items.reduce((sum, [, size]) => sum + size, 0);
  if (bytes <= bytesMax && Buffer.byteLength(JSON.stringify(list)) <= routerLimits.pepRowBytesMax) return;
  throw pubsubError('not-acceptable', 'payload-too-big', { text: `the items of a node take at most ${bytesMax} bytes` });
}

function isSameList(one: Listed, other: Listed): boolean {
  return one.length === other.length && one.every((entry, at) => entry.every((part, index) => part === other[at]![index]));
}

/** @returns the ids of the items that existed */
export async function removeItems(holder: RowHolder, node: PepNode, ids: readonly string[]): Promise<readonly string[]> {
  const named = new Set(ids);
  let removed: Listed = [];
  await holder.update(lists, node.key, (value) => {
    removed = unexpired(holder, node, value?.items ?? []).filter(([id]) => named.has(id));
    if (!value || removed.length === 0) return value;
    const items = value.items.filter(([id]) => !named.has(id));
    // An empty list remembers its writers (core/writers.ts).
    return items.length === 0 && holder.turn.by === undefined ? undefined : { ...value, items };
  });
  dropRows(holder, node, removed);
  return removed.map(([id]) => id);
}

/**
 * Removes all items but the newest ones.
 * @param keep how many stay
 * @param isDeleted the node is gone, and so is the list
 * @returns whether any item was removed
 */
export async function purgeItems(holder: RowHolder, node: PepNode, keep = 0, isDeleted = false): Promise<boolean> {
  let removed: Listed = [];
  await holder.update(lists, node.key, (value) => {
    const items = value?.items ?? [];
    removed = items.slice(0, Math.max(0, items.length - keep));
    if (isDeleted) return undefined;
    if (removed.length === 0) return value;
    return keep === 0 && holder.turn.by === undefined ? undefined : { ...value, items: items.slice(removed.length) };
  });
  dropRows(holder, node, removed);
  return removed.length > 0;
}

/**
 * Deletes rows of items after the commit, all at the same time: a thousand one after the other would take longer than a batch
 * may. Another resource may publish an item again meanwhile. If that happens before the list is read here, the item is listed; if
 * it happens later, its row has another version. In both cases the row stays.
 */
function dropRows(holder: RowHolder, node: PepNode, listed: Listed): void {
  if (listed.length === 0) return;
  holder.turn.afterCommit(async () => {
    const found = await readItemRows(
      holder,
      node,
      listed.map(([id]) => id),
    );
    const there = new Set(await listIds(holder, node));
    await Promise.all(found.filter(({ id }) => !there.has(id)).map(({ id, row }) => dropRow(holder, node, id, row)));
  });
}

async function dropRow(holder: RowHolder, node: PepNode, id: string, { version }: Row): Promise<void> {
  try {
    await holder.rows.delete(itemRows, `${node.key}/${id}`, { version });
  } catch (error) {
    if (!(error instanceof Conflict)) throw error; // published again
  }
}
