/** The muc#admin requests, which read and change lists of roles and affiliations (XEP-0045 §8, §9, §10, §15.4). */

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

/**
 * When the request has several items, the answer has the list for each, once. If one is refused, all are. @throws {StanzaError}
 */
export function getList(turn: RoomTurn, iq: Stanza, query: Element): void {
  const items = query.getChildren('item', NS_MUC_ADMIN);
  if (items.length === 0) throw new StanzaError('bad-request', 'the request needs an item that names an affiliation or a role');
  checkItemCount(items);
  const wanted = new Map(items.map(({ attrs: { affiliation, role } }) => [`${affiliation} ${role}`, { affiliation, role }]));
  const lists = [...wanted.values()].map(({ affiliation, role }) => {
    if (isAffiliation(affiliation) && role === undefined) return affiliationList(turn, affiliation);
    if (isRole(role) && affiliation === undefined) return roleList(turn, role);
    throw new StanzaError('bad-request', 'each item must name one affiliation or one role');
  });
  turn.result(iq, xml('query', { xmlns: NS_MUC_ADMIN }, lists));
}

function checkItemCount(items: readonly unknown[]): void {
  if (items.length > roomLimits.adminItemsMax) {
    throw new StanzaError('not-acceptable', `at most ${roomLimits.adminItemsMax} items in one request`);
  }
}

/**
 * §9.2, §9.5. In a semi-anonymous room only owners may read who the owners and admins are (§10.5, §10.8). In a non-anonymous room
 * the occupants may know who belongs to it, because clients encrypt to them.
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

/** Makes all changes or none. @throws {StanzaError} */
export function changeList(turn: RoomTurn, iq: Stanza, query: Element): void {
  const items = query.getChildren('item');
  if (items.length === 0) throw new StanzaError('bad-request', 'the request needs an item to change');
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
    } else throw new StanzaError('bad-request', 'each item must name one role or one affiliation'); // §15.4
  }
  for (const change of roleChanges) checkRoleChange(turn, change);
  if (affiliationChanges.length > 0) checkAffiliationChanges(turn, affiliationChanges);
  turn.result(iq); // §8.2: the sender is told before the others see the change
  for (const change of roleChanges) applyRoleChange(turn, change);
  for (const change of affiliationChanges) applyAffiliationChange(turn, change);
  endIfEmpty(turn);
}

/**
 * §9.5: in an item with a JID, the nick is reserved for that JID. An empty nick ends the reservation. Outcasts cannot have one.
 */
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
  if (attrs.nick === undefined) throw new StanzaError('bad-request', 'a change of role needs a nick');
  if (!occupant) throw new StanzaError('item-not-found', `nobody has the nick ${attrs.nick}`);
  return occupant;
}

/**
 * §15.4: affiliations belong to bare JIDs. For somebody who is inside, a nick is enough. Whole domains can only be banned (§9.2).
 * An affiliation may be ended for any address that is in the list.
 */
function jidOf(turn: RoomTurn, item: Element, affiliation: Affiliation): Jid {
  const { jid } = item.attrs;
  const isPerson = affiliation !== 'none' && affiliation !== 'outcast';
  if (jid === undefined) {
    const { bare } = occupantOf(turn, item); // a service that has entered has a domain for its bare JID
    return isPerson ? personOf(bare) : bare;
  }
  if (isPerson) return personIn(turn, jid);
  return affiliation === 'outcast' ? bannedIn(turn, jid) : contactJid(jid);
}
