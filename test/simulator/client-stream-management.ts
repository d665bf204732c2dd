/** The client's side of XEP-0198 §4: what it has received, and what it has sent that is not acknowledged. */
import type { SentMessage } from './history.ts';

export interface Outgoing {
  readonly text: string;
  /** Absent: presence and requests, which a new session sends in its own way. */
  readonly message: SentMessage | undefined;
}

export class Managed {
  readonly id: string;
  received = 0;
  readonly unacked: Outgoing[] = [];
  #acked = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** @returns the messages that are acknowledged now; what was refused before was only handled */
  ack(h: number): SentMessage[] {
    const count = (h - this.#acked) >>> 0;
    if (count > this.unacked.length) throw new Error(`sent are ${this.#acked + this.unacked.length}, acknowledged ${h}`);
    this.#acked = h;
    return this.unacked.splice(0, count).flatMap(({ message }) => (message?.state === 'sent' ? [message] : []));
  }

  get unacknowledged(): SentMessage[] {
    return this.unacked.flatMap(({ message }) => (message?.state === 'sent' ? [message] : []));
  }
}
