/** The client's side of XEP-0198 towards the server: what was sent and is not acknowledged. */
import type { Said } from './journal.ts';

export interface Sent {
  readonly xml: string;
  readonly said?: Said;
}

export class Outgoing {
  #acked = 0;
  #unacked: Sent[] = [];

  get unacked(): readonly Sent[] {
    return this.#unacked;
  }

  add(sent: Sent): void {
    this.#unacked.push(sent);
  }

  /** `h` counts modulo 2^32. @returns what it covers. @throws {RangeError} when it counts what was not sent */
  ack(h: number): Sent[] {
    const count = (h - this.#acked) >>> 0;
    if (count > this.#unacked.length) {
      throw new RangeError(`h=${h}, but ${this.#acked} were acknowledged and ${this.#unacked.length} sent since`);
    }
    this.#acked = h;
    return this.#unacked.splice(0, count);
  }

  /** A new session begins. @returns what nobody has acknowledged */
  reset(): Sent[] {
    this.#acked = 0;
    return this.#unacked.splice(0);
  }
}
