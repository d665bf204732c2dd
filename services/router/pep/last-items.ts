/**
 * XEP-0163 §4.3.4: a resource that comes, or begins to want a node, is sent the last item of it: of the account's own nodes and of
 * those of its contacts in the same tenant. Three reads for a thousand contacts: their nodes, the lists, the items.
 */
import { limits } from '../../../lib/limits.ts';
import type { Key, Row } from '../../../lib/ports/store.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../account.ts';
import { isNear, readAudience, readNeighbours } from '../presence-audience.ts';
import { hasTo } from '../subscription-state.ts';
import { itemRowKey, lastIdInRow, listRowKey, payloadInRow } from './items.ts';
import type { NodeConfig } from './node-config.ts';
import { nodesInRow, nodesRowKey, type PepNode } from './nodes.ts';
import { eventMessage, itemsEvent } from './notify.ts';

interface Found {
  readonly owner: Account;
  readonly node: PepNode;
  readonly id: string;
}

/** Queued. */
export async function sendLastItems(account: Account, entry: SessionEntry, wanted: readonly string[]): Promise<void> {
  if (wanted.length === 0) return;
  const contacts = (await readAudience(account)).filter((contact) => hasTo(contact.item) && isNear(account, contact));
  const near = await readNeighbours(account, account.jid.withResource(entry.resource), contacts);
  const owners = [account, ...near.filter(({ isSharing }) => isSharing).map(({ jid }) => account.other(jid.local))];
  const found = await findLast(account, owners, wanted, ['on_sub_and_presence']);
  account.turn.withSessions([], () => deliver(account, entry, found));
}

/** Only inside `withSessions`: the account has just become a subscriber of the contact (XEP-0060 §6.1.7). */
export async function sendLastItemsOf(account: Account, sessions: readonly SessionEntry[], contact: Jid): Promise<void> {
  if (contact.domain !== account.domain) return;
  const owner = account.other(contact.local);
  for (const entry of sessions) {
    if (!entry.available || !entry.wanted?.length) continue;
    await deliver(account, entry, await findLast(account, [owner], entry.wanted, ['on_sub', 'on_sub_and_presence']));
  }
}

async function deliver(account: Account, entry: SessionEntry, found: readonly Found[]): Promise<void> {
  let bytes = 0;
  for (let at = 0; at < found.length && bytes < limits.pepLastItemsBytesMax; at += pageMax) {
    const page = found.slice(at, at + pageMax);
    const keys = page.map(({ owner, node, id }) => itemRowKey(owner, node, id));
    const rows = await readRows(account, keys);
    for (const [index, { owner, node, id }] of page.entries()) {
      const row = rows[index];
      if (!row || bytes >= limits.pepLastItemsBytesMax) continue;
      const event = itemsEvent(node, { id, payload: payloadInRow(row) });
      const message = eventMessage(owner.jid, event, account.turn.parts.ids.mint());
      bytes += message.length;
      account.deliverTo([entry], message, true);
    }
  }
}

/** Rows of items that are read at once: they may be large. */
const pageMax = 20;

async function findLast(
  account: Account,
  owners: readonly Account[],
  wanted: readonly string[],
  when: readonly NodeConfig['sendLast'][],
): Promise<Found[]> {
  const rows = await readRows(account, owners.map(nodesRowKey));
  const nodes = owners
    .flatMap((owner, index) => nodesInRow(rows[index]).map((node) => ({ owner, node })))
    .filter(({ owner, node: { name, config } }) => {
      const isReadable = owner === account || config.access !== 'whitelist';
      return isReadable && wanted.includes(name) && config.isPersistent && when.includes(config.sendLast);
    })
    .slice(0, limits.pepLastItemsMax);
  const lists = await readRows(
    account,
    nodes.map(({ owner, node }) => listRowKey(owner, node)),
  );
  return nodes.flatMap(({ owner, node }, index) => {
    const id = lastIdInRow(lists[index]);
    return id === undefined ? [] : [{ owner, node, id }];
  });
}

async function readRows(account: Account, keys: readonly Key[]): Promise<(Row | undefined)[]> {
  const rows: (Row | undefined)[] = [];
  for (let at = 0; at < keys.length; at += limits.storeBatchKeysMax) {
    rows.push(...(await account.turn.parts.store.batchGet(keys.slice(at, at + limits.storeBatchKeysMax), { consistent: true })));
  }
  return rows;
}
