/**
 * The items of a node. Each item is a row, and one more row lists the items in the order of their publication, so that bounds can
 * be checked and the last items found without reading all items. The list is changed at once, with compare and swap, and the rows
 * of the items are written with the commit. An item that is listed and has no row does not exist (yet).
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import { Conflict, type Row } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { type PepNode, viewOf } from './nodes.ts';
import { pubsubError } from './pubsub-error.ts';

export interface PepItem {
  readonly id: string;
  /** XML that declares all namespaces it uses. */
  readonly payload: string;
}

interface ItemRow {
  readonly payload: string;
  /** When the item was published, ms since the epoch. */
  readonly at: number;
}

/** Oldest first: the id, and how many bytes id and payload take in an answer. */
type Listed = readonly (readonly [id: string, bytes: number])[];

const itemRows = collection<ItemRow>('pepItem', 'account');
const lists = collection<{ readonly items: Listed }>('pepList', 'account');

export function listRowKey(owner: Account, node: PepNode) {
  return owner.rows.keyOf(lists, node.key);
}

export function itemRowKey(owner: Account, node: PepNode, id: string) {
  return owner.rows.keyOf(itemRows, `${node.key}/${id}`);
}

/** @param row the row of {@link listRowKey} */
export function lastIdInRow(row: Row | undefined): string | undefined {
  return row && (JSON.parse(row.value) as { items: Listed }).items.at(-1)?.[0];
}

export function itemInRow(row: Row): ItemRow {
  return JSON.parse(row.value) as ItemRow;
}

/** The ids of a node's items, newest first. */
export async function listIds(account: Account, node: PepNode): Promise<readonly string[]> {
  const view = viewOf(account, node);
  if (view) return [view.itemId];
  const list = await account.get(lists, node.key);
  return (list?.items ?? []).map(([id]) => id).reverse();
}

/** Reads the items that exist, in the order of the ids. */
export async function readItems(account: Account, node: PepNode, ids: readonly string[]): Promise<readonly PepItem[]> {
  const view = viewOf(account, node);
  if (view) return ids.includes(view.itemId) ? [{ id: view.itemId, payload: (await view.read(account)).toString() }] : [];
  return (await readItemRows(account, node, ids)).map(({ id, row }) => ({ id, payload: itemInRow(row).payload }));
}

async function readItemRows(account: Account, node: PepNode, ids: readonly string[]): Promise<{ id: string; row: Row }[]> {
  const found: { id: string; row: Row }[] = [];
  for (let at = 0; at < ids.length; at += portLimits.storeBatchKeysMax) {
    const page = ids.slice(at, at + portLimits.storeBatchKeysMax);
    const keys = page.map((id) => itemRowKey(account, node, id));
    const rows = await account.turn.dependencies.store.batchGet(keys, { consistent: true });
    rows.forEach((row, index) => {
      if (row) found.push({ id: page[index]!, row });
    });
  }
  return found;
}

/** @throws {StanzaError} if an item is too large */
export function checkItems(items: readonly PepItem[]): void {
  for (const { id, payload } of items) {
    const bytes = Buffer.byteLength(payload);
    // The row is JSON, in which quotes and line feeds take two bytes.
    const isLarge = 2 * bytes > routerLimits.pepItemRowBytesMax;
    if (
      bytes > routerLimits.pepItemBytesMax ||
      (isLarge && Buffer.byteLength(JSON.stringify(payload)) > routerLimits.pepItemRowBytesMax)
    ) {
      const text = `an item of ${bytes} bytes; at most ${routerLimits.pepItemBytesMax}`;
      throw pubsubError('not-acceptable', 'payload-too-big', { text });
    }
    const idMax = routerLimits.pepItemIdBytesMax;
    if (Buffer.byteLength(id) > idMax) {
      throw pubsubError('not-acceptable', 'invalid-item-id', { text: `the id of an item has at most ${idMax} bytes` });
    }
  }
}

/**
 * Writes items. If there are too many, the oldest ones are dropped (XEP-0060 §7.1.2).
 * @param instead ids of items that are removed at the same time
 * @throws {StanzaError} if all items together are too large; then nothing has changed
 */
export async function putItems(
  account: Account,
  node: PepNode,
  items: readonly PepItem[],
  instead: readonly string[],
): Promise<void> {
  const put = new Set(items.map(({ id }) => id));
  const retracted = new Set(instead);
  let dropped: Listed = [];
  await account.update(lists, node.key, (value) => {
    const listed = value?.items ?? [];
    const all = [
      ...listed.filter(([id]) => !put.has(id) && !retracted.has(id)),
      ...items.map(({ id, payload }) => [id, Buffer.byteLength(escapeAttribute(id)) + Buffer.byteLength(payload)] as const),
    ];
    const kept = all.slice(-node.config.itemsMax);
    dropped = [...listed.filter(([id]) => retracted.has(id)), ...all.slice(0, all.length - kept.length)];
    // The same item is often published again. Then only its row changes, unless the list must name the request (writers.ts).
    if (value && account.turn.by === undefined && isSameList(value.items, kept)) return value;
    if (kept.length === 0) return undefined;
    const next = { items: kept };
    const bytes = kept.reduce((sum, [, size]) => sum + size, 0);
    if (bytes > routerLimits.pepNodeBytesMax || Buffer.byteLength(JSON.stringify(next)) > routerLimits.pepRowBytesMax) {
      const text = `the items of a node take at most ${routerLimits.pepNodeBytesMax} bytes`;
      throw pubsubError('not-acceptable', 'payload-too-big', { text });
    }
    return next;
  });
  const gone = new Set(dropped.map(([id]) => id));
  const at = account.turn.dependencies.clock.timeOfDay();
  for (const { id, payload } of items) if (!gone.has(id)) account.put(itemRows, `${node.key}/${id}`, { payload, at });
  dropRows(account, node, dropped);
}

function isSameList(one: Listed, other: Listed): boolean {
  return one.length === other.length && one.every(([id, bytes], at) => id === other[at]![0] && bytes === other[at]![1]);
}

/** @returns the ids of the items that existed */
export async function removeItems(account: Account, node: PepNode, ids: readonly string[]): Promise<readonly string[]> {
  const named = new Set(ids);
  let removed: Listed = [];
  await account.update(lists, node.key, (value) => {
    removed = value?.items.filter(([id]) => named.has(id)) ?? [];
    if (!value || removed.length === 0) return value;
    const items = value.items.filter(([id]) => !named.has(id));
    return items.length === 0 ? undefined : { items };
  });
  dropRows(account, node, removed);
  return removed.map(([id]) => id);
}

/** Removes all items but the newest ones. @param keep how many stay. @returns whether any item was removed */
export async function purgeItems(account: Account, node: PepNode, keep = 0): Promise<boolean> {
  let removed: Listed = [];
  await account.update(lists, node.key, (value) => {
    const items = value?.items ?? [];
    removed = items.slice(0, Math.max(0, items.length - keep));
    if (removed.length === 0) return value;
    return keep === 0 ? undefined : { items: items.slice(removed.length) };
  });
  dropRows(account, node, removed);
  return removed.length > 0;
}

/**
 * Deletes rows of items after the commit, all at the same time: a thousand one after the other would take longer than a batch
 * may. Another resource may publish an item again meanwhile. If that happens before the list is read here, the item is listed; if
 * it happens later, its row has another version. In both cases the row stays.
 */
function dropRows(account: Account, node: PepNode, listed: Listed): void {
  if (listed.length === 0) return;
  account.turn.afterCommit(async () => {
    const found = await readItemRows(
      account,
      node,
      listed.map(([id]) => id),
    );
    const there = new Set(await listIds(account, node));
    await Promise.all(found.filter(({ id }) => !there.has(id)).map(({ id, row }) => dropRow(account, node, id, row)));
  });
}

async function dropRow(account: Account, node: PepNode, id: string, { version }: Row): Promise<void> {
  try {
    await account.rows.delete(itemRows, `${node.key}/${id}`, { version });
  } catch (error) {
    if (!(error instanceof Conflict)) throw error; // published again
  }
}
