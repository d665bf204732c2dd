/**
 * XEP-0115: Entity Capabilities, the server's side: the hash of the host's disco#info in the stream features (§6.3). The node is
 * answered by xep0030-disco.ts. Clients' caps pass through in presence.
 */
import type { AccountFeature } from '../core/feature.ts';

export const caps: AccountFeature = {
  spec: 'XEP-0115',
  version: '1.6.0',
  title: 'Entity Capabilities',
  disco: { host: ['http://jabber.org/protocol/caps'] },
};
