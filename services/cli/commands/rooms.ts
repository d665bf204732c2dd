/** `skylark room …`. */
import { roomDestroy, roomList } from '../../router/operations/rooms.ts';
import type { Values } from '../core/arguments.ts';
import { say, UsageError } from '../core/report.ts';
import type { roomDestroyOptions, runningListOptions } from './account-options.ts';
import { adminOf, none, one, withAdmin } from './admin-command.ts';

export async function listRooms(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('room list', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    for (let after: string | undefined; ; ) {
      const page = await admin.ask(roomList, after === undefined ? { domain } : { domain, after });
      for (const room of page.rooms) say(values.json ? JSON.stringify(room) : room.room);
      after = page.next;
      if (after === undefined) return;
    }
  });
}

/** `skylark room destroy DOMAIN ROOM`. */
export async function destroyRoom(values: Values<typeof roomDestroyOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, room, ...rest] = positionals;
  if (domain === undefined || room === undefined)
    throw new UsageError("'skylark room destroy' needs a DOMAIN and the name of a ROOM; see: skylark room list");
  none('room destroy', rest);
  const { reason } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const destroyed = await admin.ask(roomDestroy, { domain, room, ...(reason !== undefined && { reason }) });
    say(`destroyed ${destroyed.room}`);
  });
}
