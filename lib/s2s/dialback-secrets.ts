/**
 * The secret of each tenant that its dialback keys are made of: a row under the tenant, sealed, made by the first process that makes a key,
 * and erased with the tenant. A process that only checks keys makes none: without a secret no key is ours.
 *
 * A process remembers a secret for a while. A key that does not fit it is compared with the row, because a tenant may have been removed and
 * added again.
 */
import type { Clock } from '../ports/clock.ts';
import { type Keys, NotOpened } from '../ports/keys.ts';
import { Conflict, type Store, Unavailable } from '../ports/store.ts';
import { collection } from '../runtime/collection.ts';
import { type Item, Rows } from '../runtime/rows.ts';
import { secretBytes } from '../runtime/secrets.ts';
import { type DialbackAttempt, dialbackKey, isDialbackKey } from './dialback.ts';
import { s2sLimits } from './limits.ts';

interface SealedSecret {
  readonly sealed: string;
}

const secrets = collection<SealedSecret>('dialback', 'federation');

interface Known {
  readonly secret: Promise<string | undefined>;
  /** On the monotonic clock. */
  readonly sinceMs: number;
}

export interface DialbackSecretsOptions {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
}

export class DialbackSecrets {
  readonly #options: DialbackSecretsOptions;
  readonly #known = new Map<string, Known>();
  readonly #making = new Map<string, Promise<string>>();

  constructor(options: DialbackSecretsOptions) {
    this.#options = options;
  }

  /** The key with which we vouch for `originating`. @param tenant whose domain that is: its own, or its rooms'. @throws {Unavailable} */
  async keyOf(attempt: DialbackAttempt, tenant = attempt.originating): Promise<string> {
    const secret = (await this.#secretOf(tenant, s2sLimits.dialbackSecretMs)) ?? (await this.#make(tenant));
    return dialbackKey(secret, attempt);
  }

  /** Whether the key is one that we made for `originating`. @param tenant as in `keyOf`. @throws {Unavailable} */
  async isOurs(attempt: DialbackAttempt, key: string, tenant = attempt.originating): Promise<boolean> {
    for (const notOlderThanMs of [s2sLimits.dialbackSecretMs, s2sLimits.dialbackSecretAgainMs]) {
      const secret = await this.#secretOf(tenant, notOlderThanMs);
      if (secret !== undefined && isDialbackKey(secret, attempt, key)) return true;
    }
    return false;
  }

  #secretOf(domain: string, notOlderThanMs: number): Promise<string | undefined> {
    const known = this.#known.get(domain);
    if (known !== undefined && this.#options.clock.monotonic() - known.sinceMs < notOlderThanMs) return known.secret;
    return this.#remember(domain, this.#read(domain));
  }

  /** One process makes it, however many keys are wanted at once. */
  async #make(domain: string): Promise<string> {
    const running = this.#making.get(domain);
    if (running !== undefined) return running;
    const made = this.#write(domain).finally(() => this.#making.delete(domain));
    this.#making.set(domain, made);
    return this.#remember(domain, made);
  }

  #remember<Secret extends string | undefined>(domain: string, secret: Promise<Secret>): Promise<Secret> {
    this.#known.delete(domain);
    this.#known.set(domain, { secret, sinceMs: this.#options.clock.monotonic() });
    if (this.#known.size > s2sLimits.dialbackSecretsMax) this.#known.delete(this.#known.keys().next().value!);
    secret.catch(() => {
      if (this.#known.get(domain)?.secret === secret) this.#known.delete(domain);
    });
    return secret;
  }

  async #read(domain: string): Promise<string | undefined> {
    const found = await Rows.ofFederation(this.#options.store, domain).get(secrets);
    return found && this.#open(found, domain);
  }

  /** @throws {Unavailable} */
  async #write(domain: string): Promise<string> {
    const { store, keys, clock } = this.#options;
    const rows = Rows.ofFederation(store, domain);
    for (let tries = 0; tries < s2sLimits.dialbackSecretTriesMax; tries++) {
      const found = await rows.get(secrets);
      const opened = found && (await this.#open(found, domain));
      if (opened !== undefined) return opened;
      const made = clock.randomBytes(secretBytes).toString('base64');
      const sealed = await keys.seal(Buffer.from(made), contextOf(domain));
      try {
        await rows.put(secrets, '', { sealed }, found === undefined ? 'absent' : { version: found.version });
        return made;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error; // another process was faster, and its secret counts
      }
    }
    throw new Unavailable(`the dialback secret of ${domain} changed under us`);
  }

  /** @returns undefined when it was sealed with a key that this deployment has no more: then a new secret does as well */
  async #open({ value }: Item<SealedSecret>, domain: string): Promise<string | undefined> {
    try {
      return (await this.#options.keys.open(value.sealed, contextOf(domain))).toString();
    } catch (error) {
      if (error instanceof NotOpened) return undefined;
      throw error;
    }
  }
}

/** Not the domain alone: for that the keys of certificates are sealed. */
function contextOf(domain: string): string {
  return `dialback ${domain}`;
}
