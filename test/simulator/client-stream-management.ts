/** The client's side of XEP-0198 §4: what it has received, and what it has sent that is not acknowledged. */
import type { ClientSettings } from './client-settings.ts';
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

  readonly #settings: ClientSettings;

  constructor(id: string, settings: ClientSettings) {
    this.id = id;
    this.#settings = settings;
    settings.begin();
  }

  /** @returns the messages that are acknowledged now; what was refused before was only handled */
  ack(h: number): SentMessage[] {
    const count = (h - this.#acked) >>> 0;
    if (count > this.unacked.length) throw new Error(`sent are ${this.#acked + this.unacked.length}, acknowledged ${h}`);
    this.#acked = h;
    const acked = this.unacked.splice(0, count);
    for (const { text } of acked) this.#settings.acknowledged(text);
    return acked.flatMap(({ message }) => (message?.state === 'sent' ? [message] : []));
  }

  get unacknowledged(): SentMessage[] {
    return this.unacked.flatMap(({ message }) => (message?.state === 'sent' ? [message] : []));
  }
}
