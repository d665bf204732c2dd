/** XEP-0413: the order in which items of a node are read (pep/read-items.ts). */
import type { AccountFeature } from '../core/feature.ts';
import { pubsubNs } from '../pep/pubsub-error.ts';
import { orderNs } from '../pep/read-items.ts';

const vars = [orderNs, `${orderNs}@${pubsubNs}`];

export const orderBy: AccountFeature = {
  spec: 'XEP-0413',
  version: '0.2.1',
  title: 'Order-By, of items of accounts and of pubsub services',
  note: 'Items that were published in the same millisecond keep the order of their publication, whatever a second order says; not for archives.',
  disco: { account: vars, pubsub: vars },
};
