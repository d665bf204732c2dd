/** Presence to a room or to a nick in it: XEP-0045 §7.2 (enter), §7.6 (nick), §7.7 (availability), §7.14 (exit), §15.3. */

import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { forgedIn } from '../core/marks.ts';
import { NS_MUC, NS_MUC_USER, NS_OCCUPANT_ID } from '../core/namespaces.ts';
import { nickKey } from '../core/nick-key.ts';
import { occupantId } from '../core/occupant-id.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { announce } from './announce.ts';
import { enter, resync } from './enter.ts';
import { saysItIsGone } from './ghost.ts';
import { changeHides } from './hides.ts';
import { readHistoryWish } from './history.ts';
import { endIfEmpty, removeSeat } from './leave.ts';
import { checkNickChange, leaveNick } from './nick.ts';

/** The presence as others get to see it. @throws {StanzaError} policy-violation */
function payloadOf(turn: RoomTurn, stanza: Stanza): string {
  const bytes = stanza.render({ 'xml:lang': stanza.attributes['xml:lang'] }, { drop: forgedIn(turn.room, stanza) });
  if (bytes.length > roomLimits.presenceBytesMax) {
    throw new StanzaError('policy-violation', `presence in a room has at most ${roomLimits.presenceBytesMax} bytes`);
  }
  return bytes.toString();
}

/** @throws {StanzaError} */
export function handlePresence(turn: RoomTurn, stanza: Stanza): void {
  const { own } = turn;
  if (stanza.type === 'unavailable' || (stanza.type === 'error' && saysItIsGone(stanza))) {
    if (!own) return; // §15.3: dropped in silence
    const isGhost = stanza.type === 'error';
    const presence = isGhost ? undefined : leavingPayload(turn, stanza);
    removeSeat(turn, own.occupant, own.seat, {
      unavailable: { presence },
      statuses: isGhost ? [333] : undefined,
      id: isGhost ? undefined : stanza.id,
    });
    endIfEmpty(turn);
    return;
  }
  if (stanza.type !== undefined) return; // §15.3: probes and subscriptions neither enter nor leave
  const nick = stanza.to!.resource;
  if (nick === '') throw new StanzaError('jid-malformed', 'a nick is missing: room@service/nick'); // §7.2.1
  const presence = payloadOf(turn, stanza);
  if (!own) {
    if (stanza.hasChild('x', NS_MUC)) enter(turn, stanza, presence);
    else sendAway(turn, stanza);
    return;
  }
  if (turn.hides) changeHides(turn, turn.hides);
  const isSameNick = nickKey(nick) === nickKey(own.occupant.nick);
  const wish = stanza.hasChild('x', NS_MUC) ? readHistoryWish(stanza.child('x', NS_MUC)) : undefined;
  const newNick = isSameNick ? undefined : checkNickChange(turn, own, nick);
  const hasChanged = presence !== own.seat.presence;
  const { occupant, seat } = own;
  seat.presence = presence;
  occupant.seats = [...occupant.seats.filter((other) => other !== seat), seat];
  if (hasChanged) turn.putPresence(seat);
  if (newNick !== undefined) leaveNick(turn, own, newNick, stanza.id);
  const hasNews = hasChanged || newNick !== undefined;
  const selfStatuses = newNick === undefined || newNick === nick ? [] : [210];
  if (wish) resync(turn, own, stanza, { wish, hasNews, codes: selfStatuses });
  else announce(turn, { occupant, seat, selfStatuses, id: stanza.id });
}

/**
 * §7.2.14: presence without `<x/>` from somebody outside comes from a client that does not know that it has left. The client is
 * told so, instead of being let in half-way.
 */
function sendAway(turn: RoomTurn, stanza: Stanza): void {
  const statuses = [110, 307, 333].map((code) => xml('status', { code }));
  turn.reply(
    xml(
      'presence',
      { from: stanza.attributes.to, id: stanza.id, type: 'unavailable' },
      xml('occupant-id', { xmlns: NS_OCCUPANT_ID, id: occupantId(turn.room, turn.from.bare, turn.incarnation) }),
      xml('x', { xmlns: NS_MUC_USER }, xml('item', { affiliation: turn.affiliation, role: 'none' }), statuses),
    ),
  );
}

/** A text that is too long is left out, because it must not keep anybody in the room. */
function leavingPayload(turn: RoomTurn, stanza: Stanza): string | undefined {
  const bytes = stanza.render({}, { drop: forgedIn(turn.room, stanza) });
  return bytes.length > roomLimits.presenceBytesMax ? undefined : bytes.toString();
}
