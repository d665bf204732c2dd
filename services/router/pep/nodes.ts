/**
 * The nodes of an account. One row holds their names and configurations, so that their number can be bounded, and a resource that
 * comes online costs one read per contact. The keys of a node's items begin with a key that is minted with the node, because a
 * name may contain any character, and because a node that is made again must not show the items of the old one. A view
 * (specified-node.ts) has no items of its own.
 *
 * A node of the tenant's pubsub service has the same rows in a partition of its own (service-node.ts).
 */
import { hash } from 'node:crypto';
import type { Row } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Account } from '../core/account.ts';
import type { RowHolder } from '../core/row-holder.ts';
import { routerLimits } from '../limits.ts';
import { defaultConfig, defaultsOf, isSameConfig, type NodeConfig, type Site } from './node-config.ts';
import { nodesTogether, type SpecifiedNode, specifiedNode, type View } from './specified-node.ts';

export interface PepNode {
  readonly name: string;
  /** The first part of the keys of its items. */
  readonly key: string;
  readonly config: NodeConfig;
  /** When it was made, ms since the epoch, and by whom; absent in rows of older versions. */
  readonly madeAt?: number;
  /** Bare JID. */
  readonly madeBy?: string;
  /** What people are to the node (affiliations.ts), by bare JID; an account is the owner of its nodes without being named here. */
  readonly affiliations?: Readonly<Record<string, string>> | undefined;
}

interface NodesRow {
  readonly nodes: readonly PepNode[];
}

export const nodeRows = collection<NodesRow>('pep', 'account', 'core', { grants: true, alsoOf: 'pubsub' });

export function siteOf(holder: RowHolder): Site {
  return holder instanceof Account ? 'account' : 'service';
}

export async function listNodes(holder: RowHolder): Promise<readonly PepNode[]> {
  return (await holder.get(nodeRows))?.nodes.map(complete) ?? [];
}

/** Rows of older versions lack what could not be configured then. */
function complete(node: PepNode): PepNode {
  return { ...node, config: { ...defaultConfig, ...node.config } };
}

/** The key of the row, for reads of several accounts at once. */
export function nodesRowKey(owner: Account) {
  return owner.rows.keyOf(nodeRows, '');
}

export function nodesInRow(row: Row | undefined): readonly PepNode[] {
  return row ? (JSON.parse(row.value) as NodesRow).nodes.map(complete) : [];
}

export async function findNode(holder: RowHolder, name: string): Promise<PepNode | undefined> {
  return (await listNodes(holder)).find((node) => node.name === name);
}

/** What a specification says of a node of this name. Names of nodes at a pubsub service mean nothing. */
export function specifiedAt(holder: RowHolder, name: string): SpecifiedNode | undefined {
  return siteOf(holder) === 'account' ? specifiedNode(holder.turn.dependencies.features, name) : undefined;
}

export function viewOf(holder: RowHolder, { name }: { readonly name: string }): View | undefined {
  return specifiedAt(holder, name)?.view;
}

/** The configuration of a node that is made without one. */
export function configOfNew(holder: RowHolder, name: string): NodeConfig {
  return specifiedAt(holder, name)?.config ?? defaultsOf[siteOf(holder)];
}

/** The names of nodes that are made and deleted with this one, which is among them. */
function together(holder: RowHolder, name: string): readonly string[] {
  return siteOf(holder) === 'account' ? nodesTogether(holder.turn.dependencies.features, name) : [name];
}

/** @throws {StanzaError} if the name is too long */
export function checkName(name: string): void {
  if (Buffer.byteLength(name) <= routerLimits.pepNodeNameBytesMax) return;
  throw new StanzaError('not-acceptable', `the name of a node may have at most ${routerLimits.pepNodeNameBytesMax} bytes`);
}

/** The key of a node that the request makes. It is the same when the request comes again. */
export function keyOfNew(requestId: string, name: string): string {
  return `${requestId}${hash('sha1', name, 'base64url').slice(0, 8)}`;
}

interface Making {
  /** Bare JID; at the service, it becomes the owner. */
  readonly madeBy?: string;
  /** The id of the request, as minted at ingress. */
  readonly requestId?: string;
}

/**
 * Makes a node at once. When the request comes again, the node is the same one, and new again.
 * @returns the node; if another resource was faster, it may have another configuration.
 * @throws {StanzaError}
 */
export async function createNode(
  holder: RowHolder,
  name: string,
  config: NodeConfig,
  { madeBy = holder.jid.toString(), requestId = holder.turn.by?.id ?? holder.turn.dependencies.ids.mint() }: Making = {},
): Promise<{ node: PepNode; isNew: boolean }> {
  checkName(name);
  checkView(holder, { name, config });
  const madeAt = holder.turn.dependencies.clock.timeOfDay();
  const owners = siteOf(holder) === 'service' ? { affiliations: { [madeBy]: 'owner' } } : {};
  const fresh = together(holder, name).map((member): PepNode => {
    const key = keyOfNew(requestId, member);
    return { name: member, key, config: member === name ? config : configOfNew(holder, member), madeAt, madeBy, ...owners };
  });
  const row = await holder.update(nodeRows, '', (value = { nodes: [] }) => {
    const missing = fresh.filter((one) => !value.nodes.some((node) => node.name === one.name));
    if (missing.length === 0) return value;
    if (value.nodes.length + missing.length > routerLimits.pepNodesMax) {
      throw new StanzaError('resource-constraint', `an account may have at most ${routerLimits.pepNodesMax} nodes`);
    }
    return checked({ nodes: [...value.nodes, ...missing] });
  });
  const node = row!.nodes.find((other) => other.name === name)!;
  return { node: complete(node), isNew: fresh.some(({ key }) => key === node.key) };
}

/** @throws {StanzaError} if others could read the view, or if it were not persistent */
function checkView(holder: RowHolder, { name, config }: Pick<PepNode, 'name' | 'config'>): void {
  if (!viewOf(holder, { name }) || (config.access === 'whitelist' && config.isPersistent)) return;
  throw new StanzaError('not-acceptable', `${JSON.stringify(name)} must be persistent, and only its owner may read it`);
}

/** Changes the configuration at once. Nothing happens if the node was deleted. @throws {StanzaError} */
export async function configureNode(holder: RowHolder, node: PepNode, config: NodeConfig): Promise<void> {
  checkView(holder, { name: node.name, config });
  await changeNode(holder, node, (there) => (isSameConfig(complete(there).config, config) ? there : { ...there, config }));
}

/** Changes what the row says of a node, at once. Nothing happens if it was deleted. @throws {StanzaError} */
export async function changeNode(holder: RowHolder, { key }: PepNode, change: (node: PepNode) => PepNode): Promise<void> {
  await changeNodes(holder, (node) => (node.key === key ? change(node) : node));
}

/** The same of all nodes. @param change returns the very same node where nothing is to be written */
export async function changeNodes(holder: RowHolder, change: (node: PepNode) => PepNode): Promise<void> {
  await holder.update(nodeRows, '', (value) => {
    if (!value) return value;
    const nodes = value.nodes.map(change);
    return nodes.every((node, index) => node === value.nodes[index]) ? value : checked({ nodes });
  });
}

/** The nodes that are deleted with this one, which is among them. */
export async function deletedWith(holder: RowHolder, { name }: PepNode): Promise<readonly PepNode[]> {
  const names = together(holder, name);
  return (await listNodes(holder)).filter((node) => names.includes(node.name));
}

/**
 * Deletes the node at once, with the nodes that belong to it. The caller deletes the items.
 * @returns all nodes that were deleted
 */
export async function dropNode(holder: RowHolder, { name, key }: PepNode): Promise<readonly PepNode[]> {
  const names = together(holder, name);
  let dropped: readonly PepNode[] = [];
  await holder.update(nodeRows, '', (value) => {
    const isThere = value?.nodes.some((node) => node.key === key);
    const gone = isThere ? value!.nodes.filter((node) => names.includes(node.name)) : [];
    dropped = gone.map(complete);
    if (!value || gone.length === 0) return value;
    const nodes = value.nodes.filter((node) => !gone.includes(node));
    return nodes.length === 0 ? undefined : { nodes };
  });
  return dropped;
}

function checked(row: NodesRow): NodesRow {
  if (Buffer.byteLength(JSON.stringify(row)) > routerLimits.pepRowBytesMax) {
    throw new StanzaError('resource-constraint', 'the names and configurations of all nodes together are too large');
  }
  return row;
}
