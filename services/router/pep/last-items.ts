/**
 * XEP-0163 §4.3.4: a resource that comes online, or begins to want a node, gets the last item of that node, from its own account
 * and from its contacts. A thousand contacts in the same tenant cost three reads: their nodes, the lists and the items. A contact
 * in another tenant of this deployment gets a probe that names the nodes, and answers with the items instead of presence. A contact on another
 * server gets no such probe: the presence of the resource tells its server what it wants.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import type { Key, Row } from '../../../lib/ports/store.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { type Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { RowHolder } from '../core/row-holder.ts';
import { routerLimits } from '../limits.ts';
import { isNear, readAudience, readNeighbours } from '../presence/presence-audience.ts';
import { findContact, type RosterItem } from '../roster/roster.ts';
import { hasTo } from '../roster/subscription-state.ts';
import { mayRead } from './access.ts';
import { isOfDeployment, wantedByDistant } from './distant-readers.ts';
import { itemInRow, itemRowKey, lastIdInRow, listIds, listRowKey } from './items.ts';
import type { NodeConfig } from './node-config.ts';
import { nodesInRow, nodesRowKey, type PepNode, siteOf, viewOf } from './nodes.ts';
import { eventMessage, itemsEvent, readView, wantedNodes } from './notify.ts';
import type { Subscriber } from './subscriptions.ts';

interface Source {
  readonly owner: Account;
  /** What the owner's roster says about the reader; undefined if the reader is the owner. */
  readonly item: RosterItem | undefined;
}

interface Found {
  readonly owner: RowHolder;
  readonly node: PepNode;
  readonly id: string;
}

/** Queues the last items of the wanted nodes, of the account and its contacts, for one of its sessions. */
export async function sendLastItems(account: Account, entry: SessionEntry, wanted: readonly string[]): Promise<void> {
  if (wanted.length === 0) return;
  const contacts = (await readAudience(account)).filter(({ item }) => hasTo(item));
  const full = account.jid.withResource(entry.resource);
  const near = await readNeighbours(
    account,
    full,
    contacts.filter((contact) => isNear(account, contact)),
  );
  const sharing = near.filter(({ isSharing }) => isSharing);
  const sources = [
    { owner: account, item: undefined },
    ...sharing.map(({ jid, theirs }) => ({ owner: account.other(jid), item: theirs })),
  ];
  const found = await findLast(account.jid, sources, wanted, presenceKinds);
  account.turn.amongDeliveries(async () => {
    await forEachMessage(account, found, (message) => account.deliverTo([entry], message, true));
    for (const contact of contacts) {
      if (isNear(account, contact) || !(await isOfDeployment(account, contact.jid))) continue;
      const probe = xml('presence', { from: full.toString(), to: contact.jid.toString(), type: 'probe' }, wantedElement(wanted));
      account.post(Buffer.from(probe.toString()), account.turn.dependencies.ids.mint());
    }
  });
}

/**
 * Sends the last items of a contact after the account has become a subscriber of its presence (XEP-0060 §6.1.7). Call it only
 * inside `withSessions`.
 */
export async function sendLastItemsOf(account: Account, contact: Jid, sessions: readonly SessionEntry[]): Promise<void> {
  if (contact.domain !== account.domain) return;
  const owner = account.other(contact);
  const item = await findContact(owner, account.jid);
  for (const entry of sessions) {
    const wanted = wantedNodes.of(entry);
    if (!entry.available || !wanted?.length) continue;
    const found = await findLast(account.jid, [{ owner, item }], wanted, ['on_sub', ...presenceKinds]);
    await forEachMessage(account, found, (message) => account.deliverTo([entry], message, true));
  }
}

/** Queues the last item of a node for somebody who has just subscribed to it (XEP-0060 §6.1.7). */
export async function sendLastItemTo(owner: RowHolder, node: PepNode, { jid, subid }: Subscriber): Promise<void> {
  const [id] = node.config.isPersistent ? await listIds(owner, node) : [];
  if (id === undefined) return;
  const send = (message: Buffer, messageId: string) => owner.post(spliceTo(message, jid), messageId);
  // Whoever hears from the service has subscribed there, so nobody has to be told why.
  const header = siteOf(owner) === 'account' ? subid : undefined;
  owner.turn.amongDeliveries(() => forEachMessage(owner, [{ owner, node, id }], send, header));
}

/** Does the probe ask for nodes instead of presence? */
export function asksForNodes(probe: Stanza): boolean {
  return probe.hasChild('wanted', wantedNs);
}

/**
 * Answers a probe of a subscriber in another tenant with the last items of the nodes it names. Call it only inside
 * `withSessions`.
 */
export async function answerWanted(account: Account, probe: Stanza): Promise<void> {
  const nodes = probe.child('wanted', wantedNs)?.getChildren('node', wantedNs) ?? [];
  const wanted = nodes.slice(0, routerLimits.pepWantedMax).map((node) => node.getText());
  await sendOwnItems(account, probe.from!, wanted, presenceKinds);
}

/** Queues the last items of these nodes of the account for somebody whose resource has come, if it may read them. */
export async function sendItemsOnPresence(account: Account, to: Jid, wanted: readonly string[]): Promise<void> {
  if (wanted.length > 0) account.turn.amongDeliveries(() => sendOwnItems(account, to, wanted, presenceKinds));
}

/**
 * Sends last items to each resource of a contact on another server, who has become a subscriber of the account's presence. Call it only
 * inside `withSessions`.
 */
export async function sendItemsOnGrant(account: Account, contact: Jid): Promise<void> {
  if (contact.domain === account.domain) return;
  for (const [to, wanted] of await wantedByDistant(account, contact)) {
    await sendOwnItems(account, to, wanted, ['on_sub', ...presenceKinds]);
  }
}

async function sendOwnItems(
  account: Account,
  to: Jid,
  wanted: readonly string[],
  when: readonly NodeConfig['sendLast'][],
): Promise<void> {
  const item = to.bare.equals(account.jid) ? undefined : await findContact(account, to);
  const found = await findLast(to, [{ owner: account, item }], wanted, when);
  await forEachMessage(account, found, (message, id) => account.post(spliceTo(message, to.toString()), id));
}

const wantedNs = 'https://skylark.im/pep';
const presenceKinds: readonly NodeConfig['sendLast'][] = ['on_sub_and_presence'];

function wantedElement(wanted: readonly string[]): Element {
  return xml('wanted', { xmlns: wantedNs }, ...wanted.map((node) => xml('node', {}, node)));
}

/** Calls `send` with a message, which has no `to`, for each item, as long as all messages together stay within a bound. */
async function forEachMessage(
  asking: RowHolder,
  found: readonly Found[],
  send: (message: Buffer, id: string) => Promise<void> | void,
  subid?: string,
): Promise<void> {
  let bytes = 0;
  for (let at = 0; at < found.length && bytes < routerLimits.pepLastItemsBytesMax; at += routerLimits.pepItemsPerRound) {
    const page = found.slice(at, at + routerLimits.pepItemsPerRound);
    const keys = page.map(({ owner, node, id }) => itemRowKey(owner, node, id));
    const rows = await readRows(asking, keys);
    for (const [index, { owner, node, id }] of page.entries()) {
      const item = await readItem(owner, node, rows[index]);
      if (!item || bytes >= routerLimits.pepLastItemsBytesMax) continue;
      const messageId = asking.turn.dependencies.ids.mint();
      const event = itemsEvent(node, { ...item, id });
      const type = node.config.notificationType;
      const message = eventMessage(owner.jid, event, messageId, { at: item.at, subid, type });
      bytes += message.length;
      await send(message, messageId);
    }
  }
}

/** @returns the item; the item of a view has no time of publication, because it is made when it is read */
async function readItem(
  owner: RowHolder,
  node: PepNode,
  row: Row | undefined,
): Promise<{ readonly payload: string; readonly publisher?: string | undefined; readonly at?: number } | undefined> {
  if (viewOf(owner, node)) return readView(owner as Account, node);
  return row && itemInRow(row);
}

async function findLast(
  reader: Jid,
  sources: readonly Source[],
  wanted: readonly string[],
  when: readonly NodeConfig['sendLast'][],
): Promise<Found[]> {
  const asking = sources[0]!.owner;
  const rows = await readRows(
    asking,
    sources.map(({ owner }) => nodesRowKey(owner)),
  );
  const nodes = sources
    .flatMap(({ owner, item }, index) => nodesInRow(rows[index]).map((node) => ({ owner, item, node })))
    .filter(({ owner, item, node }) => {
      const { name, config } = node;
      const isReadable = item === undefined || mayRead(owner, reader, item, node);
      return isReadable && wanted.includes(name) && config.isPersistent && when.includes(config.sendLast);
    })
    .slice(0, routerLimits.pepLastItemsMax);
  const lists = await readRows(
    asking,
    nodes.map(({ owner, node }) => listRowKey(owner, node)),
  );
  return nodes.flatMap(({ owner, node }, index) => {
    const id = viewOf(owner, node)?.itemId ?? lastIdInRow(owner, node, lists[index]);
    return id === undefined ? [] : [{ owner, node, id }];
  });
}

async function readRows({ turn }: RowHolder, keys: readonly Key[]): Promise<(Row | undefined)[]> {
  const rows: (Row | undefined)[] = [];
  for (let at = 0; at < keys.length; at += portLimits.storeBatchKeysMax) {
    rows.push(
      ...(await turn.dependencies.store.batchGet(keys.slice(at, at + portLimits.storeBatchKeysMax), {
        consistent: true,
      })),
    );
  }
  return rows;
}
