/** Which addresses the accounts of a run have blocked, and when: from the question to the answer both may be true. */

export interface BlockSpan {
  readonly address: string;
  /** It was asked for. */
  readonly askedMs: number;
  /** It was confirmed: from here on until `endAskedMs` the address is blocked for sure. */
  sureMs?: number;
  /** It was asked to end. */
  endAskedMs?: number;
  /** Its end was confirmed. */
  endMs?: number;
}

export class BlockHistory {
  /** By account. */
  readonly #spans = new Map<string, BlockSpan[]>();

  begin(account: string, address: string, askedMs: number): BlockSpan {
    const span: BlockSpan = { address, askedMs };
    this.#spans.set(account, [...(this.#spans.get(account) ?? []), span]);
    return span;
  }

  /** Was one of these addresses blocked by the account all the time from the one moment to the other? */
  isSure(account: string, addresses: readonly string[], fromMs: number, toMs: number): boolean {
    return this.#of(account, addresses).some(({ sureMs, endAskedMs = Number.POSITIVE_INFINITY }) => {
      return sureMs !== undefined && sureMs <= fromMs && toMs <= endAskedMs;
    });
  }

  /** May one of these have been blocked then, or later? */
  isPossibleSince(account: string, addresses: readonly string[], ms: number): boolean {
    return this.#of(account, addresses).some(({ endMs = Number.POSITIVE_INFINITY }) => ms <= endMs);
  }

  /** When the blocking of one of these that began before the moment was over; undefined when there was none. */
  lastEnd(account: string, addresses: readonly string[], ms: number): number | undefined {
    const ends = this.#of(account, addresses).flatMap(({ askedMs, endMs = Number.POSITIVE_INFINITY }) => {
      return askedMs <= ms ? [endMs] : [];
    });
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  /** Spans of blocking that were confirmed, and how many of them have ended. */
  get counts(): { readonly sure: number; readonly ended: number } {
    const all = [...this.#spans.values()].flat();
    return {
      sure: all.filter(({ sureMs }) => sureMs !== undefined).length,
      ended: all.filter(({ sureMs, endMs }) => sureMs !== undefined && endMs !== undefined).length,
    };
  }

  #of(account: string, addresses: readonly string[]): readonly BlockSpan[] {
    return (this.#spans.get(account) ?? []).filter(({ address }) => addresses.includes(address));
  }
}

/** What an address is blocked by (XEP-0191 §6). */
export function blockersOf(jid: string): readonly string[] {
  const bare = jid.split('/')[0]!;
  return [jid, bare, bare.slice(bare.indexOf('@') + 1)];
}
