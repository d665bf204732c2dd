/**
 * What was passed from one occupant to another of late, so that only answers to it pass back, each once. In the memory of a worker: when
 * it is lost, answers to private messages are dropped; those to requests are known by their id (rooms/occupant-iq.ts).
 */
import { roomLimits } from '../limits.ts';

export class Exchanges {
  /** By what was sent; the value is the request that brought the answer, '' while there is none. The one used last stands last. */
  readonly #sent = new Map<string, string>();

  sent(key: string): void {
    this.#keep(key, '');
  }

  /** @param by the answer's request: it may be handled again, when a batch is beaten by another worker */
  isFirstAnswer(key: string, by: string | undefined): boolean {
    const request = by ?? key;
    const answered = this.#sent.get(key);
    if (answered === undefined || (answered !== '' && answered !== request)) return false;
    this.#keep(key, request);
    return true;
  }

  /** The same where the answer itself shows that it was asked for: only repeats are kept out. */
  isNew(key: string, by: string | undefined): boolean {
    if (!this.#sent.has(key)) this.sent(key);
    return this.isFirstAnswer(key, by);
  }

  #keep(key: string, value: string): void {
    this.#sent.delete(key);
    this.#sent.set(key, value);
    if (this.#sent.size <= roomLimits.exchangesMax) return;
    for (const oldest of this.#sent.keys()) {
      this.#sent.delete(oldest);
      return;
    }
  }
}
