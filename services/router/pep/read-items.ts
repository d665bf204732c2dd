/** XEP-0060 §6.5: reading items, all or some, in pages (XEP-0059), and in the order that is asked for (XEP-0413). */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import { type Order, readOrder } from '../../../lib/xmpp/order-by.ts';
import { readRsm, writeRsm } from '../../../lib/xmpp/rsm.ts';
import { routerLimits } from '../limits.ts';
import { checkReader } from './access.ts';
import { type ListedItem, listItems, readItems } from './items.ts';
import type { PepNode } from './nodes.ts';
import { itemElement } from './notify.ts';
import type { Place } from './place.ts';
import { pubsubError, pubsubNs, unsupported } from './pubsub-error.ts';
import { subscriptionsOf } from './subscriptions.ts';

const rsmNs = 'http://jabber.org/protocol/rsm';
const newestFirst: Order = { by: 'modification', isDescending: true };

/** @param request `<pubsub/>`. @param asked `<items/>`. @throws {StanzaError} */
export async function readItemsFor(place: Place, node: PepNode, request: Element, asked: Element): Promise<Element> {
  const holder = place.holder(node.name);
  await checkReader(holder, place.asker, node);
  await checkSubid(place, node, asked);
  if (!node.config.isPersistent) throw unsupported('persistent-items'); // §6.5.9.4
  const named = asked.getChildren('item', pubsubNs).map(({ attrs }) => attrs.id as string | undefined);
  const page = named.length > 0 ? { ids: knownIds(named), set: undefined } : await cutPage(place, node, request, asked);
  const found = await readItems(holder, node, page.ids);
  const items = xml('items', { node: node.name }, ...found.map((item) => itemElement(node, item)));
  return xml('pubsub', { xmlns: pubsubNs }, items, page.set);
}

/** §6.5.9.2. */
async function checkSubid(place: Place, node: PepNode, asked: Element): Promise<void> {
  const { subid } = asked.attrs as { subid?: string };
  if (subid === undefined) return;
  const own = await subscriptionsOf(place.holder(node.name), node, place.asker);
  if (own.length > 0 && !own.some((one) => one.subid === subid)) throw pubsubError('not-acceptable', 'invalid-subid');
}

/** @throws {StanzaError} when they are too many */
export function knownIds(named: readonly (string | undefined)[]): string[] {
  if (named.length > routerLimits.pepItemsPerNodeMax) throw new StanzaError('policy-violation', 'too many items in one request');
  // An id that is too long cannot be the id of an item.
  return [...new Set(named)].filter(
    (id) => id !== undefined && id !== '' && Buffer.byteLength(id) <= routerLimits.pepItemIdBytesMax,
  ) as string[];
}

interface Page {
  readonly ids: readonly string[];
  readonly set?: Element | undefined;
}

/** Picks the items of one page (§6.5.4, §6.5.7). */
async function cutPage(place: Place, node: PepNode, request: Element, asked: Element): Promise<Page> {
  const order = readOrder(request, newestFirst);
  const all = await listItems(place.holder(node.name), node, order.by);
  const max = readMax(asked);
  const recent = max === undefined ? all : all.slice(0, max);
  const items = order.isDescending ? recent : recent.toReversed();
  const hasSet = request.getChild('set', rsmNs) !== undefined;
  if (!hasSet) {
    const fitting = inBounds(items);
    return { ids: idsOf(fitting), set: fitting.length < items.length ? setOf(fitting, items, 0) : undefined };
  }
  const rsm = readRsm(request, xmppLimits.rsmPageMax, { mayIndex: true });
  const indexOf = (id: string) => {
    const index = items.findIndex((item) => item.id === id);
    if (index < 0) throw new StanzaError('item-not-found', 'the page begins at an item that does not exist');
    return index;
  };
  const start = rsm.after === undefined ? (rsm.index ?? 0) : indexOf(rsm.after) + 1;
  const end = rsm.before ? indexOf(rsm.before) : items.length;
  const within = items.slice(start, Math.max(start, end));
  if (rsm.max === 0) return { ids: [], set: setOf([], items, 0) };
  // From the end backwards, a page that would be too large lacks those that are farthest from the end.
  const isBackward = rsm.before !== undefined;
  const page = isBackward ? inBounds(within.slice(-rsm.max).toReversed()).toReversed() : inBounds(within.slice(0, rsm.max));
  return { ids: idsOf(page), set: setOf(page, items, isBackward ? start + within.length - page.length : start) };
}

function idsOf(items: readonly ListedItem[]): readonly string[] {
  return items.map(({ id }) => id);
}

function setOf(page: readonly ListedItem[], all: readonly ListedItem[], index: number): Element {
  return writeRsm(page[0]?.id, page.at(-1)?.id, all.length, index);
}

/** As many as one answer has room for, and one at least. */
function inBounds(items: readonly ListedItem[]): readonly ListedItem[] {
  let bytes = 0;
  const end = items.findIndex((item, index) => {
    bytes += item.bytes;
    return bytes > routerLimits.pepNodeBytesMax && index > 0;
  });
  return end < 0 ? items : items.slice(0, end);
}

function readMax(asked: Element): number | undefined {
  const max = asked.attrs.max_items as string | undefined;
  if (max === undefined) return undefined;
  if (!/^0*[1-9][0-9]{0,8}$/.test(max))
    throw new StanzaError('bad-request', `max_items must be a positive number, not ${JSON.stringify(max.slice(0, 64))}`);
  return Number(max);
}
