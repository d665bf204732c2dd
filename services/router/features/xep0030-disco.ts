/**
 * XEP-0030: Service Discovery of the tenant's domain and of accounts. The answers are collected from the features.
 *
 * An account answers only itself and those who may see its presence (§8).
 *
 * DEVIATION: for an account that does not exist, §8 rule 2 requires an empty list of items, but RFC 6121 §8.5.1
 * `service-unavailable`. We answer the latter, and the same for accounts that do not answer the asker, so that nobody can tell
 * the two apart.
 */
import { hasPubsub, proxyDomain, pubsubDomain, roomsDomain, uploadsDomain } from '../../../lib/runtime/tenants.ts';
import { renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { capsNode, hostInfo } from '../core/disco-info.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import { readableNodes } from '../pep/access.ts';
import { inBounds } from '../pep/bounded-list.ts';
import { listIds } from '../pep/items.ts';
import { describeNode } from '../pep/node-info.ts';
import { listNodes, type PepNode } from '../pep/nodes.ts';
import { mayProbe } from '../roster/roster.ts';

const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';

export const disco: AccountFeature = {
  spec: 'XEP-0030',
  version: '2.5.0',
  title: 'Service Discovery',
  disco: {
    host: [INFO, ITEMS],
    account: [INFO, ITEMS],
    hostIdentity: [{ category: 'server', type: 'im', name: 'Skylark' }],
    accountIdentity: [{ category: 'account', type: 'registered' }],
  },
  hostIq: [
    { type: 'get', ns: INFO, name: 'query', forGuests: true, handle: describeHost },
    { type: 'get', ns: ITEMS, name: 'query', forGuests: true, handle: listHost },
  ],
  iq: [
    { type: 'get', ns: INFO, name: 'query', to: 'self', forGuests: true, handle: describeAccount },
    { type: 'get', ns: INFO, name: 'query', to: 'account', handle: describeAccount },
    { type: 'get', ns: ITEMS, name: 'query', to: 'self', forGuests: true, handle: listAccount },
    { type: 'get', ns: ITEMS, name: 'query', to: 'account', handle: listAccount },
  ],
};

async function describeHost(request: Element, host: HostContext): Promise<Element> {
  const { node } = request.attrs;
  const info = hostInfo(host.turn.dependencies.features.all, host.tenant);
  if (node && node !== capsNode(info)) return xml('query', { xmlns: INFO, node }, ...(await hostNode('info', node, host)));
  return xml(
    'query',
    { xmlns: INFO, node },
    ...info.identities.map((identity) => xml('identity', { ...identity })),
    ...info.features.map(feature),
    ...info.forms.map(renderForm),
  );
}

async function listHost(request: Element, host: HostContext): Promise<Element> {
  const { node } = request.attrs;
  if (node) return xml('query', { xmlns: ITEMS, node }, ...(await hostNode('items', node, host)));
  const { domain } = host.tenant;
  const items = [xml('item', { jid: roomsDomain(domain), name: 'Rooms' })];
  if (host.turn.dependencies.blobs) items.push(xml('item', { jid: uploadsDomain(domain), name: 'Files' }));
  if (host.turn.dependencies.proxy) items.push(xml('item', { jid: proxyDomain(domain), name: 'Proxy' }));
  const nodes = pubsubDomain(domain);
  if (hasPubsub(host.tenant) && (await host.turn.dependencies.tenants.place(nodes))?.service === 'pubsub')
    items.push(xml('item', { jid: nodes, name: 'Nodes' }));
  for (const component of host.tenant.components ?? []) items.push(xml('item', { jid: component.domain }));
  return xml('query', { xmlns: ITEMS }, ...items);
}

/** @throws {StanzaError} item-not-found */
async function hostNode(asked: 'info' | 'items', node: string, host: HostContext): Promise<readonly Element[]> {
  for (const hostNodes of host.turn.dependencies.features.of('hostNodes')) {
    const found = await hostNodes[asked](node, host);
    if (found !== undefined) return found;
  }
  throw new StanzaError('item-not-found', `there is no node '${node}'`);
}

async function describeAccount(request: Element, account: Account, iq: Stanza): Promise<Element> {
  await checkAccess(account, iq);
  const { node } = request.attrs as { node?: string };
  if (node) {
    return describeNode(account, await findReadable(node, account, iq));
  }
  const features = account.turn.dependencies.features.all;
  const identities = features.flatMap(({ disco: part }) => part?.accountIdentity ?? []);
  const vars = features.flatMap(({ disco: part }) => [...(part?.account ?? []), ...(part?.accountOf?.(account) ?? [])]);
  return xml(
    'query',
    { xmlns: INFO },
    ...identities.map((identity) => xml('identity', { ...identity })),
    ...[...new Set(vars)].sort().map(feature),
  );
}

/**
 * The items of an account are its PEP nodes (XEP-0163 §5), and those of a node are its items (XEP-0060 §5.5). Resources are not
 * listed (§8).
 */
async function listAccount(request: Element, account: Account, iq: Stanza): Promise<Element> {
  await checkAccess(account, iq);
  const { node } = request.attrs as { node?: string };
  const jid = account.jid.toString();
  if (node) {
    const ids = await listIds(account, await findReadable(node, account, iq));
    return xml('query', { xmlns: ITEMS, node }, ...inBounds(ids.map((id) => xml('item', { jid, name: id }))));
  }
  const nodes = await readableNodes(account, iq.from ?? account.fullJid, await listNodes(account));
  const item = ({ name, config }: PepNode) => xml('item', { jid, node: name, name: config.title || undefined });
  return xml('query', { xmlns: ITEMS }, ...inBounds(nodes.map(item)));
}

async function checkAccess(account: Account, iq: Stanza): Promise<void> {
  if (!account.session && !(await mayProbe(account, iq.from!))) throw new StanzaError('service-unavailable');
}

async function findReadable(name: string, account: Account, iq: Stanza): Promise<PepNode> {
  const nodes = await readableNodes(account, iq.from ?? account.fullJid, await listNodes(account));
  const node = nodes.find((other) => other.name === name);
  if (!node) throw new StanzaError('item-not-found', `there is no node '${name}'`);
  return node;
}

function feature(name: string): Element {
  return xml('feature', { var: name });
}
