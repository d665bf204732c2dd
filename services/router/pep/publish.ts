/** Changes to nodes and their items, with the notifications (XEP-0060 §7 and §8). */
import { emptySubmission, type Submission } from '../../../lib/xmpp/data-form.ts';
import { Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { checkPublisher } from './access.ts';
import { AccountPlace } from './account-place.ts';
import { affiliationOf } from './affiliations.ts';
import { configForm, isKnownField } from './config-form.ts';
import { checkItems, listIds, type PepItem, publishersOf, purgeItems, putItems, removeItems, tellsOfPushedOut } from './items.ts';
import { isSameConfig, type NodeConfig } from './node-config.ts';
import { applyTyped, checkPayload, isTypeField } from './node-types.ts';
import { configOfNew, configureNode, deletedWith, dropNode, findNode, type PepNode, specifiedAt, viewOf } from './nodes.ts';
import { itemsEvent, showViews } from './notify.ts';
import type { Place } from './place.ts';
import { pubsubError, pubsubNs, unsupported } from './pubsub-error.ts';

/** {@link publishAt}, by the account itself. @returns the id of the item: a view has its own */
export async function publish(account: Account, name: string, item: PepItem, options: Submission): Promise<string> {
  return (await publishAt(new AccountPlace(account), name, item, options))!;
}

/**
 * Publishes an item.
 * @param item undefined: only that something has happened (§4.3)
 * @param options preconditions for a node that exists, or the configuration of one that does not (§7.1.5)
 * @returns the id of the item: a view has its own
 * @throws {StanzaError}
 */
export async function publishAt(
  place: Place,
  name: string,
  item: PepItem | undefined,
  options: Submission,
): Promise<string | undefined> {
  const items = item === undefined ? [] : [item];
  checkItems(items);
  const node = await nodeFor(place, name, options, (config) => {
    checkShape(place, config, item);
    if (item !== undefined) checkPayload(place, config, item.payload);
  });
  checkItems(items, node.config.payloadBytesMax);
  const holder = place.holder(name);
  const view = viewOf(holder, node);
  if (view) await view.write(holder as Account, parseElement(item!.payload));
  else await put(place, node, [], items);
  show(place, name);
  return view?.itemId ?? item?.id;
}

/** §7.1.3.7: nodes of accounts take items with a payload only. @throws {StanzaError} */
function checkShape({ site }: Place, { isPersistent, deliverPayloads }: NodeConfig, item: PepItem | undefined): void {
  const isSilent = site === 'service' && !deliverPayloads;
  if (item === undefined && (isPersistent || !isSilent)) throw pubsubError('bad-request', 'item-required');
  if (item !== undefined && !isPersistent && isSilent) throw pubsubError('bad-request', 'item-forbidden');
  if (item?.payload === '' && !isSilent) throw pubsubError('bad-request', 'payload-required');
}

/** Only accounts have views. */
function show(place: Place, name: string): void {
  if (place instanceof AccountPlace) showViews(place.account, name);
}

/** Changes the items of a node because a view of it was written. The view itself is not shown. @throws {StanzaError} */
export async function change(
  account: Account,
  name: string,
  gone: readonly string[],
  changed: readonly PepItem[],
): Promise<void> {
  checkItems(changed);
  const place = new AccountPlace(account);
  const node = await nodeFor(place, name, emptySubmission);
  await put(place, node, gone, changed);
}

async function put(place: Place, node: PepNode, gone: readonly string[], items: readonly PepItem[]): Promise<void> {
  const { isPersistent } = node.config;
  const pushedOut = isPersistent ? await putItems(place.holder(node.name), node, items, gone) : [];
  const published = items.length > 0 ? items.map((item) => itemsEvent(node, item)) : [xml('items', { node: node.name })];
  const isOnlyRetracted = items.length === 0 && gone.length > 0;
  await place.tell(
    node,
    ...retractEvents(place, node, gone),
    ...(isOnlyRetracted ? [] : published),
    ...(tellsOfPushedOut(node.config) ? retractEvents(place, node, pushedOut) : []),
  );
  await tellChanged(place, node, items);
}

async function tellChanged(place: Place, { name }: PepNode, published: readonly PepItem[] = []): Promise<void> {
  const holder = place.holder(name);
  await specifiedAt(holder, name)?.changed?.(holder as Account, published);
}

/** @param check of the configuration that the node has, or would have; it throws before anything is made */
async function nodeFor(
  place: Place,
  name: string,
  options: Submission,
  check: (config: NodeConfig) => void = () => {},
): Promise<PepNode> {
  const holder = place.holder(name);
  const found = await findNode(holder, name);
  if (!found) {
    await place.checkCreator();
    const config = applyOptions(place, options, configOfNew(holder, name));
    check(config);
    const { node, isNew } = await place.create(name, config);
    if (isNew) return node;
    return allowed(place, node, options, check); // another resource made the node first
  }
  return allowed(place, found, options, check);
}

async function allowed(place: Place, node: PepNode, options: Submission, check: (config: NodeConfig) => void): Promise<PepNode> {
  await checkPublisher(place.holder(node.name), place.asker, node);
  check(node.config);
  return met(place, node, options);
}

/** Returns the node if it meets the preconditions. @throws {StanzaError} */
function met(place: Place, node: PepNode, options: Submission): PepNode {
  for (const [name, field] of options) {
    if (!isSameConfig(applyOptions(place, new Map([[name, field]]), node.config), node.config)) throw notMet(name);
  }
  return node;
}

/** §7.1.5: a field that is unknown, or has an impossible value, is a precondition that is not met. */
function applyOptions(place: Place, options: Submission, config: NodeConfig): NodeConfig {
  let applied = config;
  // The type comes first: it says what all the others are by default.
  for (const [name, field] of [...options].toSorted(([one], [other]) => Number(isTypeField(other)) - Number(isTypeField(one)))) {
    if (!isKnownField(place.site, name)) throw notMet(name);
    try {
      applied = applyTyped(place, new Map([[name, field]]), applied);
    } catch (error) {
      throw error instanceof StanzaError ? notMet(name) : error;
    }
  }
  return applied;
}

function notMet(field: string): StanzaError {
  return pubsubError('conflict', 'precondition-not-met', {
    text: `the node does not meet the precondition ${JSON.stringify(field.slice(0, 64))}`,
  });
}

/** §7.2. @throws {StanzaError} item-not-found, forbidden */
export async function retract(place: Place, node: PepNode, ids: readonly string[], isNotified: boolean): Promise<void> {
  const holder = place.holder(node.name);
  await checkRetracting(place, node, ids);
  if (!node.config.isPersistent) throw unsupported('persistent-items');
  const there = new Set(await listIds(holder, node));
  const doomed = ids.filter((id) => there.has(id));
  if (doomed.length === 0) throw new StanzaError('item-not-found', 'there is no such item');
  // What is to be told is recorded first: when the request comes again, the items are not there any more.
  if (isNotified || node.config.notifyRetract) await place.tell(node, ...retractEvents(place, node, doomed));
  const view = viewOf(holder, node);
  if (view) await view.write(holder as Account, undefined);
  else if ((await removeItems(holder, node, doomed)).length > 0) show(place, node.name);
  await tellChanged(place, node);
}

/** §4.1: owners, publishers and whoever keeps order retract any item, others what they have published. @throws {StanzaError} forbidden */
async function checkRetracting(place: Place, node: PepNode, ids: readonly string[]): Promise<void> {
  const holder = place.holder(node.name);
  const affiliation = affiliationOf(holder, node, place.asker);
  if (affiliation === 'owner' || affiliation === 'publisher' || (await place.keepsOrder())) return;
  await checkPublisher(holder, place.asker, node);
  const own = place.asker.bare.toString();
  const publishers = await publishersOf(holder, node, ids);
  if (publishers.some((publisher) => publisher !== own)) throw new StanzaError('forbidden', 'somebody else has published it');
}

/**
 * One event per item at accounts. COMPAT: nbxmpp 4.2 (Gajim) reads only the first retraction in a message. Remove this when it reads
 * all.
 */
function retractEvents({ site }: Place, { name }: PepNode, ids: readonly string[]): readonly Element[] {
  if (ids.length === 0) return [];
  const groups = site === 'account' ? ids.map((id) => [id]) : [ids];
  return groups.map((group) => xml('items', { node: name }, ...group.map((id) => xml('retract', { id }))));
}

/** §8.4. @param redirect where to go instead, a URI */
export async function deleteNode(place: Place, node: PepNode, redirect?: string): Promise<void> {
  const holder = place.holder(node.name);
  const away = redirect === undefined ? undefined : xml('redirect', { uri: redirect });
  for (const doomed of await deletedWith(holder, node))
    await place.tellDeleted(doomed, xml('delete', { node: doomed.name }, away), doomed.config.notifyDelete);
  for (const dropped of await dropNode(holder, node)) {
    await place.deleted(dropped);
    await purgeItems(holder, dropped, 0, true);
    await tellChanged(place, dropped);
  }
}

/** §8.5. @throws {StanzaError} */
export async function purge(place: Place, node: PepNode): Promise<void> {
  if (!node.config.isPersistent) throw unsupported('persistent-items');
  const holder = place.holder(node.name);
  if (node.config.notifyRetract) await place.tell(node, xml('purge', { node: node.name }));
  const view = viewOf(holder, node);
  if (view) await view.write(holder as Account, undefined);
  else if (await purgeItems(holder, node)) show(place, node.name);
  await tellChanged(place, node);
}

/** §8.2.4. If the node keeps fewer items now, the oldest ones are removed. */
export async function configure(place: Place, node: PepNode, config: NodeConfig): Promise<void> {
  const holder = place.holder(node.name);
  const configured = { ...node, config };
  await configureNode(holder, node, config);
  await place.configured(configured);
  if (await purgeItems(holder, node, config.isPersistent ? config.itemsMax : 0)) show(place, node.name);
  if (config.notifyConfig) await place.tell(configured, configurationEvent(place, configured));
  await tellChanged(place, node);
}

/** §8.2.5.3. */
function configurationEvent({ site }: Place, { name, config }: PepNode): Element {
  const form = config.deliverPayloads ? configForm(site, config, `${pubsubNs}#node_config`, { type: 'result' }) : undefined;
  return xml('configuration', { node: name }, form);
}

/** The text of the element with all namespaces declared that it may use, so that it can be put elsewhere. */
export function standalone(element: Element): string {
  const top = new Element(element.name, { ...element.attrs });
  for (let around = element.parent as Element | null; around !== null; around = around.parent as Element | null) {
    for (const [name, value] of Object.entries(around.attrs)) {
      const isDeclaration = name === 'xmlns' || name.startsWith('xmlns:');
      if (isDeclaration && top.attrs[name] === undefined) top.attrs[name] = value;
    }
  }
  top.children = element.children; // the children are not moved: this copy is only rendered
  return top.toString();
}
