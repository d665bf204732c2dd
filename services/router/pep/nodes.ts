/**
 * The nodes of an account: one row holds their names and configurations, so that the bound on their number holds and a resource
 * that comes costs one read per contact. Rows of items stand under a key that is minted with the node: a node's name may hold any
 * character, and one that is made anew never shows items of the one before. A view (specified-node.ts) has no rows of items.
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
  /** First part of its items' keys. */
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

/** For reads of several accounts at once. */
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

/** Of a node that is made without a word on it. */
export function configOfNew(account: Account, name: string): NodeConfig {
  return specifiedNode(account.turn.dependencies.features, name)?.config ?? defaultConfig;
}

/** At once. @returns the node, which somebody else may just have made with another configuration. @throws {StanzaError} */
export async function createNode(account: Account, name: string, config: NodeConfig): Promise<{ node: PepNode; isNew: boolean }> {
  if (Buffer.byteLength(name) > routerLimits.pepNodeNameBytesMax) {
    throw new StanzaError('not-acceptable', `the name of a node has at most ${routerLimits.pepNodeNameBytesMax} bytes`);
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
      throw new StanzaError('resource-constraint', `an account has at most ${routerLimits.pepNodesMax} nodes`);
    }
    return checked({ nodes: [...value.nodes, ...missing] });
  });
  const node = row!.nodes.find((other) => other.name === name)!;
  return { node, isNew: fresh.some(({ key }) => key === node.key) };
}

/** @throws {StanzaError} when others could see it, or it would not last */
function checkView(account: Account, { name, config }: Pick<PepNode, 'name' | 'config'>): void {
  if (!viewOf(account, { name }) || (config.access === 'whitelist' && config.isPersistent)) return;
  throw new StanzaError('not-acceptable', `${JSON.stringify(name)} is for the account alone, and lasts`);
}

/** At once; nothing happens when the node is gone. @throws {StanzaError} */
export async function configureNode(account: Account, { name, key }: PepNode, config: NodeConfig): Promise<void> {
  checkView(account, { name, config });
  await account.update(nodeRows, '', (value) => {
    const index = value?.nodes.findIndex((node) => node.key === key) ?? -1;
    if (!value || index < 0) return value;
    return checked({ nodes: value.nodes.with(index, { ...value.nodes[index]!, config }) });
  });
}

/** At once; their items are left to the caller. @returns the node, and those that go with it */
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
    throw new StanzaError('resource-constraint', 'the names and titles of the nodes take too much room');
  }
  return row;
}
