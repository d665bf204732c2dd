/**
 * The node of an occupant's session has died, and with it what it knew of its client: whether that has heard what the room sent last. All of it
 * may have to wake the client (XEP-0357). It may be counted twice: what the client has heard, and what has rung already.
 */
import { firstIdAt } from '../../../lib/runtime/ids.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Room } from '../core/room.ts';
import { messages } from '../core/room-rows.ts';
import { delayed } from '../rooms/history.ts';
import type { Bell } from './ring.ts';

export interface Silence {
  readonly room: Room;
  /** Full JID of the occupant's session. */
  readonly jid: Jid;
  /** By the deployment's clock. */
  readonly sinceMs: number;
}

/** @throws {Unavailable} */
export async function ringSince(
  { store }: Pick<Dependencies, 'store'>,
  bell: Bell,
  { room, jid, sinceMs }: Silence,
): Promise<void> {
  const seat = room.find(jid)?.seat;
  if (seat === undefined) return;
  const since = firstIdAt(sinceMs);
  const rows = Rows.ofRoom(store, room.domain, room.jid.local);
  const found = await rows.list(messages, {
    after: seat.after > since ? seat.after : since,
    limit: serviceLimits.catchUpPageMax,
  });
  const recipient = { jid, address: seat.address };
  const unheard = found.map(({ value }) => {
    const bytes = Buffer.from(delayed(value, room.jid.toString()));
    return { recipient, sending: { bytes, recipients: [recipient], isLate: true as const } };
  });
  await bell.ring(room, [], unheard, []);
}
