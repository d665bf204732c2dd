/** Whether a room that is in nobody's memory says something of an address: a few rows instead of all of them. */
import type { Store } from '../../../lib/ports/store.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { rowValue } from '../../../lib/runtime/row-values.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { affiliationRows, type HatsRow, hatRows, jidKey, keptRoles, occupantRows, type RoomState, states } from './room-rows.ts';

/** true also when that would have to be looked for in more than a few rows. */
export async function mayKnow(store: Store, domain: string, room: string, gone: GoneAddresses): Promise<boolean> {
  const { few } = gone;
  if (!few) return true;
  const rows = Rows.ofRoom(store, domain, room);
  const names = few.map((jid) => jid.toString());
  const keys = names.flatMap((name) => [rows.keyOf(affiliationRows, jidKey(name)), rows.keyOf(keptRoles, jidKey(name))]);
  const [state, hats, ...granted] = await store.batchGet([rows.keyOf(states, ''), rows.keyOf(hatRows, ''), ...keys], {
    consistent: true,
  });
  if (granted.some((row) => row !== undefined)) return true;
  const wearers = hats ? rowValue<HatsRow>(hats).wearers : {};
  if (names.some((name) => Object.hasOwn(wearers, name))) return true;
  // What the last batch was to write may not be written yet: whoever loads the room does it.
  const pending = state ? JSON.stringify(rowValue<RoomState>(state).redo) : '';
  if (names.some((name) => pending.includes(JSON.stringify(name).slice(1, -1)))) return true;
  return (await rows.list(occupantRows, { limit: 1 })).length > 0;
}
