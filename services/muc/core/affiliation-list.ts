/**
 * Who belongs to a room (XEP-0045 §5.2), by bare JID or domain. Whenever somebody enters, the room looks up who has reserved a
 * nick (§7.10), and whenever the list changes, how many owners there are (§10.4). Neither may take longer the more people there
 * are.
 */
import type { Affiliation } from './affiliation.ts';
import { nickKey } from './nick-key.ts';

export interface Affiliated {
  /** Bare JID or domain. */
  readonly jid: string;
  readonly affiliation: Affiliation;
  /** §7.10: reserved for this JID. */
  readonly nick?: string | undefined;
  /**
   * §7.10: it became a member by registering, and ceases to be one by ending that. Nobody else has changed its affiliation since.
   */
  readonly isRegistered?: true | undefined;
  /** §9.2: why it was banned. */
  readonly reason?: string | undefined;
}

/** All keys. The keys that features add (row-part.ts) must be different ones. */
export const affiliatedKeys: Readonly<Record<keyof Affiliated, true>> = {
  jid: true,
  affiliation: true,
  nick: true,
  isRegistered: true,
  reason: true,
};

export class AffiliationList extends Map<string, Affiliated> {
  /** JIDs by the key of the nick that they have reserved. Rows of older versions may give one nick to several. */
  readonly #reserved = new Map<string, Set<string>>();
  #owners = 0;

  get ownerCount(): number {
    return this.#owners;
  }

  /** @returns the JID that has reserved the nick first */
  reservedFor(nick: string): string | undefined {
    const key = nickKey(nick);
    return key === undefined ? undefined : this.#reserved.get(key)?.values().next().value;
  }

  override set(jid: string, affiliated: Affiliated): this {
    const before = this.get(jid);
    this.#count(before, -1);
    this.#count(affiliated, 1);
    if (before?.nick !== affiliated.nick) {
      this.#release(jid, before?.nick);
      this.#reserve(jid, affiliated.nick);
    }
    return super.set(jid, affiliated);
  }

  override delete(jid: string): boolean {
    const before = this.get(jid);
    this.#count(before, -1);
    this.#release(jid, before?.nick);
    return super.delete(jid);
  }

  override clear(): void {
    this.#owners = 0;
    this.#reserved.clear();
    super.clear();
  }

  #count(affiliated: Affiliated | undefined, by: number): void {
    if (affiliated?.affiliation === 'owner') this.#owners += by;
  }

  #reserve(jid: string, nick: string | undefined): void {
    const key = nick === undefined ? undefined : nickKey(nick);
    if (key === undefined) return;
    const holders = this.#reserved.get(key);
    if (holders) holders.add(jid);
    else this.#reserved.set(key, new Set([jid]));
  }

  #release(jid: string, nick: string | undefined): void {
    const key = nick === undefined ? undefined : nickKey(nick);
    const holders = key === undefined ? undefined : this.#reserved.get(key);
    holders?.delete(jid);
    if (holders?.size === 0) this.#reserved.delete(key!);
  }
}
