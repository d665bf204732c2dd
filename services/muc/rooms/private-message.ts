/** Private messages between occupants: XEP-0045 §7.5. They are not the room's: no archive of it sees them. */
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { PmPolicy } from '../core/config.ts';
import { NS_MUC, NS_MUC_USER, NS_OCCUPANT_ID } from '../core/namespaces.ts';
import type { Occupant } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';

/** @throws {StanzaError} bad-request, not-acceptable, item-not-found, forbidden */
export function sendPrivate(turn: RoomTurn, stanza: Stanza): void {
  if (stanza.type === 'groupchat') {
    throw new StanzaError('bad-request', 'a message to one occupant cannot be of type groupchat');
  }
  const { occupant } = turn.ownOrRefuse;
  const target = turn.room.withNick(stanza.to!.resource);
  if (!target) throw new StanzaError('item-not-found', `nobody has the nick ${stanza.to!.resource}`);
  if (!isAllowed(turn.config.allowPm, occupant, target)) {
    throw new StanzaError('forbidden', 'private messages are not allowed here');
  }
  forward(turn, stanza, occupant, target);
}

/** An error about a private message goes back to who sent it. */
export function bouncePrivate(turn: RoomTurn, stanza: Stanza): void {
  const target = turn.room.withNick(stanza.to!.resource);
  if (turn.own && target) forward(turn, stanza, turn.own.occupant, target);
}

/** §10.2.1, `allowpm`; a moderator can always be asked for help, unless nobody may write at all. */
function isAllowed(policy: PmPolicy, from: Occupant, to: Occupant): boolean {
  if (policy === 'anyone') return true;
  if (policy === 'none') return false;
  if (policy === 'moderators') return from.role === 'moderator';
  return from.role !== 'visitor' || to.role === 'moderator';
}

function forward(turn: RoomTurn, stanza: Stanza, from: Occupant, to: Occupant): void {
  const { type, id } = stanza;
  const bytes = stanza.render(
    { from: turn.room.jid.withResource(from.nick).toString(), id, type, 'xml:lang': stanza.attributes['xml:lang'] },
    {
      drop: ({ ns }) => ns === NS_MUC || ns === NS_MUC_USER || ns === NS_OCCUPANT_ID,
      append: `<x xmlns='${NS_MUC_USER}'/><occupant-id xmlns='${NS_OCCUPANT_ID}' id='${from.id}'/>`,
    },
  );
  turn.send(bytes, to.sessions);
}
