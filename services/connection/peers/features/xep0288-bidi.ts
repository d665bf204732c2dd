/**
 * XEP-0288 on streams of other servers: it is not offered, because what leaves is written by the owner of its pair alone
 * (docs/decisions/0017-both-ways-on-our-streams-alone.md). A peer that asks for it all the same may send as before, and nothing comes back:
 * ejabberd before 26.07 asks late, or by the namespace of the feature, and its stream need not end for that.
 */
import type { PeerFeature } from '../peer-feature.ts';

const nothing = () => undefined;

export const bidi: PeerFeature = {
  requires: ['secure'],
  elements: [
    { ns: 'urn:xmpp:bidi', name: 'bidi', handle: nothing },
    { ns: 'urn:xmpp:features:bidi', name: 'bidi', handle: nothing },
  ],
};
