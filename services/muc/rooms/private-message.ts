/** Private messages between occupants: XEP-0045 §7.5. They do not belong to the room, so they are not in its archive. */
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { PmPolicy } from '../core/config.ts';
import { forgedIn } from '../core/marks.ts';
import { NS_MUC_USER, NS_OCCUPANT_ID } from '../core/namespaces.ts';
import type { Occupant } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { errorOnly } from './error-reply.ts';

/** @throws {StanzaError} bad-request, not-acceptable, item-not-found, forbidden */
export function sendPrivate(turn: RoomTurn, stanza: Stanza): void {
  if (stanza.type === 'groupchat') {
    throw new StanzaError('bad-request', 'a message to one occupant cannot be of type groupchat');
  }
  const { occupant } = turn.ownOrRefuse;
  const target = turn.room.withNick(stanza.to!.resource);
  if (!target) throw new StanzaError('item-not-found', `nobody has the nick ${stanza.to!.resource}`);
  if (!mayWrite(turn, occupant, target)) throw new StanzaError('forbidden', 'private messages are not allowed here');
  refuseHidden(turn, occupant, target);
  turn.dependencies.exchanges.sent(exchangeKey(turn, occupant, target, stanza.id));
  const bytes = stanza.render(attributesFrom(turn, occupant, stanza), {
    drop: forgedIn(turn.room, stanza),
    append: `<x xmlns='${NS_MUC_USER}'/><occupant-id xmlns='${NS_OCCUPANT_ID}' id='${occupant.id}'/>`,
  });
  turn.send(bytes, target.seats);
}

/** Passes an error about a private message back to its sender, once, and only if there was such a message. */
export function bouncePrivate(turn: RoomTurn, stanza: Stanza): void {
  const writer = turn.room.withNick(stanza.to!.resource);
  if (!turn.own || !writer) return;
  const { occupant } = turn.own;
  if (!turn.dependencies.exchanges.isFirstAnswer(exchangeKey(turn, writer, occupant, stanza.id), turn.requestId)) return;
  const { type: _, ...attributes } = attributesFrom(turn, occupant, stanza);
  const bytes = errorOnly(stanza, attributes, mayWrite(turn, occupant, writer));
  if (bytes) turn.send(bytes, writer.seats);
}

/** May the one write to the other? §10.2.1, `allowpm`. */
export function mayWrite({ config }: RoomTurn, from: Occupant, to: Occupant): boolean {
  return isAllowed(config.allowPm, from, to);
}

/** Everybody may ask a moderator for help, unless nobody may write at all. */
function isAllowed(policy: PmPolicy, from: Occupant, to: Occupant): boolean {
  if (policy === 'anyone') return true;
  if (policy === 'none') return false;
  if (policy === 'moderators') return from.role === 'moderator';
  return from.role !== 'visitor' || to.role === 'moderator';
}

function attributesFrom({ room }: RoomTurn, from: Occupant, { type, id, attributes }: Stanza) {
  return { from: room.jid.withResource(from.nick).toString(), id, type, 'xml:lang': attributes['xml:lang'] };
}

function exchangeKey({ room }: RoomTurn, writer: Occupant, reader: Occupant, id = ''): string {
  return `${room.jid} message ${writer.id} ${reader.id} ${id.slice(0, 200)}`;
}

/**
 * XEP-0191 §3.3: an occupant who is blocked is answered as if the other were not there. @throws {StanzaError} service-unavailable
 */
export function refuseHidden(turn: RoomTurn, from: Occupant, to: Occupant): void {
  if (to.seats.every((seat) => turn.room.isHidden(from.nick, seat))) throw new StanzaError('service-unavailable');
}
