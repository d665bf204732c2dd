/** Addresses that are being removed: accounts by their bare JID, or all of a domain with its services. */
import { Jid } from '../xmpp/jid.ts';
import { runtimeLimits } from './limits.ts';

export class GoneAddresses {
  /** Bare JIDs, and domains. */
  readonly names: readonly string[];
  readonly #names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.names = names;
    this.#names = new Set(names);
  }

  /** Is it one of them, with or without a resource? */
  has(jid: Jid): boolean {
    return this.#names.has(jid.domain) || this.#names.has(jid.bare.toString());
  }

  /** The same of an address that is text. */
  hasText(jid: string): boolean {
    return this.has(Jid.parse(jid));
  }

  /** To be looked up one by one; undefined when what is kept about addresses is better read through. */
  get few(): readonly Jid[] | undefined {
    if (this.names.length > runtimeLimits.goneLookedUpMax) return undefined;
    const jids = this.names.map((name) => Jid.parse(name));
    return jids.every(({ local }) => local !== '') ? jids : undefined;
  }
}
