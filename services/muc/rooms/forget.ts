/**
 * Addresses that are removed from the deployment: whatever the room has granted them ends, so that whoever gets one of them later is a
 * stranger here. What they have said stays: it is the room's.
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

/** The collections of rooms that give rights to addresses: all of them are looked at here. */
export function forgottenWith(features: readonly RoomFeature[]): readonly Collection<unknown>[] {
  const granted = features.flatMap(({ forgets }) => forgets?.grants ?? []).map(({ collection }) => collection);
  return [affiliationRows, keptRoles, occupantRows, ...granted];
}

/** @returns whether there is more to forget, for another turn: what one turn may write is bounded */
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

/** Nobody is in it, and nobody may enter, or let somebody in. */
function isClosedForEver({ room, config }: RoomTurn): boolean {
  if ((!config.membersOnly && !config.isLocked) || room.seats.size > 0) return false;
  const member = affiliationRank('member');
  return ![...room.affiliations.values()].some(({ affiliation }) => affiliationRank(affiliation) >= member);
}
