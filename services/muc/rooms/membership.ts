/** A member with a nick of its own: what a registration (XEP-0045 §7.10) ends in, whoever decided. */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { applyAffiliationChange, checkRoomForAffiliations } from './affiliation-change.ts';
import { endIfEmpty } from './leave.ts';
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
  applyAffiliationChange(turn, { jid: bare, affiliation, reason: undefined, nick, isRegistering: true, isToldAlready });
  takeLockedNick(turn, bare);
}

/**
 * §7.10, XEP-0077 §3.2: what {@link join} has brought is over: the nick, and the membership unless an admin has given it apart. Admins and
 * owners stay what they are.
 */
export function unjoin(turn: RoomTurn, bare: Jid): void {
  const key = bare.toString();
  const known = turn.room.affiliations.get(key);
  if (!known) return;
  if (known.isRegistered && known.affiliation === 'member') {
    applyAffiliationChange(turn, { jid: bare, affiliation: 'none', reason: undefined, isToldAlready: true });
    endIfEmpty(turn);
    return;
  }
  turn.room.affiliations.set(key, { ...known, nick: undefined, isRegistered: undefined });
  turn.putAffiliation(key);
}
