/** Who may read the list of members: XEP-0045 §9.5, and `getmemberlist` of §10.2.1. */
import { type Affiliation, isAdminRank } from '../core/affiliation.ts';
import type { Occupant } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';

/** @param occupant undefined for somebody outside. @param affiliation that of the same person */
export function mayReadMembers(turn: RoomTurn, occupant: Occupant | undefined, affiliation: Affiliation): boolean {
  if (isAdminRank(affiliation)) return true;
  const { whois, getMemberList } = turn.config;
  const seesJids = whois === 'anyone' || occupant?.role === 'moderator';
  const role = occupant?.role ?? (affiliation === 'member' ? 'participant' : 'none');
  return seesJids && role !== 'none' && (getMemberList === undefined || getMemberList.includes(role));
}
