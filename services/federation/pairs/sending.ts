/**
 * Sends what waits for a peer, and finds what is larger than the peer takes (XEP-0478 §4): that is not sent, because it would end the stream,
 * and the next one when it comes again. Where a peer does not say what it takes, the largest stanza that was on its way when it ended a stream
 * for a violation of its policy counts as too large.
 */
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { Carrier } from '../core/carrier.ts';
import { federationLimits } from '../limits.ts';
import { PeerRefusal } from '../streams/refusal.ts';
import { type Departing, stamped } from './departing.ts';
import type { Queue } from './queue.ts';

/**
 * Sends as much as may be under way.
 * @param confirmed stanzas of the stream that the peer has confirmed
 * @returns what the peer does not take
 */
export function sendWaiting(
  queue: Queue,
  stream: Carrier,
  confirmed: number,
  host: string,
  clock: DeploymentClock,
): readonly Departing[] {
  const late = clock.now() - federationLimits.delayStampMs;
  const bytesMax = stream.bytesMax ?? Number.POSITIVE_INFINITY;
  const tooLarge: Departing[] = [];
  for (const { entry, one } of queue.unsent()) {
    if (stream.sent - confirmed >= federationLimits.unconfirmedStanzasMax) break;
    const bytes = entry.at < late ? stamped(one.stanza, host, entry.at) : one.bytes;
    if (bytes.length > bytesMax) {
      tooLarge.push(one);
      continue;
    }
    const buffered = stream.send(bytes);
    one.place = stream.sent;
    if (buffered > federationLimits.unconfirmedBytesMax) break;
  }
  return tooLarge;
}

/** @returns the one that has probably ended the stream */
export function tooLargeAmong(unconfirmed: readonly Departing[], reason: Error): readonly Departing[] {
  if (!(reason instanceof PeerRefusal) || reason.condition !== 'policy-violation') return [];
  const largest = unconfirmed.reduce<Departing | undefined>(
    (most, one) => (one.bytes.length > (most?.bytes.length ?? federationLimits.takenBytesMin) ? one : most),
    undefined,
  );
  return largest === undefined ? [] : [largest];
}
