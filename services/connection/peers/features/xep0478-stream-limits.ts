/** XEP-0478 on streams of other servers: what they may send is announced before it bites. */
import { openBounds, preauthBounds } from '../../../../lib/xmpp/scanner.ts';
import { connectionLimits } from '../../limits.ts';
import type { PeerFeature } from '../peer-feature.ts';

const NS = 'urn:xmpp:stream-limits:0';

export const streamLimits: PeerFeature = {
  specs: [
    { spec: 'XEP-0478', version: '0.2.0', title: 'Stream Limits Advertisement to other servers, and heeding what they say' },
  ],
  requires: ['secure'],
  advertise(stream) {
    const isProven = stream.has('proven');
    const { stanzaBytesMax } = isProven ? openBounds : preauthBounds;
    const { peerIdleMs, streamProofMs } = connectionLimits;
    const seconds = Math.floor((isProven ? peerIdleMs : streamProofMs) / 1_000);
    return `<limits xmlns='${NS}'><max-bytes>${stanzaBytesMax}</max-bytes><idle-seconds>${seconds}</idle-seconds></limits>`;
  },
};
