/**
 * The nicks that a client has in rooms, as it has asked for them in directed presence (XEP-0045 §7.2, §7.6). The node does not
 * know which addresses are rooms, so any directed presence to a full JID counts.
 */
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { connectionLimits } from '../limits.ts';

export class OwnNicks {
  /** By bare JID. */
  readonly #nicks = new Map<string, string>();
  #bytes = 0;

  constructor(occupants: readonly string[] = []) {
    for (const occupant of occupants) this.#note(Jid.parse(occupant), undefined);
  }

  /** Full JIDs. */
  get occupants(): readonly string[] {
    return [...this.#nicks].map(([room, nick]) => `${room}/${nick}`);
  }

  /** @returns undefined when it is not known: the room may know the client by another nick */
  in(room: string): string | undefined {
    return this.#nicks.get(room);
  }

  /** The client sends directed presence. @param before undefined: it has sent none yet */
  static after(before: OwnNicks | undefined, { attributes: { to = '', type } }: Stanza): OwnNicks | undefined {
    const occupant = Jid.tryParse(to);
    if (occupant === undefined || occupant.resource === '') return before;
    const nicks = before ?? new OwnNicks();
    nicks.#note(occupant, type);
    return nicks;
  }

  #note({ bare, resource }: Jid, type: string | undefined): void {
    const room = bare.toString();
    this.#forget(room);
    if (type !== undefined) return;
    this.#nicks.set(room, resource);
    this.#bytes += bytesOf(room, resource);
    for (const oldest of this.#nicks.keys()) {
      if (this.#bytes <= connectionLimits.nicksBytesMax) return;
      this.#forget(oldest);
    }
  }

  #forget(room: string): void {
    const nick = this.#nicks.get(room);
    if (nick === undefined) return;
    this.#nicks.delete(room);
    this.#bytes -= bytesOf(room, nick);
  }
}

function bytesOf(room: string, nick: string): number {
  return Buffer.byteLength(room) + Buffer.byteLength(nick);
}
