/**
 * A secret of each tenant, in a row that is sealed: made by the first process that needs it, and erased with the tenant.
 *
 * A process remembers a secret for a while. What does not fit it can be compared with the row, because a tenant may have been
 * removed and added again.
 */
import type { Clock } from '../ports/clock.ts';
import { type Keys, NotOpened } from '../ports/keys.ts';
import { Conflict, type Store, Unavailable } from '../ports/store.ts';
import type { Collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import type { Item, Rows } from './rows.ts';
import { secretBytes } from './secrets.ts';

export interface SealedSecret {
  readonly sealed: string;
}

export interface SealedSecretsOptions {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
  /** Where the row of a tenant stands. */
  readonly rowsOf: (store: Store, domain: string) => Rows;
  readonly collection: Collection<SealedSecret>;
  /** The sealing context. It must differ from that of every other secret of the domain. */
  readonly contextOf: (domain: string) => string;
}

interface Known {
  readonly secret: Promise<string | undefined>;
  /** On the monotonic clock. */
  readonly sinceMs: number;
}

export class SealedSecrets {
  readonly #options: SealedSecretsOptions;
  readonly #known = new Map<string, Known>();
  readonly #making = new Map<string, Promise<string>>();

  constructor(options: SealedSecretsOptions) {
    this.#options = options;
  }

  /** The secret, which is made if there is none. Base64. @throws {Unavailable} */
  async getOrMake(domain: string): Promise<string> {
    return (await this.find(domain)) ?? (await this.#make(domain));
  }

  /** @returns undefined when nobody has made one. @throws {Unavailable} */
  find(domain: string, notOlderThanMs: number = runtimeLimits.sealedSecretMs): Promise<string | undefined> {
    const known = this.#known.get(domain);
    if (known !== undefined && this.#options.clock.monotonic() - known.sinceMs < notOlderThanMs) return known.secret;
    return this.#remember(domain, this.#read(domain));
  }

  /** One process makes it, however many ask for it at once. */
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
    if (this.#known.size > runtimeLimits.sealedSecretsMax) this.#known.delete(this.#known.keys().next().value!);
    secret.catch(() => {
      if (this.#known.get(domain)?.secret === secret) this.#known.delete(domain);
    });
    return secret;
  }

  async #read(domain: string): Promise<string | undefined> {
    const { store, rowsOf, collection } = this.#options;
    const found = await rowsOf(store, domain).get(collection);
    return found && this.#open(found, domain);
  }

  /** @throws {Unavailable} */
  async #write(domain: string): Promise<string> {
    const { store, keys, clock, rowsOf, collection, contextOf } = this.#options;
    const rows = rowsOf(store, domain);
    for (let tries = 0; tries < runtimeLimits.sealedSecretTriesMax; tries++) {
      const found = await rows.get(collection);
      const opened = found && (await this.#open(found, domain));
      if (opened !== undefined) return opened;
      const made = clock.randomBytes(secretBytes).toString('base64');
      const sealed = await keys.seal(Buffer.from(made), contextOf(domain));
      try {
        await rows.put(collection, '', { sealed }, found === undefined ? 'absent' : { version: found.version });
        return made;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error; // another process was faster, and its secret counts
      }
    }
    throw new Unavailable(`the secret '${contextOf(domain)}' changed under us`);
  }

  /** @returns undefined when it was sealed with a key that this deployment does not have any more: then a new secret is made */
  async #open({ value }: Item<SealedSecret>, domain: string): Promise<string | undefined> {
    try {
      return (await this.#options.keys.open(value.sealed, this.#options.contextOf(domain))).toString();
    } catch (error) {
      if (error instanceof NotOpened) return undefined;
      throw error;
    }
  }
}
