/**
 * What carries the stanzas of a pair to its peer: a stream that we have opened (streams/outgoing.ts), or one that a component
 * has opened to us (streams/component-stream.ts).
 */
import { type Clock, sleep } from '../../../lib/ports/clock.ts';
import type { StreamError } from '../../../lib/xmpp/errors.ts';
import { federationLimits } from '../limits.ts';

/** Calls come from the carrier's own reading, never from within a call to the carrier. */
export interface CarrierEvents {
  /** XEP-0198: the peer has taken so many of the stanzas of this stream. */
  acked(count: number): void;
  /** XEP-0288: an answer to a ping has come on the stream itself. */
  ponged(id: string): void;
  /** Once. @param isAnswered the peer has answered our closing tag: it has read all that was sent */
  closed(reason: Error, isAnswered: boolean): void;
}

export interface Carrier {
  readonly streamId: string;
  /** Both sides have proved themselves by their certificates, and neither by dialback. */
  readonly isCertified: boolean;
  /** How the two sides have proved themselves, in words. */
  readonly proof: string;
  /** The peer confirms by XEP-0198. */
  readonly hasAcks: boolean;
  /** Stanzas that were sent, as XEP-0198 counts them. */
  readonly sent: number;
  /** XEP-0478: how large a stanza the peer takes; undefined where it does not say. */
  readonly bytesMax?: number | undefined;
  readonly isOpen: boolean;
  /** Nothing can come any more. */
  readonly isClosed: boolean;
  /** It goes on when this process stops: whoever owns the pair next uses it. */
  readonly outlivesOwner: boolean;
  /** When the peer last sent anything of its own, by the monotonic clock; undefined where peers do not. */
  readonly heardAtMs?: number | undefined;
  /** XEP-0288: when the peer last sent a stanza on it, by the monotonic clock; undefined where none may come. */
  readonly arrivedAtMs?: number | undefined;
  /** The peer may send on it, too (XEP-0288). */
  readonly isBidirectional?: boolean;
  /** @returns what was not taken yet, bytes */
  send(stanza: Buffer): number;
  requestAck(): void;
  ping(id: string): void;
  /** Sends what needs no answer. Absent where the peer is asked instead. */
  keepAlive?(): void;
  /** RFC 6120 §4.4: the peer answers when it has read everything before. */
  close(): void;
  /** Ends it with an error of ours, or without. */
  fail(error?: StreamError): void;
  destroy(why: string): void;
  /** This process has nothing to do with it any more. */
  leave(why: string): void;
  /** Reads until the stream is over. */
  run(events: CarrierEvents): Promise<void>;
}

/** Is it closed because nothing was said on it for long, either way? @param usedAtMs when we last did. @param now both monotonic */
export function isQuiet({ outlivesOwner, arrivedAtMs = 0 }: Carrier, usedAtMs: number, now: number): boolean {
  return !outlivesOwner && now - Math.max(usedAtMs, arrivedAtMs) > federationLimits.idleMs;
}

/** Resolves when nothing can come any more, when there is nothing to wait for, or after a while. */
export async function closing(carrier: Carrier, clock: Clock, isDone: () => boolean): Promise<void> {
  const untilMs = clock.monotonic() + federationLimits.closeMs;
  while (clock.monotonic() < untilMs && !carrier.isClosed && !isDone()) await sleep(clock, federationLimits.closePollMs);
}
