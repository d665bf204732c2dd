/** XEP-0462: PubSub Type Filtering: the list of nodes without those of other types (pubsub/type-filter.ts). */
import type { AccountFeature } from '../core/feature.ts';
import { filterNs } from '../pubsub/type-filter.ts';

export const typeFilter: AccountFeature = {
  spec: 'XEP-0462',
  version: '0.1.1',
  title: 'PubSub Type Filtering, at pubsub services',
  note: 'A page of the list (XEP-0059) has fewer nodes where some are filtered out.',
  disco: { pubsub: [filterNs] },
};
