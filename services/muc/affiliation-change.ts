/**
 * Changing an affiliation: XEP-0045 §9.1 to §9.5 (ban, membership) and §10.3 to §10.8 (admins, owners), with the rights of §5.2.1.
 */
import { limits } from '../../lib/limits.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import { type Affiliation, affiliationRank, roleAfter } from './affiliation.ts';
import { announce } from './announce.ts';
import { removeOccupant } from './leave.ts';
import type { Occupant } from './room.ts';
import type { RoomTurn } from './room-turn.ts';

export interface AffiliationChange {
  /** Bare JID or domain. */
  readonly jid: Jid;
  readonly affiliation: Affiliation;
  readonly reason: string | undefined;
}

const adminRank = affiliationRank('admin');

/** @throws {StanzaError} resource-constraint */
export function checkRoomForAffiliations(turn: RoomTurn, count: number): void {
  if (turn.room.affiliations.size + count > limits.roomAffiliationsMax) {
    throw new StanzaError('resource-constraint', `a room knows at most ${limits.roomAffiliationsMax} people`);
  }
}

/** All of them, or none. @throws {StanzaError} forbidden, not-allowed, conflict */
export function checkAffiliationChanges(turn: RoomTurn, changes: readonly AffiliationChange[]): void {
  for (const change of changes) checkRight(turn, change);
  const { affiliations } = turn.room;
  const owners = new Set([...affiliations.values()].filter((one) => one.affiliation === 'owner').map(({ jid }) => jid));
  const hadOwner = owners.size > 0;
  for (const { jid, affiliation } of changes) {
    if (affiliation === 'owner') owners.add(jid.toString());
    else owners.delete(jid.toString());
  }
  if (hadOwner && owners.size === 0) throw new StanzaError('conflict', 'a room needs an owner'); // §10.4
  const added = changes.filter(({ jid, affiliation }) => affiliation !== 'none' && !affiliations.has(jid.toString()));
  checkRoomForAffiliations(turn, added.length);
}

function checkRight(turn: RoomTurn, { jid, affiliation }: AffiliationChange): void {
  const own = affiliationRank(turn.affiliation);
  const before = affiliationRank(currentAffiliation(turn, jid));
  if (own < adminRank) throw new StanzaError('forbidden', 'only admins and owners change affiliations');
  const isSelf = jid.equals(turn.from.bare) || (jid.local === '' && jid.domain === turn.from.domain);
  if (affiliation === 'outcast' && isSelf) throw new StanzaError('conflict', 'you cannot ban yourself'); // §9.1
  if (turn.affiliation === 'owner') return;
  if (affiliationRank(affiliation) >= adminRank) throw new StanzaError('forbidden', 'only owners make admins and owners');
  if (before >= adminRank) throw new StanzaError('not-allowed', `only owners change the affiliation of ${jid}`);
}

function currentAffiliation(turn: RoomTurn, jid: Jid): Affiliation {
  return turn.room.affiliations.get(jid.toString())?.affiliation ?? 'none';
}

/** Only after {@link checkAffiliationChanges}. */
export function applyAffiliationChange(turn: RoomTurn, { jid, affiliation, reason }: AffiliationChange): void {
  const { room } = turn;
  const key = jid.toString();
  if (currentAffiliation(turn, jid) === affiliation) return;
  const nick = affiliation === 'outcast' ? undefined : room.affiliations.get(key)?.nick;
  if (affiliation === 'none') room.affiliations.delete(key);
  else room.affiliations.set(key, { jid: key, affiliation, nick });
  turn.putAffiliation(key);

  const actor = turn.own?.occupant.nick;
  const concerned = [...room.occupants.values()].filter(({ bare }) => bare.equals(jid) || isOfDomain(bare, jid));
  for (const occupant of concerned) settle(turn, occupant, actor, reason);
}

function isOfDomain(bare: Jid, jid: Jid): boolean {
  return jid.local === '' && bare.domain === jid.domain;
}

/** What the change means for somebody inside. */
function settle(turn: RoomTurn, occupant: Occupant, actor: string | undefined, reason: string | undefined): void {
  const { config, room } = turn;
  const affiliation = room.affiliationOf(occupant.bare);
  if (affiliation === 'outcast') {
    removeOccupant(turn, occupant, { statuses: [301], actor, reason });
  } else if (affiliation === 'none' && config.membersOnly) {
    removeOccupant(turn, occupant, { statuses: [321], actor, reason }); // §9.4
  } else {
    occupant.role = roleAfter(affiliation, occupant.role, config.moderated);
    turn.putOccupant(occupant);
    announce(turn, { occupant, session: occupant.sessions.at(-1)!, actor, reason });
  }
}
