/** XEP-0413: the order in which items of a node (pep/read-items.ts) and messages of an archive (lib/runtime/archive-page.ts) are read. */
import { NS_MAM } from '../../../lib/runtime/archive-page.ts';
import { orderFeatures } from '../../../lib/xmpp/order-by.ts';
import type { AccountFeature } from '../core/feature.ts';
import { pubsubNs } from '../pep/pubsub-error.ts';

const items = orderFeatures(pubsubNs);

export const orderBy: AccountFeature = {
  spec: 'XEP-0413',
  version: '0.2.1',
  title: 'Order-By, of items of accounts and of pubsub services, and of archives',
  note: 'Items that were published in the same millisecond keep the order of their publication, whatever a second order says. Messages are not published again: both orders of an archive are the same.',
  disco: { account: [...new Set([...items, ...orderFeatures(NS_MAM)])], pubsub: items },
};
