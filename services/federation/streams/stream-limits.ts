/** XEP-0478 on streams to other servers: what a peer takes, and what we take of a peer that may send on our stream (§3.2). */
import { openBounds } from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { federationLimits } from '../limits.ts';

const NS_LIMITS = 'urn:xmpp:stream-limits:0';

/** For `<bidi/>`: how large a stanza may be that the peer sends. */
export const returningLimits = `<limits xmlns='${NS_LIMITS}'><max-bytes>${openBounds.stanzaBytesMax}</max-bytes></limits>`;

/**
 * How large a stanza the peer takes, bytes; undefined: it does not say. Less than RFC 6120 §13.12 allows for is not believed, because nothing
 * could be said to such a peer.
 */
export function takenBytes(features: Stanza): number | undefined {
  const text = features.child('limits', NS_LIMITS)?.getChildText('max-bytes', NS_LIMITS)?.trim() ?? '';
  return /^[0-9]{1,10}$/.test(text) ? Math.max(Number(text), federationLimits.takenBytesMin) : undefined;
}
