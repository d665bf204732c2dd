/**
 * Keys of Server Dialback (XEP-0220), made as XEP-0185 says: from a secret that all processes of a deployment have, the two domains and the
 * stream, so that any process can tell whether a key is one of ours.
 */
import { createHash, createHmac } from 'node:crypto';
import { isSameSecret } from '../runtime/secrets.ts';

export interface DialbackAttempt {
  /** The domain that is asked to believe the key: `to` of `<db:result/>`. */
  readonly receiving: string;
  /** The domain that the key vouches for: `from` of `<db:result/>`. */
  readonly originating: string;
  /** The id of the stream, as the receiving server has given it. */
  readonly streamId: string;
}

/** XEP-0185 §4. @returns hex, 64 characters */
export function dialbackKey(secret: string, { receiving, originating, streamId }: DialbackAttempt): string {
  const key = createHash('sha256').update(secret).digest('hex');
  return createHmac('sha256', key).update(`${receiving} ${originating} ${streamId}`).digest('hex');
}

/** Takes as long for a wrong key as for the right one. */
export function isDialbackKey(secret: string, attempt: DialbackAttempt, key: string): boolean {
  return isSameSecret(dialbackKey(secret, attempt), key);
}
