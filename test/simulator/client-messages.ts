/** The messages of a model client: numbered, written down, and sent again in a new session when nobody has acknowledged them. */
import type { ClientPresence } from './client-presence.ts';
import { say } from './client-text.ts';
import type { ClientSession, History, SentMessage } from './history.ts';
import { readMessage } from './stanza-text.ts';
import type { World } from './world.ts';

/** To an account, to a room, or to one of its occupants. */
export type MessageKind = 'account' | 'room' | 'occupant';

export class ClientMessages {
  readonly #history: History;
  readonly #name: string;
  readonly #jid: string;
  readonly #world: World;
  #number = 0;
  #again: SentMessage[] = [];

  constructor(world: World, history: History, name: string, jid: string) {
    this.#world = world;
    this.#history = history;
    this.#name = name;
    this.#jid = jid;
  }

  /** @param mentions an account */
  next(to: string, kind: MessageKind, where: Where, mentions?: string): SentMessage {
    return this.#make(to, kind, ++this.#number, 0, where, mentions);
  }

  /** As it is sent. */
  write({ id, to, isRoom, isPrivate, recipient, mentions }: SentMessage): string {
    this.#world.note(`  ${id} to ${to}`);
    if (isPrivate) return say.private(recipient, id);
    return say.message(isRoom ? 'groupchat' : 'chat', to, id, mentions);
  }

  /** @returns the message that was refused, if this says so */
  heard(text: string, { session, presence }: Hearing): SentMessage | undefined {
    const { id, type, body, isDelayed, stanzaId } = readMessage(text);
    const sent = this.#history.sent.get(id);
    if (type === 'error') {
      if (sent !== undefined) sent.state = 'refused';
      return sent;
    }
    if (body === undefined) return undefined;
    this.#world.note(`  ${this.#name} received ${id}${isDelayed ? ' from the archive' : ''} ${stanzaId ?? ''}`);
    const isUnwanted = sent?.isRoom === false && presence.wasClosedAt(sent.atMs);
    session.received.push({ id, isDelayed, stanzaId, atMs: this.#world.nowMs, isUnwanted });
    return undefined;
  }

  /** Takes the messages of a session that is over, to send them again. */
  keep(unacknowledged: readonly SentMessage[]): void {
    this.#again.push(...unacknowledged);
  }

  /** What is to be sent again; what was said in rooms is not. */
  takeAgain(where: Where): SentMessage[] {
    return this.#again
      .splice(0)
      .filter(({ isRoom }) => !isRoom)
      .map(({ to, number, id }) => this.#make(to, 'account', number, Number(id.slice(id.lastIndexOf('.') + 1)) + 1, where));
  }

  #make(
    to: string,
    kind: MessageKind,
    number: number,
    attempt: number,
    { session, node, atMs }: Where,
    mentions?: string,
  ): SentMessage {
    const id = `${this.#name}.${number}.${attempt}`;
    const isRoom = kind !== 'account';
    const bare = to.split('/')[0]!;
    const message: SentMessage = {
      id,
      number,
      from: this.#jid,
      to: bare,
      recipient: to,
      isRoom,
      isPrivate: kind === 'occupant',
      mentions,
      seenAs: isRoom ? `${bare}/${this.#name}` : this.#jid,
      session: session.number,
      node,
      atMs,
      state: 'sent',
    };
    this.#history.sent.set(id, message);
    return message;
  }
}

interface Hearing {
  readonly session: ClientSession;
  readonly presence: ClientPresence;
}

export interface Where {
  readonly session: ClientSession;
  /** The door that it came in by. */
  readonly node: string;
  readonly atMs: number;
}
