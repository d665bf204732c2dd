/** Who may know who belongs to a room: XEP-0045 §9.5, and the `getmemberlist` of §10.2.1. */
import { type Affiliation, isAdminRank } from '../core/affiliation.ts';
import type { Occupant } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';

/** @param occupant undefined: somebody outside. @param affiliation of the same person */
export function mayReadMembers(turn: RoomTurn, occupant: Occupant | undefined, affiliation: Affiliation): boolean {
  if (isAdminRank(affiliation)) return true;
  const { whois, getMemberList } = turn.config;
  const seesJids = whois === 'anyone' || occupant?.role === 'moderator';
  const role = occupant?.role ?? (affiliation === 'member' ? 'participant' : 'none');
  return seesJids && role !== 'none' && (getMemberList === undefined || getMemberList.includes(role));
}
