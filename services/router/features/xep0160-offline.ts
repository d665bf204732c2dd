/**
 * XEP-0160: Best Practices for Handling Offline Messages, and XEP-0203: Delayed Delivery.
 *
 * The archive is the queue: services/router/archive/cursor.ts delivers what stands behind the account's cursor, each message stamped with
 * `delay`, when a resource of non-negative priority becomes available. Nothing is stored twice and nothing is ever full.
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
  note: 'Delays in our name that somebody else wrote are stripped (core/amend.ts).',
};
