/** What waits for one peer, in order: sent, confirmed, or to be sent again. */
import type { Departing, Entry } from './departing.ts';
import { replaces, showsOf } from './departing.ts';

/** The peer was asked whether it has the stanzas up to this place. */
export interface Asked {
  readonly place: number;
  readonly atMs: number;
  /** Absent: by XEP-0198. */
  readonly pingId?: string;
}

export class Queue {
  /** In the order in which they came. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** By the deployment's clock; undefined: nothing waits. */
  get oldestAt(): number | undefined {
    for (const { at } of this.#entries.values()) return at;
    return undefined;
  }

  /** The bare address of whoever has waited for the longest time; '' when nobody does. */
  get firstSender(): string {
    for (const { departing } of this.#entries.values()) for (const one of departing) return one.sender;
    return '';
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  add(entry: Entry): void {
    this.#entries.set(entry.key, entry);
    this.#bytes += entry.bytes;
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** Stanzas that are on their way and not confirmed. */
  *sent(): Generator<Departing> {
    for (const { departing } of this.#entries.values()) for (const one of departing) if (one.place > 0) yield one;
  }

  /** The entry, and its next stanza to be sent. */
  *unsent(): Generator<{ readonly entry: Entry; readonly one: Departing }> {
    for (const entry of this.#entries.values()) {
      for (const one of entry.departing) if (one.place === 0) yield { entry, one };
    }
  }

  get hasSent(): boolean {
    return !(this.sent().next().done ?? true);
  }

  /** What waits for longer than a request, or anything else, may. @param now monotonic */
  late(now: number, iqMs: number, holdMs: number): Departing[] {
    const late: Departing[] = [];
    for (const { sinceMs, departing } of this.#entries.values()) {
      const waitedMs = now - sinceMs;
      if (waitedMs <= iqMs && waitedMs <= holdMs) continue;
      for (const one of departing) if (one.place === 0 && waitedMs > (one.isIq ? iqMs : holdMs)) late.push(one);
    }
    return late;
  }

  unsentStanzas(): Departing[] {
    return [...this.unsent()].map(({ one }) => one);
  }

  get hasUnsent(): boolean {
    for (const { departing } of this.#entries.values()) for (const { place } of departing) if (place === 0) return true;
    return false;
  }

  /** @returns the entries of which nothing is left */
  confirm(upTo: number): Entry[] {
    const empty: Entry[] = [];
    for (const entry of this.#entries.values()) {
      const { departing } = entry;
      if (departing.length === 0) continue; // its row is being deleted
      const left = departing.filter(({ place }) => place === 0 || place > upTo);
      if (left.length === departing.length) break; // they were sent in this order
      entry.departing = left;
      if (left.length === 0) empty.push(entry);
    }
    return empty;
  }

  /** Takes stanzas out that are settled. @returns the entries of which nothing is left */
  settle(settled: ReadonlySet<Departing>): Entry[] {
    const empty: Entry[] = [];
    for (const entry of this.#entries.values()) {
      if (!entry.departing.some((one) => settled.has(one))) continue;
      entry.departing = entry.departing.filter((one) => !settled.has(one));
      if (entry.departing.length === 0) empty.push(entry);
    }
    return empty;
  }

  /** @returns whether it was there */
  remove({ key, bytes }: Entry): boolean {
    const isThere = this.#entries.delete(key);
    if (isThere) this.#bytes -= bytes;
    return isThere;
  }

  /** The stream is broken: all that was not confirmed is to be sent again. */
  rewind(): void {
    for (const one of this.sent()) one.place = 0;
  }

  /**
   * Only the last presence per `from` and `to` counts. That is the one that was written last: an answer to a probe may have been asked for
   * after a change that was still on its way, and been given before it. That nobody is there is replaced by whoever came later.
   * @returns the earlier ones that have not been sent
   */
  outdated(): Departing[] {
    const last = new Map<string, { readonly at: number; readonly one: Departing }>();
    const present = new Map<string, number>();
    const outdated: Departing[] = [];
    const states = [...this.unsent()].filter(({ one }) => one.isState);
    for (const { entry, one } of states)
      if (showsOf(one.stanza) !== 'end') present.set(one.accounts, Math.max(entry.at, present.get(one.accounts) ?? entry.at));
    for (const { entry, one } of states) {
      if (one.saysNobody && (present.get(one.accounts) ?? entry.at) > entry.at) {
        outdated.push(one);
        continue;
      }
      const key = one.addresses;
      const now = { at: entry.at, one };
      const before = last.get(key);
      const [earlier, later] = before !== undefined && before.at > now.at ? [now, before] : [before, now];
      if (earlier !== undefined && replaces(showsOf(later.one.stanza), showsOf(earlier.one.stanza))) outdated.push(earlier.one);
      last.set(key, later);
    }
    return outdated;
  }
}
