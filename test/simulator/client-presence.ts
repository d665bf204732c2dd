/** What a model client says of itself, with a priority that changes, and what its contacts are said to be. */
import { say } from './client-text.ts';
import type { Random } from './random.ts';
import { attribute, readPresence } from './stanza-text.ts';

const priorities = [0, 0, 0, 5, -1, -1, -128];

export class ClientPresence {
  /** Full JID to status. */
  readonly view = new Map<string, string>();
  #jid: string;
  readonly #random: Random;
  #number = 0;
  #priority = 0;
  #isSettled = false;
  /** The server has what it said last. */
  #isKnown = false;
  #openMs: number | undefined;
  /** Since when the server knows that the client wants nothing that is for all resources (RFC 6121 §8.5.2.1.1). */
  #closedMs: number | undefined;

  constructor(jid: string, random: Random) {
    this.#jid = jid;
    this.#random = random;
  }

  get status(): string {
    return `s${this.#number}`;
  }

  /** Since when it gets what is for all resources, as the server knows; undefined: it does not. */
  get openSinceMs(): number | undefined {
    return this.#isKnown ? this.#openMs : undefined;
  }

  /** It is to say that it takes what waits for the account. */
  get isOverdue(): boolean {
    return this.#isSettled && this.#priority < 0;
  }

  /** From now on its priority is not negative. */
  settle(): void {
    this.#isSettled = true;
  }

  /** @returns presence that is other than the last */
  next(): string {
    this.#number++;
    this.#isKnown = false;
    this.#priority = this.#isSettled ? 0 : this.#random.pick(priorities);
    this.#closedMs = undefined;
    if (this.#priority < 0) this.#openMs = undefined;
    return say.presence(this.status, this.#priority);
  }

  /** A new session. @param jid the full JID */
  begin(jid: string): void {
    this.#jid = jid;
    this.#isKnown = false;
    this.#openMs = undefined;
    this.view.clear();
    this.#closedMs = undefined;
  }

  /** @returns the status that was refused */
  heard(text: string, nowMs: number): string | undefined {
    const { from, type, status } = readPresence(text);
    if (from === '' && type === 'error') return attribute(text, 'id') ?? '';
    if (type === undefined) {
      this.view.set(from, status);
      if (from === this.#jid && status === this.status) {
        this.#isKnown = true;
        if (this.#priority < 0) this.#closedMs ??= nowMs;
        else this.#openMs ??= nowMs;
      }
    } else if (type === 'unavailable') {
      for (const jid of this.view.keys()) if (jid === from || jid.startsWith(`${from}/`)) this.view.delete(jid);
    }
    return undefined;
  }

  /** Must a message for all resources that was sent then not come? */
  wasClosedAt(ms: number): boolean {
    return this.#closedMs !== undefined && ms > this.#closedMs;
  }
}
