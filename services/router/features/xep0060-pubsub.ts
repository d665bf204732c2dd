/**
 * XEP-0060: Publish-Subscribe, as far as XEP-0163 requires it of an account. The bare JID is the service, and only the account
 * itself publishes. Subscriptions follow from presence, or somebody asks for one (pep/subscribe.ts). A whitelist contains only
 * the owner, because affiliations cannot be changed.
 *
 * Hostile: strangers read (pep/access.ts decides; blocked people never get this far), somebody writes to another person's node
 * (always refused), or an owner stores too much (nodes, names, ids and items are bounded in pep/nodes.ts and pep/items.ts).
 */
import { emptySubmission, findForm, isCancelled, readSubmission, type Submission } from '../../../lib/xmpp/data-form.ts';
import { type Element, verbatim, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { readRsm, writeRsm } from '../../../lib/xmpp/rsm.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { routerLimits } from '../limits.ts';
import { checkReader } from '../pep/access.ts';
import { listIds, readItems } from '../pep/items.ts';
import { applyForm, configForm, defaultConfig } from '../pep/node-config.ts';
import { configOfNew, createNode, findNode, listNodes, type PepNode } from '../pep/nodes.ts';
import { configure, deleteNode, publish, purge, retract, standalone } from '../pep/publish.ts';
import { ownerNs, pubsubError, pubsubNs, unsupported } from '../pep/pubsub-error.ts';
import { changeSubscribers, listSubscribers, listSubscriptions, subscribe, unsubscribe } from '../pep/subscribe.ts';
import { forgetSubscribers, subscriberRows } from '../pep/subscriptions.ts';
import { listContacts } from '../roster/roster.ts';

const configType = `${pubsubNs}#node_config`;
const optionsType = `${pubsubNs}#publish-options`;

export const pubsub: AccountFeature = {
  spec: 'XEP-0060',
  version: '1.28.0',
  title: 'Publish-Subscribe, for accounts',
  forgets: { collections: [subscriberRows], forget: forgetSubscribers },
  note: 'What XEP-0163 needs: affiliations can be read, not changed; no access model authorize, no options of subscriptions, no collections.',
  disco: {
    account: [
      pubsubNs,
      ...[
        'access-open',
        'access-presence',
        'access-roster',
        'access-whitelist',
        'auto-create',
        'auto-subscribe',
        'config-node',
        'config-node-max',
        'create-and-configure',
        'create-nodes',
        'delete-items',
        'delete-nodes',
        'filtered-notifications',
        'instant-nodes',
        'item-ids',
        'last-published',
        'manage-subscriptions',
        'multi-items',
        'persistent-items',
        'presence-notifications',
        'publish',
        'publish-options',
        'purge-nodes',
        'retract-items',
        'retrieve-affiliations',
        'retrieve-default',
        'retrieve-items',
        'retrieve-subscriptions',
        'rsm',
        'subscribe',
      ].map((name) => `${pubsubNs}#${name}`),
    ],
  },
  iq: (['self', 'account'] as const).flatMap((to) => [
    { type: 'get', ns: pubsubNs, name: 'pubsub', to, handle: read },
    { type: 'set', ns: pubsubNs, name: 'pubsub', to, handle: write },
    { type: 'get', ns: ownerNs, name: 'pubsub', to, handle: readAsOwner },
    { type: 'set', ns: ownerNs, name: 'pubsub', to, handle: writeAsOwner },
  ]),
};

async function read(request: Element, account: Account, iq: Stanza): Promise<Element> {
  const [asked] = request.getChildElements() as Element[];
  switch (asked?.getName()) {
    case 'items':
      return xml('pubsub', { xmlns: pubsubNs }, ...(await items(asked, request, account, iq)));
    case 'subscriptions':
      return listSubscriptions(account, iq.from ?? account.fullJid, asked);
    case 'affiliations':
      return listAffiliations(account, asked);
    case 'options':
      throw unsupported('subscription-options'); // §6.3.4.2
    default:
      throw new StanzaError('feature-not-implemented', 'unknown pubsub request');
  }
}

async function write(request: Element, account: Account, iq: Stanza): Promise<Element | undefined> {
  const [asked] = request.getChildElements() as Element[];
  const asker = iq.from ?? account.fullJid;
  switch (asked?.getName()) {
    case 'publish':
      return publishItem(asked, request, account);
    case 'retract':
      return retractItems(asked, account);
    case 'create':
      return create(asked, request, account);
    case 'subscribe':
      if (request.getChild('options', pubsubNs)) throw unsupported('subscription-options'); // §6.3.7
      return subscribe(account, asker, await nodeOf(asked, account), asked);
    case 'unsubscribe':
      return unsubscribe(account, asker, await nodeOf(asked, account), asked);
    case 'options':
      throw unsupported('subscription-options'); // §6.3.4.2
    default:
      throw new StanzaError('feature-not-implemented', 'unknown pubsub request');
  }
}

async function readAsOwner(request: Element, account: Account): Promise<Element> {
  checkOwner(account);
  const [asked] = request.getChildElements() as Element[];
  const name = asked?.getName();
  if (name === 'default') {
    return xml('pubsub', { xmlns: ownerNs }, xml('default', {}, configForm(defaultConfig, configType))); // §8.3
  }
  if (asked !== undefined && name === 'subscriptions') return listSubscribers(account, await nodeOf(asked, account));
  if (asked === undefined || name !== 'configure') throw unsupported('modify-affiliations');
  const node = await nodeOf(asked, account);
  const groups = new Set((await listContacts(account)).flatMap(({ item }) => item.groups ?? []));
  const form = configForm(node.config, configType, [...groups].sort());
  return xml('pubsub', { xmlns: ownerNs }, xml('configure', { node: node.name }, form));
}

async function writeAsOwner(request: Element, account: Account): Promise<undefined> {
  checkOwner(account);
  const [asked] = request.getChildElements() as Element[];
  switch (asked?.getName()) {
    case 'configure':
      return setConfig(asked, account);
    case 'delete':
      return deleteNode(account, await nodeOf(asked, account)) as Promise<undefined>;
    case 'purge':
      return purge(account, await nodeOf(asked, account)) as Promise<undefined>;
    case 'subscriptions':
      return changeSubscribers(account, await nodeOf(asked, account), asked);
    default:
      throw unsupported('modify-affiliations');
  }
}

/** Refuses everybody but the account's own sessions, before anything is read. */
function checkOwner(account: Account): void {
  if (!account.session) throw new StanzaError('forbidden', 'only the account itself may do that');
}

function nameOf(asked: Element): string {
  const name = asked.attrs.node as string | undefined;
  if (!name) throw pubsubError('bad-request', 'nodeid-required');
  return name;
}

async function nodeOf(asked: Element, account: Account): Promise<PepNode> {
  const node = await findNode(account, nameOf(asked));
  if (!node) throw new StanzaError('item-not-found', 'there is no such node');
  return node;
}

/** §5.7: the account is the owner of its nodes, and nobody else has an affiliation. */
async function listAffiliations(account: Account, asked: Element): Promise<Element> {
  const { node: name } = asked.attrs as { node?: string };
  const nodes = account.session ? await listNodes(account) : [];
  const owned = nodes
    .filter((node) => name === undefined || node.name === name)
    .map((node) => xml('affiliation', { node: node.name, affiliation: 'owner' }));
  return xml('pubsub', { xmlns: pubsubNs }, xml('affiliations', { node: name }, ...owned));
}

/** Reads items, newest first (§6.5). */
async function items(asked: Element, request: Element, account: Account, iq: Stanza): Promise<Element[]> {
  const node = await nodeOf(asked, account);
  await checkReader(account, iq.from ?? account.fullJid, node);
  const named = asked.getChildren('item', pubsubNs).map(({ attrs }) => attrs.id as string | undefined);
  const page = named.length > 0 ? { ids: known(named), set: undefined } : cutPage(asked, request, await listIds(account, node));
  const found = await readItems(account, node, page.ids);
  const children = found.map(({ id, payload }) => xml('item', { id }, verbatim(payload)));
  return [xml('items', { node: node.name }, ...children), ...(page.set ? [page.set] : [])];
}

function known(named: readonly (string | undefined)[]): string[] {
  if (named.length > routerLimits.pepItemsPerNodeMax) throw new StanzaError('policy-violation', 'too many items in one request');
  // An id that is too long cannot be the id of an item.
  return [...new Set(named)].filter(
    (id) => id !== undefined && id !== '' && Buffer.byteLength(id) <= routerLimits.pepItemIdBytesMax,
  ) as string[];
}

/** Picks the items of one page (§6.5.7, §6.5.8). */
function cutPage(
  asked: Element,
  request: Element,
  all: readonly string[],
): { ids: readonly string[]; set?: Element | undefined } {
  const max = asked.attrs.max_items as string | undefined;
  if (max !== undefined && !/^0*[1-9][0-9]{0,8}$/.test(max))
    throw new StanzaError('bad-request', `max_items must be a positive number, not ${JSON.stringify(max)}`);
  const ids = max === undefined ? all : all.slice(0, Number(max));
  if (!request.getChild('set', 'http://jabber.org/protocol/rsm')) return { ids };
  const rsm = readRsm(request);
  const place = (id: string) => {
    const index = ids.indexOf(id);
    if (index < 0) throw new StanzaError('item-not-found', 'the page begins at an item that does not exist');
    return index;
  };
  const start = rsm.after === undefined ? 0 : place(rsm.after) + 1;
  const end = rsm.before ? place(rsm.before) : ids.length;
  const within = ids.slice(start, end);
  const page = rsm.max === 0 ? [] : rsm.before === undefined ? within.slice(0, rsm.max) : within.slice(-rsm.max);
  return { ids: page, set: writeRsm(page[0], page.at(-1), ids.length) };
}

/** Reads a form. @returns an empty submission if there is no form. @throws {StanzaError} */
function formIn(wrapper: Element, formType: string): Submission {
  const form = findForm(wrapper);
  return form ? readSubmission(form, { formType }) : emptySubmission;
}

/** Publishes an item (§7.1). */
async function publishItem(asked: Element, request: Element, account: Account): Promise<Element> {
  checkOwner(account);
  const name = nameOf(asked);
  const [item, ...more] = asked.getChildren('item', pubsubNs) as Element[];
  if (!item) throw pubsubError('bad-request', 'item-required');
  if (more.length > 0) throw pubsubError('not-allowed', 'max-items-exceeded', { text: 'publish one item at a time' });
  const [payload, ...others] = item.getChildElements() as Element[];
  if (!payload) throw pubsubError('bad-request', 'payload-required');
  if (others.length > 0) throw pubsubError('bad-request', 'invalid-payload', { text: 'an item has one payload' });
  const id = (item.attrs.id as string | undefined) || account.turn.dependencies.ids.mint();
  const options = request.getChild('publish-options', pubsubNs) as Element | undefined;
  const published = { id, payload: standalone(payload) };
  const kept = await publish(account, name, published, options ? formIn(options, optionsType) : emptySubmission);
  return xml('pubsub', { xmlns: pubsubNs }, xml('publish', { node: name }, xml('item', { id: kept })));
}

/** Retracts items (§7.2). */
async function retractItems(asked: Element, account: Account): Promise<undefined> {
  checkOwner(account);
  const ids = known(asked.getChildren('item', pubsubNs).map(({ attrs }) => attrs.id as string | undefined));
  const node = await nodeOf(asked, account);
  if (ids.length === 0) throw pubsubError('bad-request', 'item-required');
  await retract(account, node, ids, readNotify(asked));
}

/** `xs:boolean`, false by default. @throws {StanzaError} bad-request */
function readNotify(asked: Element): boolean {
  const { notify = 'false' } = asked.attrs as { notify?: string };
  if (!/^(?:0|1|false|true)$/.test(notify))
    throw new StanzaError('bad-request', `notify must be true or false, not ${JSON.stringify(notify.slice(0, 64))}`);
  return notify === '1' || notify === 'true';
}

/** Creates a node (§8.1). */
async function create(asked: Element, request: Element, account: Account): Promise<Element | undefined> {
  checkOwner(account);
  const given = asked.attrs.node as string | undefined;
  const name = given || account.turn.dependencies.ids.mint();
  const form = request.getChild('configure', pubsubNs) as Element | undefined;
  const config = applyForm(form ? formIn(form, configType) : emptySubmission, configOfNew(account, name));
  const { isNew } = await createNode(account, name, config);
  if (!isNew) throw new StanzaError('conflict', 'the node exists already');
  return given ? undefined : xml('pubsub', { xmlns: pubsubNs }, xml('create', { node: name }));
}

/** Configures a node (§8.2.4). A form of type `cancel` changes nothing (§8.2.5). */
async function setConfig(asked: Element, account: Account): Promise<undefined> {
  const node = await nodeOf(asked, account);
  const form = findForm(asked);
  if (!form) throw new StanzaError('bad-request', 'a configuration must be a data form');
  if (isCancelled(form)) return;
  await configure(account, node, applyForm(formIn(asked, configType), node.config));
}
