/**
 * The nodes of an account. One row holds their names and configurations, so that their number can be bounded, and a resource that
 * comes online costs one read per contact. The keys of a node's items begin with a key that is minted with the node, because a
 * name may contain any character, and because a node that is made again must not show the items of the old one. A view
 * (specified-node.ts) has no items of its own.
 */
import type { Row } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { defaultConfig, type NodeConfig } from './node-config.ts';
import { nodesTogether, specifiedNode, type View } from './specified-node.ts';

export interface PepNode {
  readonly name: string;
  /** The first part of the keys of its items. */
  readonly key: string;
  readonly config: NodeConfig;
}

interface NodesRow {
  readonly nodes: readonly PepNode[];
}

const nodeRows = collection<NodesRow>('pep', 'account');

export async function listNodes(account: Account): Promise<readonly PepNode[]> {
  return (await account.get(nodeRows))?.nodes ?? [];
}

/** The key of the row, for reads of several accounts at once. */
export function nodesRowKey(owner: Account) {
  return owner.rows.keyOf(nodeRows, '');
}

export function nodesInRow(row: Row | undefined): readonly PepNode[] {
  return row ? (JSON.parse(row.value) as NodesRow).nodes : [];
}

export async function findNode(account: Account, name: string): Promise<PepNode | undefined> {
  return (await listNodes(account)).find((node) => node.name === name);
}

export function viewOf(account: Account, { name }: { readonly name: string }): View | undefined {
  return specifiedNode(account.turn.dependencies.features, name)?.view;
}

/** The configuration of a node that is made without one. */
export function configOfNew(account: Account, name: string): NodeConfig {
  return specifiedNode(account.turn.dependencies.features, name)?.config ?? defaultConfig;
}

/**
 * Makes a node at once.
 * @returns the node; if another resource was faster, it may have another configuration.
 * @throws {StanzaError}
 */
export async function createNode(account: Account, name: string, config: NodeConfig): Promise<{ node: PepNode; isNew: boolean }> {
  if (Buffer.byteLength(name) > routerLimits.pepNodeNameBytesMax) {
    throw new StanzaError('not-acceptable', `the name of a node may have at most ${routerLimits.pepNodeNameBytesMax} bytes`);
  }
  checkView(account, { name, config });
  const { features, ids } = account.turn.dependencies;
  const fresh = nodesTogether(features, name).map((member): PepNode => {
    return { name: member, key: ids.mint(), config: member === name ? config : configOfNew(account, member) };
  });
  const row = await account.update(nodeRows, '', (value = { nodes: [] }) => {
    const missing = fresh.filter((one) => !value.nodes.some((node) => node.name === one.name));
    if (missing.length === 0) return value;
    if (value.nodes.length + missing.length > routerLimits.pepNodesMax) {
      throw new StanzaError('resource-constraint', `an account may have at most ${routerLimits.pepNodesMax} nodes`);
    }
    return checked({ nodes: [...value.nodes, ...missing] });
  });
  const node = row!.nodes.find((other) => other.name === name)!;
  return { node, isNew: fresh.some(({ key }) => key === node.key) };
}

/** @throws {StanzaError} if others could read the view, or if it were not persistent */
function checkView(account: Account, { name, config }: Pick<PepNode, 'name' | 'config'>): void {
  if (!viewOf(account, { name }) || (config.access === 'whitelist' && config.isPersistent)) return;
  throw new StanzaError('not-acceptable', `${JSON.stringify(name)} must be persistent, and only its owner may read it`);
}

/** Changes the configuration at once. Nothing happens if the node was deleted. @throws {StanzaError} */
export async function configureNode(account: Account, { name, key }: PepNode, config: NodeConfig): Promise<void> {
  checkView(account, { name, config });
  await account.update(nodeRows, '', (value) => {
    const index = value?.nodes.findIndex((node) => node.key === key) ?? -1;
    if (!value || index < 0) return value;
    return checked({ nodes: value.nodes.with(index, { ...value.nodes[index]!, config }) });
  });
}

/**
 * Deletes the node at once, with the nodes that belong to it. The caller deletes the items.
 * @returns all nodes that were deleted
 */
export async function dropNode(account: Account, { name, key }: PepNode): Promise<readonly PepNode[]> {
  const names = nodesTogether(account.turn.dependencies.features, name);
  let dropped: readonly PepNode[] = [];
  await account.update(nodeRows, '', (value) => {
    const isThere = value?.nodes.some((node) => node.key === key);
    dropped = isThere ? value!.nodes.filter((node) => names.includes(node.name)) : [];
    if (!value || dropped.length === 0) return value;
    const nodes = value.nodes.filter((node) => !dropped.includes(node));
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
