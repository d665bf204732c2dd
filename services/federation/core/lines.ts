/**
 * Those who wait to connect to another server, in a line for each of our senders. Every other time the line whose turn it is gives one up. The
 * other times it is one of the short lines: so whoever writes to a single new server does not wait for others that write to ten each, and
 * they go on as well.
 */
import { federationLimits } from '../limits.ts';

export class Lines<Waiting> {
  /** The first one has the next turn. */
  readonly #lines = new Map<string, Waiting[]>();
  /** Senders with so few waiting, in the order in which they came to have. */
  readonly #short = new Set<string>();
  #isTurnOfShort = true;

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  add(sender: string, waiting: Waiting): void {
    const line = this.#lines.get(sender);
    if (line === undefined) this.#lines.set(sender, [waiting]);
    else line.push(waiting);
    this.#measure(sender, (line?.length ?? 1) <= federationLimits.shortLineMax);
  }

  take(): Waiting | undefined {
    const [ofAll, ofShort] = [first(this.#lines.keys()), first(this.#short)];
    const sender = this.#isTurnOfShort ? (ofShort ?? ofAll) : ofAll;
    if (sender === undefined) return undefined;
    this.#isTurnOfShort = !this.#isTurnOfShort;
    const line = this.#lines.get(sender)!;
    this.#lines.delete(sender);
    const taken = line.shift();
    if (line.length > 0) this.#lines.set(sender, line); // behind the others
    this.#measure(sender, line.length > 0 && line.length <= federationLimits.shortLineMax);
    return taken;
  }

  #measure(sender: string, isShort: boolean): void {
    if (!isShort) this.#short.delete(sender);
    else this.#short.add(sender);
  }
}

function first<Value>(values: Iterable<Value>): Value | undefined {
  for (const value of values) return value;
  return undefined;
}
