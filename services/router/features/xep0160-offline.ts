/**
 * XEP-0160: Best Practices for Handling Offline Messages, and XEP-0203: Delayed Delivery.
 *
 * The archive is the queue: services/router/archive/cursor.ts delivers what stands behind the account's cursor, each message stamped with
 * `delay`, when a resource of non-negative priority becomes available. Nothing is stored twice and nothing is ever full.
 */
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { namesUs } from '../core/amend.ts';
import type { AccountFeature, Amendment } from '../core/feature.ts';

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
  outbound: { amend: stripForged },
  inbound: { amend: stripForged },
};

/**
 * XEP-0203 §6: nobody but us says that we delayed a message. A client may say so of itself: it sends what was written while it was
 * offline.
 */
function stripForged(stanza: Stanza, account: Account, amendment: Amendment): void {
  if (!stanza.hasChild('delay', delayNs)) return;
  const isOwn = stanza.from === undefined || stanza.from.bare.equals(account.jid);
  amendment.strip((child) => {
    if (child.name !== 'delay' || child.ns !== delayNs) return false;
    const from = stanza.elementOf(child).attrs.from ?? '';
    return namesUs(from, account) && !(isOwn && from.includes('@'));
  });
}
