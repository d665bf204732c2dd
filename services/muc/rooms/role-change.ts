/** Changes of roles: XEP-0045 §8.2 (kick), §8.3 and §8.4 (voice), §9.6 and §9.7 (moderators), with the rights of §5.1.1. */
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { affiliationRank, type Role, roleRank } from '../core/affiliation.ts';
import type { Occupant } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { announce, showJids } from './announce.ts';
import { keepRole } from './kept-role.ts';
import { removeOccupant } from './leave.ts';

export interface RoleChange {
  readonly occupant: Occupant;
  readonly role: Role;
  readonly reason: string | undefined;
}

const adminRank = affiliationRank('admin');

/** @throws {StanzaError} forbidden, not-allowed */
export function checkRoleChange(turn: RoomTurn, { occupant, role }: RoleChange): void {
  const actorRole = turn.own?.occupant.role ?? 'none';
  const own = affiliationRank(turn.affiliation);
  const target = affiliationRank(turn.room.affiliationOf(occupant.bare));
  if (actorRole !== 'moderator' && own < adminRank) throw new StanzaError('forbidden', 'only moderators may change roles');
  const isDemotion = roleRank(role) < roleRank(occupant.role);
  // §5.1.3, §8.2: nobody may take a role from somebody with a higher affiliation, whatever the new role is.
  if (isDemotion && target > own) throw new StanzaError('not-allowed', `${occupant.nick} has a higher affiliation than you`);
  // §8.4: nobody may take voice from admins and owners, nor from somebody with the same affiliation or a higher one.
  // DEVIATION: a moderator without affiliation may take it from others without affiliation. Nobody else could moderate most
  // rooms.
  if (isDemotion && role === 'visitor' && (target >= adminRank || (target >= own && target > affiliationRank('none')))) {
    throw new StanzaError('not-allowed', `${occupant.nick} does not have a lower affiliation than you`);
  }
  // §9.7: admins and owners keep the role of their affiliation, but other admins and owners may remove them from the room.
  if (isDemotion && role !== 'none' && target >= adminRank)
    throw new StanzaError('not-allowed', 'admins and owners always keep their role');
  const touchesModerator = role === 'moderator' || (occupant.role === 'moderator' && role !== 'none');
  if (touchesModerator && own < adminRank) throw new StanzaError('forbidden', 'only admins may appoint moderators');
  const isKickOfModerator = occupant.role === 'moderator' && role === 'none';
  if (isKickOfModerator && own < adminRank && turn.own?.occupant !== occupant) {
    throw new StanzaError('not-allowed', `${occupant.nick} does not have a lower affiliation than you`);
  }
}

/** Call it after {@link checkRoleChange}. */
export function applyRoleChange(turn: RoomTurn, { occupant, role, reason }: RoleChange): void {
  if (occupant.seats.length === 0) return; // the request has named the same nick twice
  const actor = turn.own?.occupant.nick;
  if (role === 'none') {
    removeOccupant(turn, occupant, { statuses: [307], actor, reason });
    return;
  }
  if (occupant.role === role) return;
  const roleBefore = occupant.role;
  occupant.role = role;
  turn.putOccupant(occupant);
  keepRole(turn, occupant);
  announce(turn, { occupant, seat: occupant.seats.at(-1)!, roleBefore, actor, reason });
  showJids(turn, occupant, roleBefore);
}
