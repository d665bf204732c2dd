/**
 * RFC 6121 §3: subscriptions, with pre-approval (§3.4). The stanzas are handled in presence/subscription.ts, by the tables of
 * Appendix A in roster/subscription-state.ts.
 */
import type { AccountFeature } from '../core/feature.ts';
import { cancelAllSubscriptions, forgetContacts } from '../presence/subscription.ts';
import { rosterItems } from '../roster/roster.ts';

export const subscription: AccountFeature = {
  spec: 'RFC 6121 §3',
  version: '2011',
  title: 'Instant Messaging and Presence: subscriptions with pre-approval',
  streamFeatures: ["<sub xmlns='urn:xmpp:features:pre-approval'/>"],
  removed: cancelAllSubscriptions,
  forgets: { collections: [rosterItems], forget: forgetContacts },
};
