/** `skylark room …`. */
import { roomAffiliations } from '../../../lib/runtime/room-admin-wire.ts';
import { roomAffiliate, roomDestroy, roomKick, roomList, roomShow } from '../../router/operations/rooms.ts';
import type { Values } from '../core/arguments.ts';
import { quoted, say, UsageError } from '../core/report.ts';
import type { roomDestroyOptions, runningListOptions } from './account-options.ts';
import { adminOf, all, one, withAdmin } from './admin-command.ts';

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

/** `skylark room show DOMAIN ROOM`. */
export async function showRoom(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, room] = all('room show', ['DOMAIN', 'ROOM'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const found = await admin.ask(roomShow, { domain, room });
    if (values.json) {
      say(JSON.stringify(found));
      return;
    }
    const { occupants, affiliations, ...settings } = found;
    for (const [name, value] of Object.entries(settings)) say(`${name.padEnd(18)}${quoted(value)}`);
    for (const { nick, jid, role } of occupants) say(`occupant  ${quoted(nick)}  ${jid}  ${role}`);
    for (const { jid, affiliation, reason } of affiliations)
      say(`${affiliation}  ${jid}${reason === undefined ? '' : `  ${quoted(reason)}`}`);
  });
}

/** `skylark room affiliate DOMAIN ROOM JID AFFILIATION`. */
export async function affiliate(values: Values<typeof roomDestroyOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, room, person, affiliation] = all('room affiliate', ['DOMAIN', 'ROOM', 'JID', 'AFFILIATION'], positionals);
  const wanted = roomAffiliations.find((one) => one === affiliation);
  if (wanted === undefined)
    throw new UsageError(`'${affiliation}' is not an affiliation; it takes ${roomAffiliations.join(', ')}`);
  const { reason } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const asked = { domain, room, person, affiliation: wanted, ...(reason !== undefined && { reason }) };
    const done = await admin.ask(roomAffiliate, asked);
    say(`${done.person} is ${done.affiliation} of ${done.room}`);
  });
}

/** `skylark room kick DOMAIN ROOM NICK`. */
export async function kick(values: Values<typeof roomDestroyOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, room, nick] = all('room kick', ['DOMAIN', 'ROOM', 'NICK'], positionals);
  const { reason } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const done = await admin.ask(roomKick, { domain, room, nick, ...(reason !== undefined && { reason }) });
    say(`${done.jid} is out of ${done.room}`);
  });
}

/** `skylark room destroy DOMAIN ROOM`. */
export async function destroyRoom(values: Values<typeof roomDestroyOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, room] = all('room destroy', ['DOMAIN', 'ROOM'], positionals);
  const { reason } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const destroyed = await admin.ask(roomDestroy, { domain, room, ...(reason !== undefined && { reason }) });
    say(`destroyed ${destroyed.room}`);
  });
}
