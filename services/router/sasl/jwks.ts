/**
 * Sets of public keys that tenants' systems publish (RFC 7517), by address. A set is kept for a while, and is got again when a token names a
 * key that is not in it, which anybody can make up: so not more often than every half minute.
 *
 * Hostile: an address of an inner network, a redirect to one, a document of 10 MB, one that comes slowly. The guard that dials looks at all of
 * these (services/federation/finding). What is too large or not a set leaves the one before in force, for a day.
 */
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../../lib/ports/clock.ts';
import { jwtLimits } from './limits.ts';

/** Gets a small document over HTTPS. @throws {Error} in words */
export type GetDocument = (url: URL, bytesMax: number) => Promise<string>;

declare module '../core/dependencies.ts' {
  interface Dependencies {
    /** Absent: only keys that stand in the policy itself are taken. */
    readonly jwks?: JwkSets | undefined;
  }
}

interface Kept {
  readonly keys: JWTVerifyGetKey | undefined;
  /** On the monotonic clock; of the last time that there was a set, and of the last try. */
  readonly gotMs: number;
  readonly triedMs: number;
}

export class JwkSets {
  readonly #get: GetDocument;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #kept = new Map<string, Kept>();
  readonly #getting = new Map<string, Promise<Kept>>();

  constructor(get: GetDocument, clock: Pick<Clock, 'monotonic'>) {
    this.#get = get;
    this.#clock = clock;
  }

  /** @param isUnknownKey a token names a key that the set of before does not have. @throws {Error} in words, when there is no set */
  async keysAt(url: URL, isUnknownKey = false): Promise<JWTVerifyGetKey> {
    const now = this.#clock.monotonic();
    const kept = this.#kept.get(url.href);
    const age = isUnknownKey ? jwtLimits.jwksPauseMs : jwtLimits.jwksKeepMs;
    const isOld = kept === undefined || now - (kept.keys === undefined || isUnknownKey ? kept.triedMs : kept.gotMs) >= age;
    const mayTry = kept === undefined || now - kept.triedMs >= jwtLimits.jwksPauseMs;
    const { keys, gotMs } = isOld && mayTry ? await this.#refresh(url, kept) : kept!;
    if (keys === undefined || now - gotMs > jwtLimits.jwksStaleMs) throw new Error(`there are no keys at ${url.host}`);
    return keys;
  }

  /** One request for all who ask meanwhile. */
  #refresh(url: URL, before: Kept | undefined): Promise<Kept> {
    const running = this.#getting.get(url.href);
    if (running !== undefined) return running;
    const getting = this.#read(url, before).finally(() => this.#getting.delete(url.href));
    this.#getting.set(url.href, getting);
    return getting;
  }

  async #read(url: URL, before: Kept | undefined): Promise<Kept> {
    const triedMs = this.#clock.monotonic();
    let next: Kept;
    try {
      next = { keys: keySet(await this.#get(url, jwtLimits.jwksBytesMax)), gotMs: triedMs, triedMs };
    } catch {
      next = { keys: before?.keys, gotMs: before?.gotMs ?? triedMs, triedMs };
    }
    this.#kept.delete(url.href);
    this.#kept.set(url.href, next);
    if (this.#kept.size > jwtLimits.jwksSetsMax) this.#kept.delete(this.#kept.keys().next().value!);
    return next;
  }
}

/** @throws {Error} when it is not a set of keys, or has too many of them */
export function keySet(text: string): JWTVerifyGetKey {
  const { keys } = JSON.parse(text) as JSONWebKeySet;
  if (!Array.isArray(keys) || keys.length > jwtLimits.jwksKeysMax) throw new Error('this is not a set of keys');
  return createLocalJWKSet({ keys: keys.filter(({ kty }) => kty !== 'oct') }); // a secret is never public
}
