/** XEP-0060 §5: service discovery at a tenant's pubsub service: itself, its nodes, and their items. */
import { NS_COMMANDS } from '../../../lib/xmpp/ad-hoc.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { readRsm, writeRsm } from '../../../lib/xmpp/rsm.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { HostContext } from '../core/host.ts';
import { checkReader } from '../pep/access.ts';
import { affiliationOf } from '../pep/affiliations.ts';
import { inBounds } from '../pep/bounded-list.ts';
import { listItems } from '../pep/items.ts';
import { pubsubLimits } from '../pep/limits.ts';
import { describeNode } from '../pep/node-info.ts';
import { findNode, type PepNode } from '../pep/nodes.ts';
import { listedNodes } from './node-directory.ts';
import { commandInfo, commandItems } from './pending-command.ts';
import { ServicePlace } from './service-place.ts';
import { readTypeFilter } from './type-filter.ts';

export const infoNs = 'http://jabber.org/protocol/disco#info';
export const itemsNs = 'http://jabber.org/protocol/disco#items';
const rsmNs = 'http://jabber.org/protocol/rsm';

export async function describe(request: Element, host: HostContext, iq: Stanza): Promise<Element> {
  const place = new ServicePlace(host, iq.from!);
  const { node: name } = request.attrs as { node?: string };
  const command = name === undefined ? undefined : commandInfo(name);
  if (command) return xml('query', { xmlns: infoNs, node: name }, ...command);
  if (name) return describeNode(place.holder(name), await visibleNode(place, name));
  const vars = new Set(host.turn.dependencies.features.all.flatMap(({ disco }) => disco?.pubsub ?? []));
  const features = [...vars].sort().map((feature) => xml('feature', { var: feature }));
  return xml('query', { xmlns: infoNs }, xml('identity', { category: 'pubsub', type: 'service', name: 'Nodes' }), ...features);
}

/** Whoever is nothing to a node that only a few may read is not told that it is there. @throws {StanzaError} item-not-found */
async function visibleNode(place: ServicePlace, name: string): Promise<PepNode> {
  const holder = place.holder(name);
  const node = await findNode(holder, name);
  const isVisible =
    node &&
    (node.config.access !== 'whitelist' || affiliationOf(holder, node, place.asker) !== 'none' || (await place.keepsOrder()));
  if (!isVisible) throw new StanzaError('item-not-found', 'there is no such node');
  return node;
}

export async function list(request: Element, host: HostContext, iq: Stanza): Promise<Element> {
  const place = new ServicePlace(host, iq.from!);
  const { node: name } = request.attrs as { node?: string };
  if (name === NS_COMMANDS) return xml('query', { xmlns: itemsNs, node: name }, ...commandItems(place.jid));
  return name ? listItemsOf(place, name) : listNodesOf(place, request);
}

/** §5.5. */
async function listItemsOf(place: ServicePlace, name: string): Promise<Element> {
  const node = await visibleNode(place, name);
  const holder = place.holder(name);
  await checkReader(holder, place.asker, node);
  const jid = place.jid.toString();
  const items = (await listItems(holder, node)).map(({ id }) => xml('item', { jid, name: id }));
  return xml('query', { xmlns: itemsNs, node: name }, ...inBounds(items));
}

/** §5.2: in pages (XEP-0059). */
async function listNodesOf(place: ServicePlace, request: Element): Promise<Element> {
  const { dependencies } = place.turn;
  const isWanted = readTypeFilter(request);
  const { max, after, before } = readRsm(request, pubsubLimits.listedNodesMax);
  const limit = Math.min(max, pubsubLimits.listedNodesMax);
  const options = { limit, after, before: before || undefined, backward: before !== undefined };
  const page = limit === 0 ? [] : await listedNodes(dependencies, place.tenant, options);
  const keepsOrder = await place.keepsOrder();
  const known = new Set(page.some(({ value }) => value.isPrivate) && !keepsOrder ? await place.namesFor(place.asker) : []);
  const shown = page.filter(({ key, value }) => isWanted(value.type) && (keepsOrder || !value.isPrivate || known.has(key)));
  const jid = place.jid.toString();
  const items = shown.map(({ key, value }) => xml('item', { jid, node: key, name: value.title || undefined }));
  const isPaged = request.getChild('set', rsmNs) !== undefined || page.length === pubsubLimits.listedNodesMax;
  const set = isPaged ? writeRsm(page[0]?.key, page.at(-1)?.key) : undefined;
  return xml('query', { xmlns: itemsNs }, ...items, set);
}
