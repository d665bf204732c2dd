/**
 * The secret of each tenant that its dialback keys are made of: a sealed row under the tenant. A process that only checks keys makes
 * none: without a secret no key is ours.
 */
import type { Clock } from '../ports/clock.ts';
import type { Keys } from '../ports/keys.ts';
import type { Store } from '../ports/store.ts';
import { collection } from '../runtime/collection.ts';
import { runtimeLimits } from '../runtime/limits.ts';
import { Rows } from '../runtime/rows.ts';
import { type SealedSecret, SealedSecrets } from '../runtime/sealed-secrets.ts';
import { type DialbackAttempt, dialbackKey, isDialbackKey } from './dialback.ts';

const secrets = collection<SealedSecret>('dialback', 'federation');

export interface DialbackSecretsOptions {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
}

export class DialbackSecrets {
  readonly #secrets: SealedSecrets;

  constructor(options: DialbackSecretsOptions) {
    const contextOf = (domain: string) => `dialback ${domain}`; // for the domain alone the keys of certificates are sealed
    this.#secrets = new SealedSecrets({ ...options, rowsOf: Rows.ofFederation, collection: secrets, contextOf });
  }

  /** The key with which we vouch for `originating`. @param tenant whose domain that is: its own, or its rooms'. @throws {Unavailable} */
  async keyOf(attempt: DialbackAttempt, tenant = attempt.originating): Promise<string> {
    return dialbackKey(await this.#secrets.getOrMake(tenant), attempt);
  }

  /** Whether the key is one that we made for `originating`. @param tenant as in `keyOf`. @throws {Unavailable} */
  async isOurs(attempt: DialbackAttempt, key: string, tenant = attempt.originating): Promise<boolean> {
    for (const notOlderThanMs of [runtimeLimits.sealedSecretMs, runtimeLimits.sealedSecretAgainMs]) {
      const secret = await this.#secrets.find(tenant, notOlderThanMs);
      if (secret !== undefined && isDialbackKey(secret, attempt, key)) return true;
    }
    return false;
  }
}
