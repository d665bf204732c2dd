/**
 * Notices to people whose affiliation changes while they are not in the room: a message with status 101 (XEP-0045 §15.6), or an
 * invitation for a new member of a members-only room (§9.5). They go to accounts only, never to domains.
 */
import { xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Affiliation } from '../core/affiliation.ts';
import { NS_MUC_USER } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';

export function notifyAbsent(turn: RoomTurn, jid: Jid, affiliation: Affiliation, before: Affiliation, reason?: string): void {
  if (jid.local === '' || jid.equals(turn.from.bare)) return;
  const { config, room } = turn;
  const isNewMember = config.membersOnly && before === 'none' && affiliation !== 'outcast';
  const why = reason === undefined ? undefined : xml('reason', {}, reason);
  const inviter = turn.own && config.whois !== 'anyone' ? room.jid.withResource(turn.own.occupant.nick) : turn.from.bare;
  const content = isNewMember
    ? [
        xml('invite', { from: inviter.toString() }, why),
        config.password === '' ? undefined : xml('password', {}, config.password),
      ]
    : [xml('item', { affiliation, jid: jid.toString(), role: 'none' }, why), xml('status', { code: 101 })];
  const message = xml('message', { from: room.jid.toString() }, xml('x', { xmlns: NS_MUC_USER }, content));
  turn.send(Buffer.from(message.toString()), [{ jid }]);
}
