/** The messages of a model client: numbered, written down, and sent again in a new session when nobody has acknowledged them. */
import type { ClientSession, History, SentMessage } from './history.ts';

export class ClientMessages {
  readonly #history: History;
  readonly #name: string;
  readonly #jid: string;
  #number = 0;
  #again: SentMessage[] = [];

  constructor(history: History, name: string, jid: string) {
    this.#history = history;
    this.#name = name;
    this.#jid = jid;
  }

  next(to: string, isRoom: boolean, where: Where): SentMessage {
    return this.#make(to, isRoom, ++this.#number, 0, where);
  }

  /** Of a session that is over. */
  keep(unacknowledged: readonly SentMessage[]): void {
    this.#again.push(...unacknowledged);
  }

  /** What is to be sent again; what was said in rooms is not. */
  takeAgain(where: Where): SentMessage[] {
    return this.#again
      .splice(0)
      .filter(({ isRoom }) => !isRoom)
      .map(({ to, number, id }) => this.#make(to, false, number, Number(id.slice(id.lastIndexOf('.') + 1)) + 1, where));
  }

  #make(to: string, isRoom: boolean, number: number, attempt: number, { session, node, atMs }: Where): SentMessage {
    const id = `${this.#name}.${number}.${attempt}`;
    const message: SentMessage = { id, number, from: this.#jid, to, isRoom, session: session.number, node, atMs, state: 'sent' };
    this.#history.sent.set(id, message);
    return message;
  }
}

export interface Where {
  readonly session: ClientSession;
  /** The door that it came in by. */
  readonly node: string;
  readonly atMs: number;
}
