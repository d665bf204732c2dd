/**
 * Changes of affiliations: XEP-0045 §9.1 to §9.5 (ban, membership) and §10.3 to §10.8 (admins, owners), with the rights of
 * §5.2.1.
 */

import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { type Affiliation, affiliationRank, roleAfter } from '../core/affiliation.ts';
import type { Affiliated } from '../core/affiliation-list.ts';
import type { Occupant } from '../core/room.ts';
import type { AffiliationAmendment } from '../core/room-feature.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { notifyAbsent } from './absent-notice.ts';
import { type Announcement, announce, showJids } from './announce.ts';
import { forgetRole } from './kept-role.ts';
import { removeOccupant } from './leave.ts';

export interface AffiliationChange {
  /** Bare JID or domain. */
  readonly jid: Jid;
  readonly affiliation: Affiliation;
  readonly reason: string | undefined;
  /** §9.5: the nick that is reserved for the member; '' ends the reservation. */
  readonly nick?: string;
  /** §7.10: the affiliation comes from a registration, and ends with it. */
  readonly isRegistering?: boolean;
  /** Something else tells the person, such as an invitation. */
  readonly isToldAlready?: boolean;
}

const adminRank = affiliationRank('admin');

/** @throws {StanzaError} resource-constraint */
export function checkRoomForAffiliations(turn: RoomTurn, count: number): void {
  if (turn.room.affiliations.size + count > roomLimits.affiliationsMax) {
    throw new StanzaError('resource-constraint', `a room has at most ${roomLimits.affiliationsMax} affiliations`);
  }
}

/** Checks all changes together. @throws {StanzaError} forbidden, not-allowed, conflict */
export function checkAffiliationChanges(turn: RoomTurn, changes: readonly AffiliationChange[]): void {
  for (const change of changes) checkRight(turn, change);
  const { affiliations } = turn.room;
  const last = new Map(changes.map(({ jid, affiliation }) => [jid.toString(), affiliation]));
  let owners = affiliations.ownerCount;
  for (const [jid, affiliation] of last) {
    owners += Number(affiliation === 'owner') - Number(affiliations.get(jid)?.affiliation === 'owner');
  }
  if (affiliations.ownerCount > 0 && owners === 0) throw new StanzaError('conflict', 'a room needs an owner'); // §10.4
  const added = changes.filter(({ jid, affiliation }) => affiliation !== 'none' && !affiliations.has(jid.toString()));
  checkRoomForAffiliations(turn, added.length);
}

function checkRight(turn: RoomTurn, { jid, affiliation }: AffiliationChange): void {
  const own = affiliationRank(turn.affiliation);
  const before = affiliationRank(currentAffiliation(turn, jid));
  if (own < adminRank) throw new StanzaError('forbidden', 'only admins and owners may change affiliations');
  const isSelf = jid.equals(turn.from.bare) || (jid.local === '' && jid.domain === turn.from.domain);
  if (affiliation === 'outcast' && isSelf) throw new StanzaError('conflict', 'you cannot ban yourself'); // §9.1
  if (turn.affiliation === 'owner') return;
  if (affiliationRank(affiliation) >= adminRank) throw new StanzaError('forbidden', 'only owners may appoint admins and owners');
  if (before >= adminRank) throw new StanzaError('not-allowed', `only owners may change the affiliation of ${jid}`);
}

function currentAffiliation(turn: RoomTurn, jid: Jid): Affiliation {
  return turn.room.affiliations.get(jid.toString())?.affiliation ?? 'none';
}

/**
 * Changes the list in memory and queues the row. Without `affiliated` the affiliation ends. All changes of an affiliation pass
 * here.
 * @returns children for the `<x/>` of each stanza that tells of the change
 */
export function setAffiliation(turn: RoomTurn, jid: string, affiliated: Affiliated | undefined): readonly Element[] {
  const { affiliations } = turn.room;
  const amendment: AffiliationAmendment = { affiliated, append: [] };
  for (const { amend } of turn.dependencies.features.affiliation) amend?.(turn, jid, amendment);
  if (amendment.affiliated) affiliations.set(jid, amendment.affiliated);
  else affiliations.delete(jid);
  turn.putAffiliation(jid);
  return amendment.append;
}

/** Call it after {@link checkAffiliationChanges}. */
export function applyAffiliationChange(turn: RoomTurn, change: AffiliationChange): void {
  const { jid, affiliation, reason } = change;
  const { room } = turn;
  const key = jid.toString();
  const before = currentAffiliation(turn, jid);
  const known = room.affiliations.get(key);
  const nick = affiliation === 'outcast' ? undefined : (change.nick ?? known?.nick) || undefined;
  const kept = {
    nick,
    reason: affiliation === 'outcast' ? (reason ?? known?.reason) : undefined,
    // Somebody whom an admin has made a member, before or after registering, stays a member when the registration ends.
    isRegistered: change.isRegistering && (!known || known.isRegistered) ? (true as const) : undefined,
  };
  if (before === affiliation) {
    const isSame = nick === known?.nick && kept.reason === known?.reason && kept.isRegistered === known?.isRegistered;
    if (known && !isSame) {
      room.affiliations.set(key, { ...known, ...kept });
      turn.putAffiliation(key);
    }
    return;
  }
  const children = setAffiliation(turn, key, affiliation === 'none' ? undefined : { jid: key, affiliation, ...kept });
  forgetRole(turn, jid);

  const actor = turn.own?.occupant.nick;
  const concerned = room.occupantsAt(jid);
  for (const occupant of concerned) settle(turn, occupant, { children, actor, reason });
  if (concerned.length > 0) return;
  for (const { followAbsent } of turn.dependencies.features.affiliation) followAbsent?.(turn, key, affiliation, children);
  if (!change.isToldAlready) notifyAbsent(turn, jid, affiliation, before, reason);
}

/** What the change means for an occupant. */
function settle(turn: RoomTurn, occupant: Occupant, told: Pick<Announcement, 'children' | 'actor' | 'reason'>): void {
  const { config, room } = turn;
  const affiliation = room.affiliationOf(occupant.bare);
  if (affiliation === 'outcast') {
    removeOccupant(turn, occupant, { statuses: [301], ...told });
  } else if (affiliation === 'none' && config.membersOnly) {
    removeOccupant(turn, occupant, { statuses: [321], ...told }); // §9.4
  } else {
    const roleBefore = occupant.role;
    occupant.role = roleAfter(affiliation, occupant.role, config.moderated);
    turn.putOccupant(occupant);
    announce(turn, { occupant, seat: occupant.seats.at(-1)!, roleBefore, ...told });
    showJids(turn, occupant, roleBefore);
  }
}
