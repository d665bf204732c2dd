/**
 * XEP-0227 §4.11: nodes of PEP with their items. Nobody is notified of what is taken in: it is not news, and of ten thousand accounts it would
 * be a storm.
 */
import { readSubmission, type Submission } from '../../../lib/xmpp/data-form.ts';
import { type Element, parseElement, verbatim, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { checkPrivate, readPrivate, writePrivate } from '../accounts/private-xml.ts';
import type { Account } from '../core/account.ts';
import { parseStorage, readStorage, storageKey, storageNs, writeRooms } from '../features/xep0402-bookmarks.ts';
import { routerLimits } from '../limits.ts';
import { applyForm, configForm, isKnownField } from '../pep/config-form.ts';
import { checkItems, listIds, type PepItem, putItems, readItems } from '../pep/items.ts';
import type { NodeConfig } from '../pep/node-config.ts';
import { configOfNew, configureNode, createNode, findNode, listNodes, type PepNode, viewOf } from '../pep/nodes.ts';
import { standalone } from '../pep/publish.ts';
import { pubsubNs } from '../pep/pubsub-error.ts';
import type { Arrival } from './arrival.ts';

export const ownerNs = `${pubsubNs}#owner`;
const configType = `${pubsubNs}#node_config`;
const dataNs = 'jabber:x:data';

/** A node that is there keeps its configuration, unless the account is new. */
export async function takeConfiguration(arrival: Arrival, configure: Element): Promise<boolean> {
  const { account } = arrival;
  if (!configure.is('configure', ownerNs))
    throw new StanzaError('feature-not-implemented', 'only configurations of nodes are taken');
  const name = nameOf(configure);
  if (viewOf(account, { name })) return false;
  const there = await findNode(account, name);
  if (there && !arrival.isNew) return true;
  const form = configure.getChild('x', dataNs) as Element | undefined;
  const config = form ? configIn(arrival, name, form, there?.config ?? configOfNew(account, name)) : configOfNew(account, name);
  if (there) await configureNode(account, there, config);
  else await makeNode(account, name, config);
  return true;
}

function nameOf({ attrs }: Element): string {
  const name = attrs.node as string | undefined;
  if (!name) throw new StanzaError('bad-request', "it needs a 'node'");
  return name;
}

/** Values that we do not have are left out, and the node has what it has without them. */
function configIn(arrival: Arrival, name: string, form: Element, before: NodeConfig): NodeConfig {
  form.attrs.type = 'submit'; // §4.11.1 shows a form of type `form`
  let fields: Submission;
  try {
    fields = readSubmission(form, { formType: configType, isFormTypeOptional: true });
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    arrival.leaveOut(`configuration of ${name}`, error.text ?? error.condition);
    return before;
  }
  let config = before;
  for (const [field, value] of fields) {
    if (!isKnownField('account', field) || value.isEmpty) continue;
    try {
      config = applyForm('account', new Map([[field, value]]), config);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      // Some count as many items as they like.
      if (field === 'pubsub#max_items') config = { ...config, itemsMax: routerLimits.pepItemsPerNodeMax };
      else arrival.leaveOut(`configuration of ${name}`, error.text ?? error.condition);
    }
  }
  return config;
}

async function makeNode(account: Account, name: string, config: NodeConfig): Promise<PepNode> {
  return (await createNode(account, name, config, { requestId: account.turn.dependencies.ids.mint() })).node;
}

/** An item that is there already, by its id, stays as it is. @param name of the node */
export async function takeItems(arrival: Arrival, name: string, items: readonly Element[]): Promise<void> {
  const wanted: PepItem[] = [];
  for (const item of items) {
    await arrival.take('items', `item of ${name}`, async () => {
      if (name === storageNs) return takeBookmarks(arrival, payloadOf(item));
      const found = { id: String(item.attrs.id ?? ''), payload: standalone(payloadOf(item)) };
      if (found.id === '') throw new StanzaError('bad-request', 'it has no id');
      checkItems([found]);
      wanted.push(found);
      return true;
    });
  }
  if (wanted.length === 0) return;
  await publishQuietly(arrival, name, wanted);
}

function payloadOf(item: Element): Element {
  const [payload] = item.getChildElements() as Element[];
  if (item.getName() !== 'item' || !payload) throw new StanzaError('bad-request', 'it has no payload');
  return payload;
}

/** @param config of the node, if it has to be made */
export async function publishQuietly(
  arrival: Arrival,
  name: string,
  items: readonly PepItem[],
  config?: NodeConfig,
): Promise<void> {
  const { account } = arrival;
  const node = (await findNode(account, name)) ?? (await makeNode(account, name, config ?? configOfNew(account, name)));
  if (!node.config.isPersistent) return arrival.leaveOut(`items of ${name}`, 'the node keeps none');
  const there = new Set(
    (
      await readItems(
        account,
        node,
        items.map(({ id }) => id),
      )
    ).map(({ id }) => id),
  );
  const missing = items.filter(({ id }) => !there.has(id));
  try {
    if (missing.length > 0) await putItems(account, node, missing, []);
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    arrival.leaveOut(`items of ${name}`, error.text ?? error.condition);
  }
}

/** The older forms of bookmarks are taken in where the account has no others. */
export async function takeBookmarks({ account }: Arrival, storage: Element): Promise<boolean> {
  if ((await readStorage(account)).getChildElements().length > 0) return false;
  const { rooms, others } = parseStorage([storage]);
  const wanted = new Map([[storageKey, [others]]]);
  await checkPrivate(account, wanted);
  await writeRooms(account, rooms);
  if ((await readPrivate(account, storageKey)).length === 0) await writePrivate(account, wanted);
  return true;
}

/** Views are shown by what they show. */
export async function ownNodes(account: Account): Promise<readonly PepNode[]> {
  return (await listNodes(account)).filter((node) => viewOf(account, node) === undefined);
}

export function configurationElement({ name, config }: PepNode): Element {
  return xml('configure', { node: name }, configForm('account', config, configType, { type: 'result' }));
}

/** Oldest first, as they are published again. @param after the id of the last one; undefined: from the first on */
export async function itemsAfter(
  account: Account,
  node: PepNode,
  after: string | undefined,
  max: number,
): Promise<readonly { readonly id: string; readonly element: Element }[]> {
  const ids = (await listIds(account, node)).toReversed();
  const from = after === undefined ? 0 : ids.indexOf(after) + 1;
  if (after !== undefined && from === 0) return []; // it was retracted meanwhile: what comes next is not known
  const page = ids.slice(from, from + max);
  const found = new Map((await readItems(account, node, page)).map((item) => [item.id, item]));
  return page.map((id) => {
    const payload = found.get(id)?.payload;
    return { id, element: xml('item', { id }, payload ? verbatim(parseElement(payload).toString()) : undefined) };
  });
}
