/** Members with a nick of their own, which a registration (XEP-0045 §7.10) leads to, whoever approves it. */
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

/** Call it after {@link checkMembership}. Somebody who is a member or more already gets only the nick. */
export function join(turn: RoomTurn, bare: Jid, nick: string): void {
  const before = turn.room.affiliationOf(bare); // it may be that of the whole domain
  const affiliation = before === 'none' ? 'member' : before;
  const isToldAlready = bare.equals(turn.from.bare);
  applyAffiliationChange(turn, { jid: bare, affiliation, reason: undefined, nick, isRegistering: true, isToldAlready });
  takeLockedNick(turn, bare);
}

/**
 * §7.10, XEP-0077 §3.2: ends what {@link join} has brought: the nick, and the membership unless an admin has granted it, too.
 * Admins and owners keep their affiliation.
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
