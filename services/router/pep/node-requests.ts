/** Requests about nodes: XEP-0060 §7.1, §7.2, §8.1 to §8.5. */
import { emptySubmission, findForm, isCancelled } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Account } from '../core/account.ts';
import { listContacts } from '../roster/roster.ts';
import { configForm, defaultForm } from './config-form.ts';
import { pubsubLimits } from './limits.ts';
import { applyTyped } from './node-types.ts';
import { configOfNew, type PepNode } from './nodes.ts';
import type { Place } from './place.ts';
import { configure, deleteNode, publishAt, purge, retract, standalone } from './publish.ts';
import { ownerNs, pubsubError, pubsubNs } from './pubsub-error.ts';
import { knownIds } from './read-items.ts';
import { formIn, nameOf, nodeOf, ownNodeOf } from './requests.ts';

const configType = `${pubsubNs}#node_config`;
const optionsType = `${pubsubNs}#publish-options`;

/** Publishes an item (§7.1). */
export async function publishItem(place: Place, request: Element, asked: Element): Promise<Element> {
  const name = nameOf(asked);
  const [item, ...more] = asked.getChildren('item', pubsubNs) as Element[];
  if (more.length > 0) throw pubsubError('not-allowed', 'max-items-exceeded', { text: 'publish one item at a time' });
  const [payload, ...others] = (item?.getChildElements() ?? []) as Element[];
  if (others.length > 0) throw pubsubError('bad-request', 'invalid-payload', { text: 'an item has one payload' });
  const id = (item?.attrs.id as string | undefined) || place.requestId;
  const publisher = place.asker.bare.equals(place.jid) ? undefined : place.asker.bare.toString();
  const published = item && { id, payload: payload ? standalone(payload) : '', publisher };
  const options = formIn(request.getChild('publish-options', pubsubNs) as Element | undefined, optionsType);
  const kept = await publishAt(place, name, published, options);
  return xml(
    'pubsub',
    { xmlns: pubsubNs },
    xml('publish', { node: name }, kept === undefined ? undefined : xml('item', { id: kept })),
  );
}

/** Retracts items (§7.2). */
export async function retractItems(place: Place, asked: Element): Promise<undefined> {
  const ids = knownIds(asked.getChildren('item', pubsubNs).map(({ attrs }) => attrs.id as string | undefined));
  const node = await retractedFrom(place, asked);
  if (ids.length === 0) throw pubsubError('bad-request', 'item-required');
  await retract(place, node, ids, readNotify(asked));
}

/** Whoever is nobody to an account is not told which nodes it has. */
function retractedFrom(place: Place, asked: Element): Promise<PepNode> {
  return nodeOf(place, asked).catch(async (error: unknown) => {
    if (place.site === 'account') await place.checkCreator();
    throw error;
  });
}

/** `xs:boolean`, false by default. @throws {StanzaError} bad-request */
function readNotify(asked: Element): boolean {
  const { notify = 'false' } = asked.attrs as { notify?: string };
  if (!/^(?:0|1|false|true)$/.test(notify))
    throw new StanzaError('bad-request', `notify must be true or false, not ${JSON.stringify(notify.slice(0, 64))}`);
  return notify === '1' || notify === 'true';
}

/** Makes a node (§8.1). */
export async function create(place: Place, request: Element, asked: Element): Promise<Element | undefined> {
  await place.checkCreator();
  const given = asked.attrs.node as string | undefined;
  const name = given || place.requestId;
  const form = request.getChild('configure', pubsubNs) as Element | undefined;
  if (form?.attrs.node !== undefined) throw new StanzaError('bad-request', 'the node is named in <create/> alone'); // §8.1.3
  const config = applyTyped(place, form ? formIn(form, configType) : emptySubmission, configOfNew(place.holder(name), name));
  const { isNew } = await place.create(name, config);
  if (!isNew) throw new StanzaError('conflict', 'the node exists already');
  return given ? undefined : xml('pubsub', { xmlns: pubsubNs }, xml('create', { node: name }));
}

/** §8.2.2. */
export async function showConfig(place: Place, asked: Element): Promise<Element> {
  const node = await ownNodeOf(place, asked);
  const holder = place.holder(node.name);
  const contacts = holder instanceof Account ? await listContacts(holder) : [];
  const groups = [...new Set(contacts.flatMap(({ item }) => item.groups ?? []))].sort();
  const form = configForm(place.site, node.config, configType, { groups });
  return xml('pubsub', { xmlns: ownerNs }, xml('configure', { node: node.name }, form));
}

/** §8.3. @throws {StanzaError} */
export async function showDefaults(place: Place, asked: Element): Promise<Element> {
  if (place.site === 'account') await place.checkCreator();
  const { type = 'leaf' } = asked.attrs as { type?: string };
  if (type !== 'leaf') throw pubsubError('feature-not-implemented', 'unsupported', { attributes: { feature: 'collections' } });
  return xml('pubsub', { xmlns: ownerNs }, xml('default', {}, defaultForm(place.site, configType)));
}

/** Configures a node (§8.2.4). A form of type `cancel` changes nothing (§8.2.5). */
export async function setConfig(place: Place, asked: Element): Promise<undefined> {
  const node = await ownNodeOf(place, asked);
  const form = findForm(asked);
  if (!form) throw new StanzaError('bad-request', 'a configuration must be a data form');
  if (isCancelled(form)) return;
  await configure(place, node, applyTyped(place, formIn(asked, configType), node.config));
}

/** §8.4. */
export async function deleteAsked(place: Place, asked: Element): Promise<undefined> {
  const node = await ownNodeOf(place, asked);
  const uri = asked.getChild('redirect', ownerNs)?.attrs.uri as string | undefined;
  if (uri !== undefined && uri.length > pubsubLimits.redirectCharactersMax)
    throw new StanzaError('bad-request', 'the URI is too long');
  await deleteNode(place, node, uri);
}

/** §8.5. */
export async function purgeAsked(place: Place, asked: Element): Promise<undefined> {
  await purge(place, await ownNodeOf(place, asked));
}
