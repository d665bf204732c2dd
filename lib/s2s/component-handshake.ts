/** How a component proves that it knows its secret (XEP-0114 §3). SHA-1 is what the specification says. */
import { createHash } from 'node:crypto';
import { isSameSecret } from '../runtime/secrets.ts';

/** @param streamId from our header. @returns hex, 40 characters */
function componentDigest(streamId: string, secret: string): string {
  return createHash('sha1').update(`${streamId}${secret}`).digest('hex');
}

/** Takes as long for a wrong digest as for the right one. */
export function isComponentDigest(streamId: string, secret: string, digest: string): boolean {
  return isSameSecret(componentDigest(streamId, secret), digest.toLowerCase());
}
