/** Whether a room that no worker has in memory may know an address. A few rows tell, instead of all of them. */
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { rowValue } from '../../../lib/runtime/row-values.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { RoomDependencies } from './dependencies.ts';
import { affiliationRows, jidKey, keptRoles, occupantRows, type RoomState, stateOf, states } from './room-rows.ts';

/** @returns true also when the answer would take more than a few rows */
export async function mayKnow(
  { store, features }: RoomDependencies,
  domain: string,
  room: string,
  gone: GoneAddresses,
): Promise<boolean> {
  const { few } = gone;
  if (!few) return true;
  const rows = Rows.ofRoom(store, domain, room);
  const names = few.map((jid) => jid.toString());
  const grants = features.forgets.flatMap((forgetting) => forgetting.grants ?? []);
  const [state, ...found] = await store.batchGet(
    [
      rows.keyOf(states, ''),
      ...grants.map(({ collection }) => rows.keyOf(collection, '')),
      ...names.flatMap((name) => [rows.keyOf(affiliationRows, jidKey(name)), rows.keyOf(keptRoles, jidKey(name))]),
    ],
    { consistent: true },
  );
  for (const [index, { names: namesIn }] of grants.entries()) {
    const row = found[index];
    const known = new Set(row ? namesIn(rowValue(row)) : []);
    if (names.some((name) => known.has(name))) return true;
  }
  if (found.slice(grants.length).some((row) => row !== undefined)) return true;
  // What the last batch was to write may not be written yet: whoever loads the room does that.
  const pending = state ? JSON.stringify(stateOf(rowValue<RoomState>(state)).pendingWrites) : '';
  if (names.some((name) => pending.includes(JSON.stringify(name).slice(1, -1)))) return true;
  return (await rows.list(occupantRows, { limit: 1 })).length > 0;
}
