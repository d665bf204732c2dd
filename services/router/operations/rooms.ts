/** Operations on the rooms of a tenant. */
import { z } from 'zod';
import { directoryOf, listNames, roomNames } from '../../../lib/runtime/directory.ts';
import { ask, checkDone } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type RoomAdmin, type RoomFound, roomAdminAnswer, roomAffiliations } from '../../../lib/runtime/room-admin-wire.ts';
import { roomShard } from '../../../lib/runtime/shards.ts';
import { roomsDomain } from '../../../lib/runtime/tenants.ts';
import type { RoomErasureRequest } from '../../../lib/runtime/wire.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { askRoom } from '../removal/elsewhere.ts';
import { afterInput, domainInput, findTenant } from './inputs.ts';
import { operationLimits } from './limits.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const listed = z.object({ room: z.string(), createdAt: z.string(), madeBy: z.string().optional() });
/** The name of the room: the part of its address before the @. */
const roomInput = z.string().min(1);
const reasonInput = z.string().max(routerLimits.roomReasonCharactersMax).optional();
const versionInput = z
  .string()
  .max(operationLimits.versionCharactersMax)
  .optional()
  .describe('refused if the room has another one by now');

export const roomList = operation({
  name: 'room-list',
  input: z.strictObject({ domain: domainInput, after: afterInput }),
  /** `next` is what to ask for as `after`; absent on the last page. */
  output: z.object({ rooms: z.array(listed), next: z.string().optional() }),
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

const described = z.object({
  room: z.string(),
  ...{ name: z.string(), description: z.string(), createdAt: z.string(), madeBy: z.string().optional() },
  ...{ isPersistent: z.boolean(), isPublic: z.boolean(), isMembersOnly: z.boolean(), isModerated: z.boolean() },
  hasPassword: z.boolean(),
  /** How many there are; the lists have a hundred. */
  occupantCount: z.number(),
  occupants: z.array(z.object({ nick: z.string(), jid: z.string(), role: z.string(), affiliation: z.string() })),
  affiliationCount: z.number(),
  affiliations: z.array(
    z.object({ jid: z.string(), affiliation: z.string(), nick: z.string().optional(), reason: z.string().optional() }),
  ),
  /** Another one after each change of configuration or affiliations. */
  version: z.string(),
});

export const roomShow = operation({
  name: 'room-show',
  input: z.strictObject({ domain: domainInput, room: roomInput }),
  output: described,
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Shows a room: its settings, who is in it, and its affiliations. No message is shown.',
  commands: ['room show'],
  http: { method: 'get', path: '/tenants/{domain}/rooms/{room}', version: 'version' },
  async run(dependencies, { domain, room }) {
    const jid = await findRoom(dependencies, domain, room);
    return { room: `${jid}`, ...writable(await administer(dependencies, domain, jid, { verb: 'look' })) };
  },
});

/** Zod's arrays are not `readonly`. */
function writable(found: RoomFound | undefined): Omit<z.input<typeof described>, 'room'> {
  return { ...found!, occupants: [...found!.occupants], affiliations: [...found!.affiliations] };
}

export const roomAffiliate = operation({
  name: 'room-affiliate',
  input: z.strictObject({
    domain: domainInput,
    room: roomInput,
    /** A bare address, or a domain: all of its people. */
    person: z.string().transform((given, context) => {
      const jid = Jid.tryParse(given);
      if (jid?.isBare) return jid;
      context.addIssue(`'${given}' is not the address of a person or a domain`);
      return z.NEVER;
    }),
    affiliation: z.enum(roomAffiliations).describe('outcast: a ban; none: what they have ends'),
    reason: reasonInput,
    version: versionInput,
  }),
  output: z.object({
    room: z.string(),
    person: z.string(),
    affiliation: z.enum(roomAffiliations),
    version: z.string().optional(),
  }),
  right: 'tenant.rooms',
  isRepeatable: true,
  help: 'Sets what somebody is to a room: owner, admin, member, banned, or nothing.',
  commands: ['room affiliate'],
  http: { method: 'put', path: '/tenants/{domain}/rooms/{room}/affiliations/{person}', version: 'version' },
  async run(dependencies, { domain, room, person, affiliation, reason, version }) {
    const jid = await findRoom(dependencies, domain, room);
    const asked = { verb: 'affiliate', jid: `${person}`, affiliation, reason, version } as const;
    const found = await administer(dependencies, domain, jid, asked);
    return { room: `${jid}`, person: `${person}`, affiliation, version: found?.version };
  },
});

export const roomKick = operation({
  name: 'room-kick',
  input: z.strictObject({
    domain: domainInput,
    room: roomInput,
    nick: z.string().min(1).describe('the name in the room'),
    reason: reasonInput,
  }),
  output: z.object({ room: z.string(), nick: z.string(), jid: z.string() }),
  right: 'tenant.rooms',
  isRepeatable: false,
  help: 'Puts somebody out of a room. They may come back, unless they are banned.',
  commands: ['room kick'],
  http: { method: 'post', path: '/tenants/{domain}/rooms/{room}/occupants/{nick}/kick' },
  async run(dependencies, { domain, room, nick, reason }) {
    const jid = await findRoom(dependencies, domain, room);
    const answer = await askAdmin(dependencies, domain, jid, { verb: 'kick', nick, reason });
    const kicked = answer.take('kicked');
    if (kicked === undefined) throw olderWorker(jid);
    return { room: `${jid}`, nick, jid: kicked };
  },
});

export const roomDestroy = operation({
  name: 'room-destroy',
  input: z.strictObject({
    domain: domainInput,
    room: roomInput,
    reason: reasonInput.describe('what the occupants are told'),
    version: versionInput,
  }),
  output: z.object({ room: z.string() }),
  right: 'tenant.rooms',
  isRepeatable: true,
  help: 'Destroys a room with its history, and tells its occupants.',
  commands: ['room destroy'],
  http: { method: 'delete', path: '/tenants/{domain}/rooms/{room}', version: 'version' },
  async run(dependencies, { domain, room: given, reason, version }) {
    const jid = await findRoom(dependencies, domain, given);
    if (version === undefined) {
      await askRoom(dependencies, { kind: 'destroy', domain, room: jid.local, addresses: [], reason });
    } else {
      await administer(dependencies, domain, jid, { verb: 'destroy', reason, version });
    }
    return { room: `${jid}` };
  },
});

/** @returns how the room is then. @throws {Refusal} @throws {Unavailable} when no worker that understands it answers */
async function administer(parts: Dependencies, domain: string, jid: Jid, admin: RoomAdmin): Promise<RoomFound | undefined> {
  return (await askAdmin(parts, domain, jid, admin)).take('room');
}

/** The same, for what else the worker tells. */
async function askAdmin({ bus }: Dependencies, domain: string, jid: Jid, admin: RoomAdmin) {
  const request: RoomErasureRequest = { kind: 'forget', domain, room: jid.local, addresses: [], admin };
  const subject = roomShard(domain, jid.local);
  const answer = await ask(bus, roomAdminAnswer, subject, encodeFrame(request), operationLimits.roomAnswerMs);
  checkDone(answer, subject);
  switch (answer.take('refusal')) {
    case undefined:
      throw olderWorker(jid);
    case 'absent':
      throw new Refusal('absent', `there is no room '${jid}'`);
    case 'stale':
      throw new Refusal('stale', `'${jid}' was changed since: look at it again`);
    case 'conflict':
      throw new Refusal('conflict', `'${jid}' refuses: ${answer.take('why') ?? ''}`);
    default:
      return answer;
  }
}

function olderWorker(jid: Jid): Refusal {
  return new Refusal('unanswered', `the worker of '${jid}' is of an older version; try again when it was replaced`);
}

/** @throws {Refusal} when there is no such room */
async function findRoom(dependencies: Dependencies, domain: string, name: string): Promise<Jid> {
  await findTenant(dependencies, domain);
  const jid = roomJid(name, domain);
  if (!(await directoryOf(dependencies.store, domain, jid.local).get(roomNames, jid.local)))
    throw new Refusal('absent', `there is no room '${jid}'`);
  return jid;
}

/** @throws {Refusal} */
function roomJid(name: string, domain: string): Jid {
  try {
    return Jid.of(name, roomsDomain(domain));
  } catch (error) {
    if (error instanceof StanzaError) throw new Refusal('invalid', `'${name}' is not the name of a room`);
    throw error;
  }
}
