/**
 * XEP-0478: what a stream bears is announced with its features, before it bites: little before SASL has succeeded, more behind it.
 *
 * An element beyond `max-bytes` ends the stream with `policy-violation` (RFC 6120 §13.12). Before SASL `idle-seconds` is all the time
 * that there is for signing in. Behind it a silent stream is only looked at, with white space or a ping, and never ended for its silence;
 * but the resource must be bound within that time. Nothing is announced before STARTTLS, where RFC 6120 §5.3.1 wants no other feature.
 */
import { limits } from '../../../lib/limits.ts';
import { openBounds, preauthBounds } from '../../../lib/xmpp/scanner.ts';

const NS = 'urn:xmpp:stream-limits:0';

const announced = {
  preauth: announcement(preauthBounds.stanzaBytesMax, limits.preauthTimeoutMs),
  open: announcement(openBounds.stanzaBytesMax, limits.bindTimeoutMs),
} as const;

function announcement(maxBytes: number, idleMs: number): string {
  const idleSeconds = Math.floor(idleMs / 1_000);
  return `<limits xmlns='${NS}'><max-bytes>${maxBytes}</max-bytes><idle-seconds>${idleSeconds}</idle-seconds></limits>`;
}

/** A feature of the stream that is about to begin. */
export function announceLimits(stage: keyof typeof announced): string {
  return announced[stage];
}
