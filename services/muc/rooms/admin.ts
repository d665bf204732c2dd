/** The muc#admin requests: lists of roles and affiliations, read and changed (XEP-0045 §8, §9, §10, §15.4). */
import { limits } from '../../../lib/limits.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Affiliation, affiliationRank, isAffiliation, isRole, type Role } from '../core/affiliation.ts';
import { NS_MUC_ADMIN } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { mayReadMembers } from '../features/xep0463-affiliation-versions.ts';
import { type AffiliationChange, applyAffiliationChange, checkAffiliationChanges } from './affiliation-change.ts';
import { endIfEmpty } from './leave.ts';
import { checkNickFor, prepareNick } from './nick.ts';
import { readReason } from './reason.ts';
import { applyRoleChange, checkRoleChange, type RoleChange } from './role-change.ts';

/** @throws {StanzaError} */
export function getList(turn: RoomTurn, iq: Stanza, query: Element): void {
  const { affiliation, role } = query.getChild('item')?.attrs ?? {};
  if (isAffiliation(affiliation) && role === undefined) {
    turn.result(iq, affiliationList(turn, affiliation));
    return;
  }
  if (isRole(role) && affiliation === undefined) {
    turn.result(iq, roleList(turn, role));
    return;
  }
  throw new StanzaError('bad-request', 'ask for the list of one affiliation or one role');
}

/**
 * §9.2, §9.5; §10.5 and §10.8: a semi-anonymous room tells of its owners and admins to owners alone. In a non-anonymous room the people
 * of the room may know who belongs to it: clients encrypt to them.
 */
function affiliationList(turn: RoomTurn, affiliation: Affiliation): Element {
  const { config, room } = turn;
  const isOpen =
    (affiliation === 'member' || (config.whois === 'anyone' && affiliation !== 'outcast')) &&
    mayReadMembers(turn, turn.own?.occupant, turn.affiliation);
  const least = affiliation === 'owner' || affiliation === 'admin' ? 'owner' : 'admin';
  if (affiliationRank(turn.affiliation) < affiliationRank(least) && !isOpen) {
    throw new StanzaError('forbidden', `this list is for ${least}s`);
  }
  const rows = [...room.affiliations.values()].filter((row) => row.affiliation === affiliation);
  return xml(
    'query',
    { xmlns: NS_MUC_ADMIN },
    rows.map(({ jid, nick, reason }) => xml('item', { affiliation, jid, nick }, reason && xml('reason', {}, reason))),
  );
}

/** §8.5, §9.8. */
function roleList(turn: RoomTurn, role: Role): Element {
  const { own, room } = turn;
  const isAdmin = affiliationRank(turn.affiliation) >= affiliationRank('admin');
  if (own?.occupant.role !== 'moderator' && !isAdmin) throw new StanzaError('forbidden', 'this list is for moderators');
  const occupants = [...room.occupants.values()].filter((occupant) => occupant.role === role);
  return xml(
    'query',
    { xmlns: NS_MUC_ADMIN },
    occupants.map((occupant) =>
      xml('item', {
        affiliation: room.affiliationOf(occupant.bare),
        jid: occupant.sessions.at(-1)!.jid.toString(),
        nick: occupant.nick,
        role,
      }),
    ),
  );
}

/** All items or none. @throws {StanzaError} */
export function changeList(turn: RoomTurn, iq: Stanza, query: Element): void {
  const items = query.getChildren('item');
  if (items.length === 0) throw new StanzaError('bad-request', 'a change needs an item');
  if (items.length > limits.roomAdminItemsMax) {
    throw new StanzaError('not-acceptable', `at most ${limits.roomAdminItemsMax} items in one request`);
  }
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
  const jid = jidOf(turn, item);
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

/** §15.4: affiliations are of bare JIDs. A nick will do for somebody who is inside. */
function jidOf(turn: RoomTurn, item: Element): Jid {
  const { jid } = item.attrs;
  return jid === undefined ? occupantOf(turn, item).bare : Jid.parse(jid).bare;
}
