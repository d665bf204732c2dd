/**
 * XEP-0503: Server-side spaces. A space is a node of the pubsub service, whose items are bookmarks of rooms, subscriptions of nodes, or anything
 * else. Its `pubsub#type` says so, and then it is configured as §3 wants it. Rooms name their space themselves (muc/features).
 */
import type { AccountFeature } from '../core/feature.ts';
import { itemsMaxOf } from '../pep/node-config.ts';

const NS_SPACES = 'urn:xmpp:spaces:0';

export const spaces: AccountFeature = {
  spec: 'XEP-0503',
  version: '0.3.0',
  title: 'Server-side spaces',
  note: 'A private space that people ask to be let into (`authorize`) is in the list of nodes; one with `whitelist` is not.',
  nodeTypes: [
    {
      type: NS_SPACES,
      defaults: (site) => ({
        notifyRetract: true,
        isPersistent: true,
        notifySub: true,
        notifyConfig: true,
        notifyDelete: true,
        itemsMax: itemsMaxOf(site),
      }),
      possible: { notifyRetract: [true], isPersistent: [true], access: ['open', 'authorize', 'whitelist'] },
    },
  ],
};
