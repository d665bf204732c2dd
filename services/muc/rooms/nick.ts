/** Nicks: which texts are allowed (§15.1, RFC 8266), and how they are changed (XEP-0045 §7.6). */

import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { nickname } from '../../../lib/xmpp/precis.ts';
import type { Occupant, Seat } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { announce } from './announce.ts';

/**
 * The nick as the room shows it. PRECIS Nickname removes leading and doubled spaces, fullwidth forms and the like.
 * @throws {StanzaError} not-acceptable
 */
export function prepareNick(turn: RoomTurn, text: string): string {
  const nick = nickname(text);
  if (nick === undefined) throw new StanzaError('not-acceptable', `${JSON.stringify(text)} cannot be a nick`);
  if (Buffer.byteLength(nick) > roomLimits.nickBytesMax) {
    throw new StanzaError('not-acceptable', `a nick has at most ${roomLimits.nickBytesMax} bytes`);
  }
  try {
    // An address is prepared once more. A nick that this would change could not be addressed.
    if (turn.room.jid.withResource(nick).resource === nick) return nick;
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
  }
  throw new StanzaError('not-acceptable', `${JSON.stringify(text)} cannot be a nick`);
}

/** §7.10: the nick that this person has to use, if the owner wants that. */
export function lockedNick({ room, config }: RoomTurn, bare: Jid): string | undefined {
  return config.locksNicks ? room.affiliations.get(bare.toString())?.nick : undefined;
}

/** §7.2.8. @throws {StanzaError} conflict when another bare JID holds or has reserved the nick */
export function checkNickIsFree(turn: RoomTurn, nick: string): void {
  checkNickFor(turn, nick, turn.from.bare);
}

/** The same check for somebody else. @throws {StanzaError} conflict */
export function checkNickFor(turn: RoomTurn, nick: string, bare: Jid): void {
  const holder = turn.room.withNick(nick);
  if (holder && !holder.bare.equals(bare)) throw new StanzaError('conflict', `the nick ${nick} is in use`);
  const reserved = turn.room.affiliations.reservedFor(nick);
  if (reserved !== undefined && reserved !== bare.toString()) throw new StanzaError('conflict', `the nick ${nick} is reserved`);
}

/**
 * §7.6: a nick changes for all clients of the occupant together, because it says who is speaking.
 * @returns the nick as the room shows it. @throws {StanzaError} conflict or not-acceptable
 */
export function checkNickChange(turn: RoomTurn, { occupant }: { occupant: Occupant }, asked: string): string {
  const nick = prepareNick(turn, asked);
  const locked = lockedNick(turn, occupant.bare);
  if (locked !== undefined && locked !== nick) {
    throw new StanzaError('not-acceptable', `your nick in this room is ${locked}`, { type: 'cancel' });
  }
  checkNickIsFree(turn, nick);
  const holder = turn.room.withNick(nick);
  if (holder && holder !== occupant) throw new StanzaError('conflict', `the nick ${nick} is in use by another client of yours`);
  return nick;
}

/**
 * §7.10: where nicks are locked, an occupant with another nick than its registered one changes to that. Everybody is told with
 * status 210.
 */
export function takeLockedNick(turn: RoomTurn, bare: Jid): void {
  const nick = lockedNick(turn, bare);
  if (nick === undefined) return;
  for (const occupant of turn.room.occupantsOf(bare)) {
    // Another client of this person has the nick already. This one gets it when it enters again.
    if (occupant.nick === nick || (turn.room.withNick(nick) ?? occupant) !== occupant) continue;
    const seat = occupant.seats.at(-1)!;
    leaveNick(turn, { occupant, seat }, nick);
    announce(turn, { occupant, seat, statuses: [210] });
  }
}

/** §7.6: the first half of a change. The caller sends the presence under the new nick. */
export function leaveNick(turn: RoomTurn, own: { occupant: Occupant; seat: Seat }, nick: string, id?: string): void {
  const { occupant, seat } = own;
  announce(turn, { occupant, seat, unavailable: { role: occupant.role }, newNick: nick, statuses: [303], id });
  turn.room.rename(occupant, nick);
  turn.putOccupant(occupant);
}
