/**
 * XEP-0160: Best Practices for Handling Offline Messages, and XEP-0203: Delayed Delivery.
 *
 * The archive is the queue. When a resource with a non-negative priority becomes available, archive/cursor.ts delivers the
 * entries after the account's cursor, each stamped with `delay`. So no message is stored twice, and there is no separate store
 * that could be full.
 */
import type { AccountFeature } from '../core/feature.ts';

const delayNs = 'urn:xmpp:delay';

export const offline: AccountFeature = {
  spec: 'XEP-0160',
  version: '1.0.1',
  title: 'Best Practices for Handling Offline Messages',
  disco: { host: ['msgoffline'] },
};

export const delayedDelivery: AccountFeature = {
  spec: 'XEP-0203',
  version: '2.0',
  title: 'Delayed Delivery',
  disco: { host: [delayNs] },
  note: 'A delay that claims to be ours and was written by somebody else is stripped (core/amend.ts).',
};
