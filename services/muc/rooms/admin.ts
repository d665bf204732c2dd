/** The muc#admin requests: lists of roles and affiliations, read and changed (XEP-0045 §8, §9, §10, §15.4). */

import { contactJid, personOf } from '../../../lib/xmpp/address-shape.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Affiliation, affiliationRank, isAffiliation, isRole, type Role } from '../core/affiliation.ts';
import { NS_MUC_ADMIN } from '../core/namespaces.ts';
import { bannedIn, personIn } from '../core/people.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { type AffiliationChange, applyAffiliationChange, checkAffiliationChanges } from './affiliation-change.ts';
import { endIfEmpty } from './leave.ts';
import { mayReadMembers } from './members.ts';
import { checkNickFor, prepareNick } from './nick.ts';
import { readReason } from './reason.ts';
import { applyRoleChange, checkRoleChange, type RoleChange } from './role-change.ts';

/** Of several items the lists of all, each once; or none, where one is refused. @throws {StanzaError} */
export function getList(turn: RoomTurn, iq: Stanza, query: Element): void {
  const items = query.getChildren('item', NS_MUC_ADMIN);
  if (items.length === 0) throw new StanzaError('bad-request', 'ask for the list of an affiliation or a role');
  checkItemCount(items);
  const wanted = new Map(items.map(({ attrs: { affiliation, role } }) => [`${affiliation} ${role}`, { affiliation, role }]));
  const lists = [...wanted.values()].map(({ affiliation, role }) => {
    if (isAffiliation(affiliation) && role === undefined) return affiliationList(turn, affiliation);
    if (isRole(role) && affiliation === undefined) return roleList(turn, role);
    throw new StanzaError('bad-request', 'an item asks for the list of one affiliation or one role');
  });
  turn.result(iq, xml('query', { xmlns: NS_MUC_ADMIN }, lists));
}

function checkItemCount(items: readonly unknown[]): void {
  if (items.length > roomLimits.adminItemsMax) {
    throw new StanzaError('not-acceptable', `at most ${roomLimits.adminItemsMax} items in one request`);
  }
}

/**
 * §9.2, §9.5; §10.5 and §10.8: a semi-anonymous room tells of its owners and admins to owners alone. In a non-anonymous room the people
 * of the room may know who belongs to it: clients encrypt to them.
 */
function affiliationList(turn: RoomTurn, affiliation: Affiliation): Element[] {
  const { config, room } = turn;
  const isOpen =
    (affiliation === 'member' || (config.whois === 'anyone' && affiliation !== 'outcast')) &&
    mayReadMembers(turn, turn.own?.occupant, turn.affiliation);
  const least = affiliation === 'owner' || affiliation === 'admin' ? 'owner' : 'admin';
  if (affiliationRank(turn.affiliation) < affiliationRank(least) && !isOpen) {
    throw new StanzaError('forbidden', `this list is for ${least}s`);
  }
  const rows = [...room.affiliations.values()].filter((row) => row.affiliation === affiliation);
  return rows.map(({ jid, nick, reason }) => xml('item', { affiliation, jid, nick }, reason && xml('reason', {}, reason)));
}

/** §8.5, §9.8. */
function roleList(turn: RoomTurn, role: Role): Element[] {
  const { own, room } = turn;
  const isAdmin = turn.isAdmin;
  if (own?.occupant.role !== 'moderator' && !isAdmin) throw new StanzaError('forbidden', 'this list is for moderators');
  const occupants = [...room.occupants.values()].filter((occupant) => occupant.role === role);
  return occupants.map((occupant) =>
    xml('item', {
      affiliation: room.affiliationOf(occupant.bare),
      jid: occupant.seats.at(-1)!.jid.toString(),
      nick: occupant.nick,
      role,
    }),
  );
}

/** All items or none. @throws {StanzaError} */
export function changeList(turn: RoomTurn, iq: Stanza, query: Element): void {
  const items = query.getChildren('item');
  if (items.length === 0) throw new StanzaError('bad-request', 'a change needs an item');
  checkItemCount(items);
  turn.requireRoom();
  const roleChanges: RoleChange[] = [];
  const affiliationChanges: AffiliationChange[] = [];
  for (const item of items) {
    const { affiliation, role } = item.attrs;
    const reason = readReason(item);
    if (isRole(role) && affiliation === undefined) roleChanges.push({ occupant: occupantOf(turn, item), role, reason });
    else if (isAffiliation(affiliation) && role === undefined) {
      affiliationChanges.push(affiliationChange(turn, item, affiliation, reason));
    } else throw new StanzaError('bad-request', 'an item names one role or one affiliation'); // §15.4
  }
  for (const change of roleChanges) checkRoleChange(turn, change);
  if (affiliationChanges.length > 0) checkAffiliationChanges(turn, affiliationChanges);
  turn.result(iq); // §8.2 and the like: who asked is told before the others see it
  for (const change of roleChanges) applyRoleChange(turn, change);
  for (const change of affiliationChanges) applyAffiliationChange(turn, change);
  endIfEmpty(turn);
}

/** §9.5: with a JID, a nick is the one to be reserved for it, an empty one ends that; of an outcast nothing is reserved. */
function affiliationChange(
  turn: RoomTurn,
  item: Element,
  affiliation: Affiliation,
  reason: string | undefined,
): AffiliationChange {
  const jid = jidOf(turn, item, affiliation);
  const isReserving = item.attrs.jid !== undefined && item.attrs.nick !== undefined;
  if (!isReserving || affiliation === 'none' || affiliation === 'outcast') return { jid, affiliation, reason };
  if (item.attrs.nick === '') return { jid, affiliation, reason, nick: '' };
  const nick = prepareNick(turn, item.attrs.nick!);
  checkNickFor(turn, nick, jid);
  return { jid, affiliation, reason, nick };
}

function occupantOf(turn: RoomTurn, { attrs }: Element) {
  const occupant = attrs.nick === undefined ? undefined : turn.room.withNick(attrs.nick);
  if (attrs.nick === undefined) throw new StanzaError('bad-request', 'a change of role needs the nick');
  if (!occupant) throw new StanzaError('item-not-found', `nobody has the nick ${attrs.nick}`);
  return occupant;
}

/**
 * §15.4: affiliations are of bare JIDs. A nick will do for somebody who is inside. Only bans are of whole domains (§9.2); what is to be
 * nothing any more may be whatever stands in the list.
 */
function jidOf(turn: RoomTurn, item: Element, affiliation: Affiliation): Jid {
  const { jid } = item.attrs;
  const isPerson = affiliation !== 'none' && affiliation !== 'outcast';
  if (jid === undefined) {
    const { bare } = occupantOf(turn, item); // of a service that has entered it is a whole domain
    return isPerson ? personOf(bare) : bare;
  }
  if (isPerson) return personIn(turn, jid);
  return affiliation === 'outcast' ? bannedIn(turn, jid) : contactJid(jid);
}
