/** Operations on the rooms of a tenant. */
import { z } from 'zod';
import { directoryOf, listNames, roomNames } from '../../../lib/runtime/directory.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { roomsDomain } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { routerLimits } from '../limits.ts';
import { askRoom } from '../removal/elsewhere.ts';
import { afterInput, domainInput, findTenant } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const room = z.object({ room: z.string(), createdAt: z.string(), madeBy: z.string().optional() });

export const roomList = operation({
  name: 'room-list',
  input: z.strictObject({ domain: domainInput, after: afterInput }),
  /** `next` is what to ask for as `after`; absent on the last page. */
  output: z.object({ rooms: z.array(room), next: z.string().optional() }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists a page of the rooms of a tenant, hidden ones too.',
  commands: ['room list'],
  http: { method: 'get', path: '/tenants/{domain}/rooms' },
  async run({ store, ...dependencies }, { domain, after }) {
    await findTenant({ store, ...dependencies }, domain);
    const names = await listNames(store, domain, roomNames, runtimeLimits.adminPageMax, after);
    const rows = await Promise.all(names.map((name) => directoryOf(store, domain, name).get(roomNames, name)));
    const rooms = names.flatMap((name, at) => {
      const row = rows[at]?.value;
      return row ? [{ room: `${Jid.of(name, roomsDomain(domain))}`, createdAt: row.createdAt, madeBy: row.madeBy }] : [];
    });
    return { rooms, next: names.length === runtimeLimits.adminPageMax ? names.at(-1) : undefined };
  },
});

export const roomDestroy = operation({
  name: 'room-destroy',
  input: z.strictObject({
    domain: domainInput,
    /** The name of the room: the part of its address before the @. */
    room: z.string().min(1),
    /** The occupants are told. */
    reason: z.string().max(routerLimits.roomReasonCharactersMax).optional(),
  }),
  output: z.object({ room: z.string() }),
  right: 'tenant.rooms',
  isRepeatable: true,
  help: 'Destroys a room with its history, and tells its occupants.',
  commands: ['room destroy'],
  http: { method: 'delete', path: '/tenants/{domain}/rooms/{room}' },
  async run(dependencies, { domain, room: given, reason }) {
    await findTenant(dependencies, domain);
    const jid = roomJid(given, domain);
    const { local } = jid;
    if (!(await directoryOf(dependencies.store, domain, local).get(roomNames, local)))
      throw new Refusal('absent', `there is no room '${jid}'`);
    await askRoom(dependencies, { kind: 'destroy', domain, room: local, addresses: [], reason });
    return { room: `${jid}` };
  },
});

/** @throws {Refusal} */
function roomJid(name: string, domain: string): Jid {
  try {
    return Jid.of(name, roomsDomain(domain));
  } catch (error) {
    if (error instanceof StanzaError) throw new Refusal('invalid', `'${name}' is not the name of a room`);
    throw error;
  }
}
