/**
 * Entering a room: XEP-0045 §7.2, and §10.1 when the room does not exist yet.
 *
 * A presence without `<x xmlns='…/muc'/>` does not enter (§7.2.14, presence.ts).
 */

import { isGuestName } from '../../../lib/runtime/guest-names.ts';
import { isSameSecret } from '../../../lib/runtime/secrets.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Affiliation, isAdminRank } from '../core/affiliation.ts';
import { isBroadcast, newConfig } from '../core/config.ts';
import { noteOccupants, putListing } from '../core/listing.ts';
import { NS_MUC } from '../core/namespaces.ts';
import { occupantId } from '../core/occupant-id.ts';
import { tooFast } from '../core/pace.ts';
import type { Occupant, OccupantSeat, Room, Seat } from '../core/room.ts';
import { tellOfRoom } from '../core/room-events.ts';
import type { Candidate, Entry } from '../core/room-feature.ts';
import { configs } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { setAffiliation } from './affiliation-change.ts';
import { announce } from './announce.ts';
import { eraseEarlier } from './dissolve.ts';
import { type HistoryWish, readHistoryWish, sendHistory } from './history.ts';
import { roleOnEntry } from './kept-role.ts';
import { checkNickIsFree, lockedNick, prepareNick } from './nick.ts';
import { sendSubject } from './subject.ts';

/** @throws {StanzaError} as in §7.2.5 to §7.2.10, and §10.1.1 */
export function enter(turn: RoomTurn, stanza: Stanza, presence: string): void {
  const { room, from } = turn;
  if (from.isBare) throw new StanzaError('jid-malformed', 'only a full JID can enter a room');
  const extension = stanza.child('x', NS_MUC);
  const wish = readHistoryWish(extension);
  const asked = stanza.to!.resource;
  const nick = (room.config && lockedNick(turn, from.bare)) ?? prepareNick(turn, asked);
  if (room.config) checkEntry(turn, { stanza, nick, affiliation: turn.affiliation }, extension);
  else checkCreation(turn);
  const isNew = room.config === undefined;
  if (isNew) createRoom(turn);
  const { config } = turn;

  const seat: Seat = {
    jid: from,
    address: turn.address,
    presence,
    joinedAt: turn.now,
    after: turn.lastId,
    hides: turn.hides,
  };
  const occupant: Occupant = room.withNick(nick) ?? {
    nick,
    role: roleOnEntry(turn),
    bare: from.bare,
    incarnation: turn.incarnation,
    id: occupantId(room, from.bare, turn.incarnation),
    seats: [],
  };
  room.addSeat(occupant, seat);
  turn.putSeat(occupant, seat);
  turn.putPresence(seat);
  noteOccupants(turn);

  const selfStatuses = [
    ...(config.whois === 'anyone' ? [100] : []),
    ...(config.archive ? [170] : []),
    ...(isNew ? [201] : []),
    ...(occupant.nick === asked ? [] : [210]),
  ];
  sendState(turn, { stanza, occupant, seat }, { selfStatuses, wish });
}

/** §15.3: an occupant that enters again has lost its state, and gets all of it again. */
export function resync(
  turn: RoomTurn,
  own: OccupantSeat,
  stanza: Stanza,
  { wish, hasNews, codes }: { readonly wish: HistoryWish; readonly hasNews: boolean; readonly codes: readonly number[] },
): void {
  const { config } = turn;
  // The client begins from scratch, and says how much of the past it wants.
  own.seat.missedFrom = undefined;
  own.seat.after = turn.lastId;
  own.seat.joinedAt = turn.now; // it may be a new session with the same address
  turn.room.missed.delete(own.seat);
  turn.putSeat(own.occupant, own.seat);
  const selfStatuses = [...(config.whois === 'anyone' ? [100] : []), ...(config.archive ? [170] : []), ...codes];
  sendState(turn, { stanza, ...own }, { selfStatuses, wish, audience: hasNews ? undefined : [own] });
}

/**
 * What an occupant is sent when it enters, in the order of §7.1: the others' presence, its own with 110, history, subject.
 * Features may add to it before either presence.
 */
function sendState(
  turn: RoomTurn,
  entry: Entry,
  { selfStatuses, wish, audience }: { selfStatuses: readonly number[]; wish: HistoryWish; audience?: OccupantSeat[] | undefined },
): void {
  const { stanza, occupant, seat } = entry;
  const stages = turn.dependencies.features.entry;
  for (const { beforePresence } of stages) beforePresence?.(turn, entry);
  sendRoster(turn, entry);
  for (const { beforeOwnPresence } of stages) beforeOwnPresence?.(turn, entry);
  const selfChildren = stages.flatMap(({ amend }) => amend?.(turn) ?? []);
  announce(turn, { occupant, seat, selfStatuses, selfChildren, id: stanza.id }, audience);
  sendHistory(turn, seat, wish);
  sendSubject(turn, seat);
}

/** §7.2.2: sends the presence of everybody else. */
function sendRoster(turn: RoomTurn, to: OccupantSeat): void {
  for (const occupant of turn.room.occupants.values()) {
    if (occupant === to.occupant || !isBroadcast(turn.config, occupant.role)) continue;
    announce(turn, { occupant, seat: occupant.seats.at(-1)! }, [to]);
  }
}

/** §7.2.5 to §7.2.10. @throws {StanzaError} */
function checkEntry(turn: RoomTurn, candidate: Candidate, extension: Element | undefined): void {
  const { room, config } = turn;
  const { affiliation, nick } = candidate;
  if (config.isLocked && affiliation !== 'owner') throw new StanzaError('item-not-found', 'the room is not open yet');
  if (affiliation === 'outcast') throw new StanzaError('forbidden', 'you are banned from this room');
  if (config.membersOnly && affiliation === 'none') {
    throw new StanzaError('registration-required', 'only members may enter this room');
  }
  if (config.password !== '' && affiliation !== 'owner') checkPassword(turn, extension);
  if (isFull(room, affiliation, nick)) throw new StanzaError('service-unavailable', 'the room is full', { type: 'wait' });
  checkNickIsFree(turn, nick);
  if ((room.withNick(nick)?.seats.length ?? 0) >= roomLimits.sessionsPerNickMax) {
    throw new StanzaError('resource-constraint', `a nick has at most ${roomLimits.sessionsPerNickMax} clients`);
  }
  for (const { guard } of turn.dependencies.features.entry) guard?.(turn, candidate);
  // This is the last check, so that people who are refused do not keep others out.
  if (!isAdminRank(affiliation)) turn.dependencies.pace.demand('entry', room.jid.toString());
}

/** §7.2.9: some places are kept for admins and owners, whatever bound the room itself has. */
export function isFull(room: Room, affiliation: Affiliation, nick: string): boolean {
  const { seats, occupants } = room;
  if (isAdminRank(affiliation)) return seats.size >= roomLimits.sessionsMax;
  if (seats.size >= roomLimits.sessionsMax - roomLimits.sessionsKeptForAdmins) return true;
  return occupants.size >= room.existing.maxUsers && !room.withNick(nick);
}

/**
 * §7.2.5. An account may guess only a few times. So may all accounts of another domain together, because that domain may have as
 * many accounts as it likes.
 */
function checkPassword(turn: RoomTurn, extension: Element | undefined): void {
  const { pace } = turn.dependencies;
  const password = extension?.getChildText('password', NS_MUC) ?? '';
  if (password === '') throw new StanzaError('not-authorized', 'the room needs its password');
  const person = `${turn.room.jid} ${turn.from.bare}`;
  const domain = `${turn.room.jid} ${turn.from.domain}`;
  const isStranger = turn.from.domain !== turn.tenant.domain;
  const seconds = Math.max(pace.wait('password', person), isStranger ? pace.wait('domainPassword', domain) : 0);
  if (seconds > 0) throw tooFast(seconds);
  if (isSameSecret(password, turn.config.password)) return;
  pace.take('password', person);
  if (isStranger) pace.take('domainPassword', domain);
  throw new StanzaError('not-authorized', 'wrong password');
}

/** §10.1.1. @throws {StanzaError} not-allowed, resource-constraint, policy-violation */
function checkCreation(turn: RoomTurn): void {
  const { from, dependencies, tenant } = turn;
  if (from.domain !== tenant.domain) throw new StanzaError('not-allowed', 'only accounts of this domain may create rooms');
  if (isGuestName(tenant, from.local)) throw new StanzaError('not-allowed', 'guests cannot create rooms');
  if (turn.isTenantFull) throw new StanzaError('resource-constraint', `${tenant.domain} has as many rooms as it may have`);
  if (turn.isMakerFull(from.bare))
    throw new StanzaError('resource-constraint', 'you have created as many rooms as an account may have');
  dependencies.pace.demand('creation', from.bare.toString());
}

/** §10.1: whoever creates a room owns it. The room is locked until the owner has configured it. */
function createRoom(turn: RoomTurn): void {
  const { room, from } = turn;
  const owner = from.bare.toString();
  const since = turn.nextId();
  room.config = newConfig(new Date(turn.now).toISOString(), since, turn.newSecret(), owner);
  turn.put(configs, '', room.config);
  setAffiliation(turn, owner, { jid: owner, affiliation: 'owner' });
  putListing(turn);
  tellOfRoom(turn, 'room.made');
  // The worker that dissolved an earlier room of this name may have died before it had erased everything.
  eraseEarlier(turn, since);
}
