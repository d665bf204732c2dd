/** Removes what a node that was deleted has left. A later node of its name has other keys. */

import { itemCollections } from '../pep/items.ts';
import type { PepNode } from '../pep/nodes.ts';
import type { ServiceNode } from '../pep/service-node.ts';
import { pendingRows, subscriberRows } from '../pep/subscriptions.ts';

export async function eraseNode({ rows }: ServiceNode, { key }: Pick<PepNode, 'key'>): Promise<void> {
  for (const collection of [...itemCollections, subscriberRows, pendingRows]) {
    await rows.deleteMany(collection, [key]);
    await rows.deleteAll<unknown>(collection, { after: `${key}/`, before: `${key}0` }); // `0` follows `/`
  }
}
