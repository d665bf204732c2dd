/** Changes that the owner makes to nodes and items, with their notifications (XEP-0060 §7 and §8). */
import { emptySubmission, type Submission } from '../../../lib/xmpp/data-form.ts';
import { Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { checkItems, type PepItem, purgeItems, putItems, removeItems } from './items.ts';
import { applyForm, isKnownField, isSameConfig, type NodeConfig } from './node-config.ts';
import { configOfNew, configureNode, createNode, dropNode, findNode, type PepNode, viewOf } from './nodes.ts';
import { itemsEvent, notify, showViews } from './notify.ts';
import { pubsubError } from './pubsub-error.ts';
import { specifiedNode } from './specified-node.ts';
import { dropSubscribers } from './subscriptions.ts';

/**
 * Publishes an item.
 * @param options preconditions for a node that exists, or the configuration of one that does not (§7.1.5)
 * @returns the id of the item: a view has its own
 * @throws {StanzaError}
 */
export async function publish(account: Account, name: string, item: PepItem, options: Submission): Promise<string> {
  checkItems([item]);
  const node = await nodeFor(account, name, options);
  const view = viewOf(account, node);
  if (view) await view.write(account, parseElement(item.payload));
  else await put(account, node, [], [item]);
  showViews(account, name);
  return view?.itemId ?? item.id;
}

/** Changes the items of a node because a view of it was written. The view itself is not shown. @throws {StanzaError} */
export async function change(
  account: Account,
  name: string,
  gone: readonly string[],
  changed: readonly PepItem[],
): Promise<void> {
  checkItems(changed);
  const node = await nodeFor(account, name, emptySubmission);
  await put(account, node, gone, changed);
}

async function put(account: Account, node: PepNode, gone: readonly string[], items: readonly PepItem[]): Promise<void> {
  if (node.config.isPersistent) await putItems(account, node, items, gone);
  await tellRetracted(account, node, gone);
  await notify(account, node, ...items.map((item) => itemsEvent(node, item)));
  await tellChanged(account, node, items);
}

async function tellChanged(account: Account, { name }: PepNode, published: readonly PepItem[] = []): Promise<void> {
  await specifiedNode(account.turn.dependencies.features, name)?.changed?.(account, published);
}

async function nodeFor(account: Account, name: string, options: Submission): Promise<PepNode> {
  const found = await findNode(account, name);
  if (!found) {
    const { node, isNew } = await createNode(account, name, applyOptions(options, configOfNew(account, name)));
    if (isNew) return node;
    return met(node, options); // another resource made the node first
  }
  return met(found, options);
}

/** Returns the node if it meets the preconditions. @throws {StanzaError} */
function met(node: PepNode, options: Submission): PepNode {
  for (const [name, field] of options) {
    if (!isSameConfig(applyOptions(new Map([[name, field]]), node.config), node.config)) throw notMet(name);
  }
  return node;
}

/** §7.1.5: a field that is unknown, or has an impossible value, is a precondition that is not met. */
function applyOptions(options: Submission, config: NodeConfig): NodeConfig {
  let applied = config;
  for (const [name, field] of options) {
    if (!isKnownField(name)) throw notMet(name);
    try {
      applied = applyForm(new Map([[name, field]]), applied);
    } catch (error) {
      throw error instanceof StanzaError ? notMet(name) : error;
    }
  }
  return applied;
}

function notMet(field: string): StanzaError {
  return pubsubError('conflict', 'precondition-not-met', {
    text: `the node does not meet the precondition ${JSON.stringify(field)}`,
  });
}

/** §7.2. @throws {StanzaError} item-not-found */
export async function retract(account: Account, node: PepNode, ids: readonly string[], isNotified: boolean): Promise<void> {
  const view = viewOf(account, node);
  const removed = view ? ids.filter((id) => id === view.itemId) : await removeItems(account, node, ids);
  if (removed.length === 0) throw new StanzaError('item-not-found', 'there is no such item');
  if (view) await view.write(account, undefined);
  else showViews(account, node.name);
  if (isNotified || node.config.notifyRetract) await tellRetracted(account, node, removed);
  await tellChanged(account, node);
}

/**
 * Sends one message per item. COMPAT: nbxmpp 4.2 (Gajim) reads only the first retraction in a message. Remove this when it reads
 * all.
 */
async function tellRetracted(account: Account, node: PepNode, ids: readonly string[]): Promise<void> {
  await notify(account, node, ...ids.map((id) => xml('items', { node: node.name }, xml('retract', { id }))));
}

/** §8.4. */
export async function deleteNode(account: Account, node: PepNode): Promise<void> {
  for (const dropped of await dropNode(account, node)) {
    await purgeItems(account, dropped);
    if (dropped.config.notifyDelete) await notify(account, dropped, xml('delete', { node: dropped.name }));
    dropSubscribers(account, dropped);
    await tellChanged(account, dropped);
  }
}

/** §8.5. */
export async function purge(account: Account, node: PepNode): Promise<void> {
  const view = viewOf(account, node);
  if (view) await view.write(account, undefined);
  else if (await purgeItems(account, node)) showViews(account, node.name);
  if (node.config.notifyRetract) await notify(account, node, xml('purge', { node: node.name }));
  await tellChanged(account, node);
}

/** §8.2.4. If the node keeps fewer items now, the oldest ones are removed. */
export async function configure(account: Account, node: PepNode, config: NodeConfig): Promise<void> {
  await configureNode(account, node, config);
  if (await purgeItems(account, node, config.isPersistent ? config.itemsMax : 0)) showViews(account, node.name);
  if (config.notifyConfig) await notify(account, { ...node, config }, xml('configuration', { node: node.name }));
  await tellChanged(account, node);
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
