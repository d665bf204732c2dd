/**
 * Addresses that are removed from the deployment. Everything that the room has granted to them ends, so that somebody who gets
 * such an address later is a stranger here. Their messages stay, because they belong to the room.
 */

import type { Collection } from '../../../lib/runtime/collection.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { affiliationRank } from '../core/affiliation.ts';
import type { RoomFeature } from '../core/room-feature.ts';
import { affiliationRows, keptRoles, occupantRows } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { applyAffiliationChange } from './affiliation-change.ts';
import { dissolve } from './dissolve.ts';
import { forgetRole } from './kept-role.ts';
import { endIfEmpty, removeOccupant } from './leave.ts';

/** All collections of rooms that give rights to addresses. */
export function forgottenWith(features: readonly RoomFeature[]): readonly Collection<unknown>[] {
  const granted = features.flatMap(({ forgets }) => forgets?.grants ?? []).map(({ collection }) => collection);
  return [affiliationRows, keptRoles, occupantRows, ...granted];
}

/** @returns true when another turn must go on, because one turn may only write so much */
export function forgetAddresses(turn: RoomTurn, gone: GoneAddresses): boolean {
  const { room } = turn;
  if (!room.config) return false;
  let left = roomLimits.forgottenMax;
  const each = (names: Iterable<string>, forget: (jid: Jid) => void): void => {
    for (const name of [...names]) {
      const jid = Jid.parse(name);
      if (!gone.has(jid)) continue;
      if (--left < 0) return;
      forget(jid);
    }
  };
  each(room.affiliations.keys(), (jid) => {
    applyAffiliationChange(turn, { jid, affiliation: 'none', reason: undefined, isToldAlready: true });
  });
  each(room.keptRoles.keys(), (jid) => forgetRole(turn, jid));
  for (const { occupant } of [...room.seats.values()]) {
    if (gone.has(occupant.bare) && occupant.seats.length > 0 && --left >= 0) {
      removeOccupant(turn, occupant, { statuses: [333] });
    }
  }
  if (left < 0) return true;
  for (const { forget } of turn.dependencies.features.forgets) forget(turn, gone);
  if (isClosedForEver(turn)) dissolve(turn);
  else endIfEmpty(turn);
  return false;
}

/** The room is empty, and nobody is left who could enter it or let somebody in. */
function isClosedForEver({ room, config }: RoomTurn): boolean {
  if ((!config.membersOnly && !config.isLocked) || room.seats.size > 0) return false;
  const member = affiliationRank('member');
  return ![...room.affiliations.values()].some(({ affiliation }) => affiliationRank(affiliation) >= member);
}
