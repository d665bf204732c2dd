/**
 * Keyed digests, for whatever is derived from an address and shown to others: without the key nobody can check a guess. And comparisons
 * that take as long for a wrong value as for the right one.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a new key is made of, bytes. */
export const secretBytes = 32;

/** @param secret base64 @param texts none has a NUL, as no address has. @returns base64url, 43 characters */
export function keyedDigest(secret: string, ...texts: readonly string[]): string {
  return createHmac('sha256', Buffer.from(secret, 'base64')).update(texts.join('\0')).digest('base64url');
}

export function isSameSecret(a: string | Buffer, b: string | Buffer): boolean {
  const [left, right] = [Buffer.from(a as string), Buffer.from(b as string)];
  return left.length === right.length && timingSafeEqual(left, right);
}
