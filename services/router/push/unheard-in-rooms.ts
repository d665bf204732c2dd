/**
 * The node of a session has died, and nobody knows what its client has heard of the rooms that it is in. Each room is asked to look, soon and
 * until it has answered: what is to be asked is a row, because whoever cleans up after a node waits for no room.
 */
import { isOperating, report } from '../../../lib/runtime/faults.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { tellUnheard } from '../core/hand-over.ts';
import { routerLimits } from '../limits.ts';
import { type Due, putDue } from './registrations.ts';

/** Keys of these rows begin so; those of registrations do not. */
const ofRooms = '~';

/** @param session whose node has died */
export async function askRoomsLater(account: Account, { sid, resource, directed = [] }: SessionEntry): Promise<void> {
  const places = directed.filter((address) => address.includes('/'));
  if (places.length === 0) return;
  const { dependencies } = account.turn;
  const now = dependencies.clock.now();
  const unheard = { resource, places, sinceMs: now - routerLimits.unackedRecentMs };
  await putDue(dependencies, now, { owner: account, key: `${ofRooms}${sid}`, unheard });
}

/** Asks them. Those that do not answer are asked again for as long as the session may come back. */
export async function askRooms(dependencies: Dependencies, due: Due): Promise<void> {
  const { owner, unheard } = due;
  const { resource, places, sinceMs } = unheard!;
  const jid = Jid.of(owner.local, owner.domain).withResource(resource).toString();
  const answered = await Promise.all(places.map((place) => isTold(dependencies, Jid.parse(place), { jid, sinceMs })));
  const left = places.filter((_, index) => !answered[index]);
  const now = dependencies.clock.now();
  if (left.length === 0 || now - sinceMs > routerLimits.unackedRecentMs + serviceLimits.resumeTimeoutMs) return;
  await putDue(dependencies, now, { ...due, unheard: { resource, places: left, sinceMs } });
}

async function isTold(
  dependencies: Dependencies,
  place: Jid,
  about: { readonly jid: string; readonly sinceMs: number },
): Promise<boolean> {
  try {
    const found = await dependencies.tenants.place(place.domain);
    if (found?.service === 'rooms') await tellUnheard(dependencies, { domain: found.tenant.domain, room: place.local, ...about });
    return true;
  } catch (error) {
    if (isOperating(error)) return false;
    report(dependencies.log, error, 'a room was not told that the node of an occupant has died', { room: place.bare.toString() });
    return true;
  }
}
