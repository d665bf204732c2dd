/**
 * XEP-0115: Entity Capabilities of the server: the stream features contain the hash of the domain's disco#info (§6.3). Requests
 * for its node are answered by xep0030-disco.ts. The capabilities of clients are passed on with their presence.
 */
import type { AccountFeature } from '../core/feature.ts';

export const caps: AccountFeature = {
  spec: 'XEP-0115',
  version: '1.6.0',
  title: 'Entity Capabilities',
  disco: { host: ['http://jabber.org/protocol/caps'] },
};
