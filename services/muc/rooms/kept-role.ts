/**
 * Roles that outlast a visit: XEP-0045 §5.1. In a moderated room, people who were given voice, or lost it, find it so on their
 * next visit, so that nobody gets it back by leaving. Moderators who are not admins have to be appointed anew each time. A new
 * affiliation brings its own role.
 */

import type { Jid } from '../../../lib/xmpp/jid.ts';
import { initialRole, type Role } from '../core/affiliation.ts';
import type { Occupant } from '../core/room.ts';
import { jidKey, keptRoles } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';

/** The role of the sender, who is not inside yet. */
export function roleOnEntry({ room, config, affiliation, from }: RoomTurn): Role {
  const initial = initialRole(affiliation, config.moderated);
  if (!config.moderated || initial === 'moderator') return initial;
  return room.keptRoles.get(from.bare.toString()) ?? initial;
}

/** Notes that a moderator has changed the role of this occupant. */
export function keepRole(turn: RoomTurn, { bare, role }: Occupant): void {
  const { room, config } = turn;
  const initial = initialRole(room.affiliationOf(bare), config.moderated);
  if (!config.moderated || initial === 'moderator' || role === 'moderator' || role === initial) {
    forgetRole(turn, bare);
    return;
  }
  const jid = bare.toString();
  room.keptRoles.delete(jid);
  room.keptRoles.set(jid, role);
  turn.put(keptRoles, jidKey(jid), { jid, role });
  const [oldest] = room.keptRoles.keys();
  if (room.keptRoles.size > roomLimits.keptRolesMax) drop(turn, oldest!);
}

export function forgetRole(turn: RoomTurn, bare: Jid): void {
  if (turn.room.keptRoles.has(bare.toString())) drop(turn, bare.toString());
}

function drop(turn: RoomTurn, jid: string): void {
  turn.room.keptRoles.delete(jid);
  turn.delete(keptRoles, jidKey(jid));
}
