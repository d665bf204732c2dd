/** What the service itself, `conference.<domain>`, answers: XEP-0045 §6.1 (support), §6.2 and §6.3 (features and rooms). */

import { directoryParts } from '../../../lib/runtime/directory.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { roomsDomain, type Tenant } from '../../../lib/runtime/tenants.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, type StanzaErrorCondition } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { readRsm, writeRsm } from '../../../lib/xmpp/rsm.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies, RoomDependencies } from '../core/dependencies.ts';
import { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_MUC, NS_OCCUPANT_ID, NS_RSM } from '../core/namespaces.ts';
import { resultOf } from '../core/replies.ts';
import { routeKey } from '../core/room-feature-index.ts';
import { listed } from '../core/room-rows.ts';
import { roomLimits } from '../limits.ts';

const ownFeatures = [NS_DISCO_INFO, NS_DISCO_ITEMS, NS_MUC, `${NS_MUC}#stable_id`, NS_RSM, NS_OCCUPANT_ID];

/** @returns the answer, without `to`; undefined when there is nothing to answer. @throws {StanzaError} */
export async function answerForService(
  dependencies: RoomDependencies,
  tenant: Tenant,
  stanza: Stanza,
): Promise<Element | undefined> {
  if (stanza.type === 'error' || stanza.type === 'result') return undefined;
  if (stanza.name === 'presence') return undefined;
  const child = stanza.name === 'iq' ? stanza.children[0] : undefined;
  if (!child || (stanza.type !== 'get' && stanza.type !== 'set')) throw new StanzaError('service-unavailable');
  const request = stanza.elementOf(child);
  const key = routeKey({ type: stanza.type, name: child.name, ns: child.ns });
  if (key === `get query ${NS_DISCO_INFO}`) return resultOf(stanza, serviceInfo(dependencies, request));
  if (key === `get query ${NS_DISCO_ITEMS}`) return resultOf(stanza, await listRooms(dependencies, tenant, request));
  const route = dependencies.features.serviceIq.get(key);
  if (route) return resultOf(stanza, await route.handle(request, { dependencies, tenant }, stanza));
  throw new StanzaError('service-unavailable');
}

/** §7.12 and §16.1.1 want these errors for nodes that are not supported. */
const absentNodes: Readonly<Record<string, StanzaErrorCondition>> = {
  'x-roomuser-item': 'feature-not-implemented',
  [`${NS_MUC}#traffic`]: 'service-unavailable',
};

function serviceInfo({ features }: RoomDependencies, query: Element): Element {
  const { node = '' } = query.attrs;
  if (node !== '') throw new StanzaError(Object.hasOwn(absentNodes, node) ? absentNodes[node]! : 'item-not-found');
  return xml(
    'query',
    { xmlns: NS_DISCO_INFO },
    xml('identity', { category: 'conference', type: 'text', name: 'Rooms' }),
    [...ownFeatures, ...features.all.flatMap(({ disco }) => disco?.service ?? [])].map((name) => xml('feature', { var: name })),
  );
}

/**
 * §6.3: the rooms of the tenant, a page at a time (XEP-0059, with the address of a room as the item's id). Only listed rooms have
 * a row here.
 */
async function listRooms(dependencies: Dependencies, tenant: Tenant, query: Element): Promise<Element> {
  if (query.attrs.node) throw new StanzaError('item-not-found');
  const page = readRsm(query, roomLimits.listMax);
  const max = Math.min(page.max, roomLimits.listMax);
  const isBackward = page.before !== undefined;
  const after = localOf(page.after);
  const before = localOf(page.before);
  const lists = Array.from({ length: directoryParts }, (_, part) =>
    Rows.ofDirectory(dependencies.store, tenant.domain, part).list(listed, {
      limit: Math.max(max, 1),
      after,
      before,
      backward: isBackward,
    }),
  );
  const found = (await Promise.all(lists)).flat().sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  // XEP-0059 §2.7: `<max>0</max>` asks only for the number of rooms.
  const count = max === 0 ? await countRooms(dependencies, tenant) : undefined;
  const shown = max === 0 ? [] : isBackward ? found.slice(-max) : found.slice(0, max);
  const items = shown.map(({ key, value }) => ({
    jid: Jid.of(key, roomsDomain(tenant.domain)).toString(),
    name: value.name || key,
  }));
  return xml(
    'query',
    { xmlns: NS_DISCO_ITEMS },
    items.map(({ jid, name }) => xml('item', { jid, name })),
    writeRsm(items[0]?.jid, items.at(-1)?.jid, count),
  );
}

/** @returns undefined when there are too many to count */
async function countRooms(dependencies: Dependencies, tenant: Tenant): Promise<number | undefined> {
  const limit = roomLimits.searchRowsMax;
  const lists = Array.from({ length: directoryParts }, (_, part) =>
    Rows.ofDirectory(dependencies.store, tenant.domain, part).list(listed, { limit }),
  );
  const found = await Promise.all(lists);
  return found.some((list) => list.length >= limit) ? undefined : found.flat().length;
}

function localOf(jid: string | undefined): string | undefined {
  return jid === undefined || jid === '' ? undefined : Jid.parse(jid).local;
}
