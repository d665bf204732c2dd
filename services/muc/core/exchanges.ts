/**
 * What occupants have sent each other lately, so that only an answer to it is passed back, and only once. It is in the memory of
 * a worker. When it is lost, answers to private messages are dropped; answers to requests are recognized by their id
 * (rooms/occupant-iq.ts).
 */
import { roomLimits } from '../limits.ts';

export class Exchanges {
  /** What was sent; the value is the request that brought the answer, '' while there is none. In the order of use. */
  readonly #sent = new Map<string, string>();

  sent(key: string): void {
    this.#keep(key, '');
  }

  /**
   * @param by the id of the request that brings the answer. It may be handled again, when another worker wins the race for a
   * batch.
   */
  isFirstAnswer(key: string, by: string | undefined): boolean {
    const request = by ?? key;
    const answered = this.#sent.get(key);
    if (answered === undefined || (answered !== '' && answered !== request)) return false;
    this.#keep(key, request);
    return true;
  }

  /** The same for an answer that proves by itself that it was asked for. Only repeats are refused. */
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
