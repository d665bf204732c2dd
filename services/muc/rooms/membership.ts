/** A member with a nick of its own: what a registration (XEP-0045 §7.10) ends in, whoever decided. */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { applyAffiliationChange, checkRoomForAffiliations } from './affiliation-change.ts';
import { checkNickFor, prepareNick, takeLockedNick } from './nick.ts';

/** @returns the nick as the room shows it. @throws {StanzaError} not-acceptable, conflict, resource-constraint */
export function checkMembership(turn: RoomTurn, bare: Jid, asked: string): string {
  const nick = prepareNick(turn, asked);
  checkNickFor(turn, nick, bare);
  checkRoomForAffiliations(turn, turn.room.affiliations.has(bare.toString()) ? 0 : 1);
  return nick;
}

/** Only after {@link checkMembership}. Who is a member already, or more, gets the nick alone. */
export function join(turn: RoomTurn, bare: Jid, nick: string): void {
  const before = turn.room.affiliationOf(bare); // perhaps that of the whole domain
  const affiliation = before === 'none' ? 'member' : before;
  const isToldAlready = bare.equals(turn.from.bare);
  applyAffiliationChange(turn, { jid: bare, affiliation, reason: undefined, nick, isToldAlready });
  takeLockedNick(turn, bare);
}
