/**
 * XEP-0478: announces the bounds of a stream with its features, before a client meets them. They are small until SASL has
 * succeeded, and larger after it.
 *
 * An element beyond `max-bytes` ends the stream with `policy-violation` (RFC 6120 §13.12). Before SASL, `idle-seconds` is the
 * time for signing in. After it, a silent stream is only probed, with white space or a ping, and never ended for its silence; but
 * the resource must be bound within that time. Nothing is announced before STARTTLS, where RFC 6120 §5.3.1 allows no other
 * feature.
 */
import { openBounds, preauthBounds } from '../../../lib/xmpp/scanner.ts';
import type { StreamFeature } from '../core/stream-feature.ts';
import { connectionLimits } from '../limits.ts';

const NS = 'urn:xmpp:stream-limits:0';

const beforeSignIn = announcement(preauthBounds.stanzaBytesMax, connectionLimits.preauthTimeoutMs);
const signedIn = announcement(openBounds.stanzaBytesMax, connectionLimits.bindTimeoutMs);

export const streamLimits: StreamFeature = {
  specs: [
    {
      spec: 'XEP-0478',
      version: '0.2.0',
      title: 'Stream Limits Advertisement',
      note: 'Behind STARTTLS, before and after SASL. An element beyond `max-bytes` ends the stream with `policy-violation`.',
    },
  ],
  requires: ['secure'],
  advertise: (stream) => (stream.has('signedIn') ? signedIn : beforeSignIn),
};

function announcement(maxBytes: number, idleMs: number): string {
  const idleSeconds = Math.floor(idleMs / 1_000);
  return `<limits xmlns='${NS}'><max-bytes>${maxBytes}</max-bytes><idle-seconds>${idleSeconds}</idle-seconds></limits>`;
}
