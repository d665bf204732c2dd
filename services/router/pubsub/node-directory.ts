/** The nodes of a pubsub service, as the tenant's directory lists them: by it whoever looks for nodes finds them, and so does erasure. */
import { directoryOf, type ListedNode, listRows, nodeNames } from '../../../lib/runtime/directory.ts';
import type { Item, ListOptions } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { PepNode } from '../pep/nodes.ts';

type Store = Pick<Dependencies, 'store'>;

/** Writes what the list says of a node, at once. */
export async function listNode({ store }: Store, { domain }: Tenant, node: PepNode): Promise<void> {
  const { name, key, madeAt = 0, config } = node;
  const next: ListedNode = {
    createdAt: new Date(madeAt).toISOString(),
    key,
    title: config.title,
    type: config.type,
    isPrivate: config.access === 'whitelist',
  };
  await update(directoryOf(store, domain, name), nodeNames, name, (there) => (isSame(there, next) ? there : next));
}

function isSame(one: ListedNode | undefined, other: ListedNode): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Takes a node off the list, unless another one of its name has taken its place. */
export async function unlistNode(
  { store }: Store,
  { domain }: Tenant,
  { name, key }: Pick<PepNode, 'name' | 'key'>,
): Promise<void> {
  await update(directoryOf(store, domain, name), nodeNames, name, (there) => (there?.key === key ? undefined : there));
}

/** A page of the list, in the order of the names. */
export function listedNodes({ store }: Store, { domain }: Tenant, options: ListOptions): Promise<Item<ListedNode>[]> {
  return listRows(store, domain, nodeNames, options);
}
