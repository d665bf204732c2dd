/**
 * Entering a room: XEP-0045 §7.2, and §10.1 when there is none yet.
 *
 * A presence without `<x xmlns='…/muc'/>` enters too (§7.2.14, groupchat 1.0): such a client knows no configuration, so a room that
 * it makes is open at once and not locked.
 *
 * The order is that of §7.2.2: the others' presence, the own with 110, history, subject.
 */
import { limits } from '../../lib/limits.ts';
import type { Element } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { affiliationRank, initialRole } from './affiliation.ts';
import { announce } from './announce.ts';
import { newConfig } from './config.ts';
import { sendHistory } from './history.ts';
import { NS_MUC } from './namespaces.ts';
import { checkNickIsFree, prepareNick } from './nick.ts';
import { occupantId } from './occupant-id.ts';
import type { Occupant, Session } from './room.ts';
import { configs } from './room-rows.ts';
import type { RoomTurn } from './room-turn.ts';
import { sendSubject } from './subject.ts';

/** @throws {StanzaError} of §7.2.15 */
export function enter(turn: RoomTurn, stanza: Stanza, presence: string): void {
  const { room, from } = turn;
  if (from.isBare) throw new StanzaError('jid-malformed', 'only a full JID can enter a room');
  const extension = stanza.child('x', NS_MUC);
  const asked = stanza.to!.resource;
  const nick = prepareNick(turn, asked);
  if (room.config) checkEntry(turn, extension, nick);
  else if (from.domain !== turn.tenant.domain) throw new StanzaError('not-allowed', 'only accounts of this domain make rooms');
  const isNew = room.config === undefined;
  if (isNew) createRoom(turn, extension !== undefined);
  const { config } = turn;

  const session: Session = { jid: from, address: turn.address, presence, joinedAt: turn.now };
  const occupant: Occupant = room.withNick(nick) ?? {
    nick,
    role: initialRole(turn.affiliation, config.moderated),
    bare: from.bare,
    id: occupantId(turn.tenant.secret, room.jid, from.bare),
    sessions: [],
  };
  room.addSession(occupant, session);
  turn.putSession(occupant, session);
  turn.putPresence(session);

  const selfStatuses = [
    ...(config.whois === 'anyone' ? [100] : []),
    ...(config.archive ? [170] : []),
    ...(isNew ? [201] : []),
    ...(occupant.nick === asked ? [] : [210]),
  ];
  sendRoster(turn, { occupant, session });
  announce(turn, { occupant, session, selfStatuses, id: stanza.id });
  sendHistory(turn, session, extension?.getChild('history', NS_MUC));
  sendSubject(turn, session);
}

/** §15.3: who enters although it is inside has lost its state, and gets all of it again. */
export function resync(turn: RoomTurn, own: { occupant: Occupant; session: Session }, stanza: Stanza, hasChanged: boolean): void {
  const { config } = turn;
  sendRoster(turn, own);
  const selfStatuses = [...(config.whois === 'anyone' ? [100] : []), ...(config.archive ? [170] : [])];
  const audience = hasChanged ? turn.room.sessions() : [own];
  announce(turn, { ...own, selfStatuses, id: stanza.id }, audience);
  sendHistory(turn, own.session, stanza.child('x', NS_MUC)?.getChild('history', NS_MUC));
  sendSubject(turn, own.session);
}

/** §7.2.2: the presence of everybody else. */
function sendRoster(turn: RoomTurn, to: { occupant: Occupant; session: Session }): void {
  for (const occupant of turn.room.occupants.values()) {
    if (occupant !== to.occupant) announce(turn, { occupant, session: occupant.sessions.at(-1)! }, [to]);
  }
}

/** §7.2.5 to §7.2.10. */
function checkEntry(turn: RoomTurn, extension: Element | undefined, nick: string): void {
  const { room, config, affiliation } = turn;
  if (config.isLocked && affiliation !== 'owner') throw new StanzaError('item-not-found', 'the room is not open yet');
  if (affiliation === 'outcast') throw new StanzaError('forbidden', 'you are banned from this room');
  const isAdmin = affiliationRank(affiliation) >= affiliationRank('admin');
  if (config.membersOnly && affiliation === 'none') {
    throw new StanzaError('registration-required', 'only members may enter this room');
  }
  const password = extension?.getChildText('password', NS_MUC) ?? '';
  if (config.password !== '' && affiliation !== 'owner' && password !== config.password) {
    throw new StanzaError('not-authorized', 'the room needs its password');
  }
  const isFull = room.occupants.size >= config.maxUsers && !isAdmin && !room.withNick(nick);
  if (isFull || room.sessionCount >= limits.roomSessionsMax) {
    throw new StanzaError('service-unavailable', 'the room is full', { type: 'wait' });
  }
  checkNickIsFree(turn, nick);
  if ((room.withNick(nick)?.sessions.length ?? 0) >= limits.roomSessionsPerNickMax) {
    throw new StanzaError('resource-constraint', `a nick has at most ${limits.roomSessionsPerNickMax} clients`);
  }
}

/** §10.1: who makes a room owns it. */
function createRoom(turn: RoomTurn, isLocked: boolean): void {
  const { room, from } = turn;
  const owner = from.bare.toString();
  room.config = newConfig(new Date(turn.now).toISOString(), turn.nextId(), isLocked);
  room.affiliations.set(owner, { jid: owner, affiliation: 'owner' });
  turn.put(configs, '', room.config);
  turn.putAffiliation(owner);
  turn.putDirectory(room.config);
}
