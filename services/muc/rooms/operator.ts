/** What operators of the tenant do to a room from outside: look who is in it, put somebody out, change an affiliation, end it. No message is shown. */
import { createHash } from 'node:crypto';
import type { RoomAdmin, RoomAdminReply, RoomFound } from '../../../lib/runtime/room-admin-wire.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Affiliation } from '../core/affiliation.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { applyAffiliationChange, checkRoomForAffiliations } from './affiliation-change.ts';
import { endIfEmpty, removeOccupant } from './leave.ts';
import { destroyByOperator } from './owner.ts';

type Told = Pick<RoomAdminReply, 'room' | 'refusal' | 'kicked' | 'why'>;

export function administer(turn: RoomTurn, admin: RoomAdmin): Told {
  const { config } = turn.room;
  if (config === undefined) return { refusal: 'absent' };
  const { verb, version } = admin;
  if (version !== undefined && version !== versionOf(turn)) return { refusal: 'stale' };
  if (verb === 'destroy') {
    destroyByOperator(turn, admin.reason);
    return { refusal: 'none' };
  }
  if (verb === 'affiliate') {
    const why = affiliate(turn, Jid.parse(admin.jid!), admin.affiliation!, admin.reason);
    if (why !== undefined) return { refusal: 'conflict', why };
  }
  const kicked = verb === 'kick' ? kick(turn, admin.nick!, admin.reason) : undefined;
  if (verb === 'kick' && kicked === undefined) return { refusal: 'conflict', why: `nobody there is called '${admin.nick!}'` };
  // Whoever was put out may have been the last one.
  return { refusal: 'none', kicked, ...(turn.room.config !== undefined && { room: describe(turn) }) };
}

/** §8.2. An operator puts out owners, too. @returns who was put out */
function kick(turn: RoomTurn, nick: string, reason: string | undefined): string | undefined {
  const occupant = turn.room.withNick(nick);
  if (occupant === undefined) return undefined;
  const { bare } = occupant;
  removeOccupant(turn, occupant, { statuses: [307], reason });
  endIfEmpty(turn);
  return `${bare}`;
}

/** @returns why it cannot be done */
function affiliate(turn: RoomTurn, jid: Jid, affiliation: Affiliation, reason: string | undefined): string | undefined {
  const { affiliations } = turn.room;
  const before = affiliations.get(`${jid}`)?.affiliation ?? 'none';
  if (before === 'owner' && affiliation !== 'owner' && affiliations.ownerCount === 1) return 'a room needs an owner'; // §10.4
  try {
    if (before === 'none' && affiliation !== 'none') checkRoomForAffiliations(turn, 1);
  } catch (error) {
    if (error instanceof StanzaError) return error.message;
    throw error;
  }
  applyAffiliationChange(turn, { jid, affiliation, reason });
  return undefined;
}

function versionOf({ room }: RoomTurn): string {
  const affiliations = [...room.affiliations.values()].sort((one, other) => (one.jid < other.jid ? -1 : 1));
  const text = JSON.stringify([room.config, affiliations]);
  return createHash('sha256').update(text).digest('base64url').slice(0, roomLimits.operatorVersionCharacters);
}

function describe(turn: RoomTurn): RoomFound {
  const { room } = turn;
  const { name, description, createdAt, madeBy, persistent, membersOnly, moderated, password, public: isPublic } = room.existing;
  const occupants = [...room.occupants.values()];
  const affiliations = [...room.affiliations.values()];
  return {
    ...{ name, description, createdAt, madeBy, isPersistent: persistent, isPublic, isMembersOnly: membersOnly },
    ...{ isModerated: moderated, hasPassword: password !== '' },
    occupantCount: occupants.length,
    occupants: occupants.slice(0, roomLimits.operatorOccupantsMax).map(({ nick, bare, role }) => ({
      ...{ nick, jid: `${bare}`, role, affiliation: room.affiliationOf(bare) },
    })),
    affiliationCount: affiliations.length,
    affiliations: affiliations.slice(0, roomLimits.operatorAffiliationsMax).map(({ jid, affiliation, nick, reason }) => ({
      ...{ jid, affiliation, nick, reason },
    })),
    version: versionOf(turn),
  };
}
