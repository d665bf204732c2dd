/** XEP-0045 §16.1.2: ghosts. An occupant whose address bounces what the room sends has left. */

import { xml } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CLIENT, NS_MUC_USER } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';

/** The conditions that §16.1.2 names. */
const unreachable = new Set([
  'gone',
  'item-not-found',
  'recipient-unavailable',
  'redirect',
  'remote-server-not-found',
  'remote-server-timeout',
]);

/** These, and what servers answer for an account that does not exist (RFC 6121 §8.5.1). */
const delivery = new Set([...unreachable, 'jid-malformed', 'service-unavailable']);

/**
 * Does this error say that its sender could not be reached?
 *
 * When somebody cannot be sent a message to all, the error comes back to the nick of the writer, like an error about a private
 * message. There only conditions count that clients never send by themselves, because a person may block one occupant (XEP-0191)
 * and stay.
 */
export function saysItIsGone(stanza: Stanza): boolean {
  const isToNick = stanza.name === 'message' && stanza.to!.resource !== '';
  return isToNick ? isUnreachable(stanza) : isGone(stanza);
}

/**
 * For an error to the nick of a writer: what servers answer for a client that is not there (RFC 6121 §8.5.3.2.1) is also what is answered
 * for one that has blocked the writer. So the room itself writes to it, with nothing to show: nobody blocks a room and stays in it, so an
 * error about that message says that the client is gone.
 */
export function inquire(turn: RoomTurn, stanza: Stanza): void {
  const { own, room } = turn;
  // Sessions of the room's own tenant are looked up (missed/sweep.ts).
  if (own === undefined || own.seat.address !== undefined || !isGone(stanza)) return;
  turn.reply(xml('message', { from: `${room.jid}`, type: 'groupchat' }, xml('x', { xmlns: NS_MUC_USER })));
}

function isGone(stanza: Stanza): boolean {
  return hasCondition(stanza, delivery);
}

function isUnreachable(stanza: Stanza): boolean {
  return hasCondition(stanza, unreachable);
}

function hasCondition(stanza: Stanza, conditions: ReadonlySet<string>): boolean {
  const error = stanza.child('error', NS_CLIENT);
  return error?.getChildElements().some((child) => conditions.has(child.getName())) ?? false;
}
