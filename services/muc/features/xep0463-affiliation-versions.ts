/**
 * XEP-0463: who enters names the version of the affiliations that it knows, and is told what has changed since. A version is the
 * archive id that the change took, so that versions of a room grow whichever worker mints them. Affiliations that ended are
 * remembered within a bound; who knows an older version gets everything.
 *
 * In a semi-anonymous room the lists are for owners (XEP-0045 §10.5, §10.8). Bans are for admins: to others who may read the lists, an outcast is somebody without affiliation.
 */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Affiliation, affiliationRank } from '../core/affiliation.ts';
import type { Affiliated } from '../core/affiliation-list.ts';
import { NS_AFFILIATIONS, NS_MUC, NS_MUC_USER } from '../core/namespaces.ts';
import type { Occupant, Room, Session } from '../core/room.ts';
import { formerAffiliations, formerFloors, jidKey } from '../core/room-rows.ts';
import { errorOf, type RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';

/** From one version to the next. */
export interface AffiliationStep {
  readonly since?: string | undefined;
  readonly until: string;
}

const adminRank = affiliationRank('admin');

export function stepElement({ since, until }: AffiliationStep): Element {
  return xml('mav', { xmlns: NS_AFFILIATIONS, since, until });
}

/** Changes below this one are not known any more. */
function floorOf(room: Room): string {
  return room.formerFloor || room.existing.since;
}

export function affiliationVersion(room: Room): string {
  const floor = floorOf(room);
  return room.affiliations.newest > floor ? room.affiliations.newest : floor;
}

/** Changes the room in memory and queues the rows; absent `affiliated` ends it. The only place where affiliations change. */
export function stepAffiliation(turn: RoomTurn, jid: string, affiliated: Affiliated | undefined): AffiliationStep {
  const { room } = turn;
  const step = { since: affiliationVersion(room), until: turn.nextId() };
  if (affiliated) {
    room.affiliations.set(jid, { ...affiliated, version: step.until });
    if (room.former.delete(jid)) turn.delete(formerAffiliations, jidKey(jid));
  } else {
    room.affiliations.delete(jid);
    room.affiliations.noteVersion(step.until);
    room.former.set(jid, step.until);
    turn.put(formerAffiliations, jidKey(jid), { jid, version: step.until });
    if (room.former.size > roomLimits.formerAffiliationsMax) forgetOldest(turn);
  }
  turn.putAffiliation(jid);
  return step;
}

function forgetOldest(turn: RoomTurn): void {
  const { room } = turn;
  const oldest = [...room.former].sort(([, a], [, b]) => (a < b ? -1 : 1)).slice(0, room.former.size >> 1);
  for (const [jid] of oldest) {
    room.former.delete(jid);
    turn.delete(formerAffiliations, jidKey(jid));
  }
  room.formerFloor = oldest.at(-1)![1];
  turn.put(formerFloors, '', room.formerFloor);
}

/** XEP-0045 §9.5: may this occupant know who belongs to the room? */
export function mayReadMembers(turn: RoomTurn, occupant: Occupant | undefined, affiliation: Affiliation): boolean {
  if (affiliationRank(affiliation) >= adminRank) return true;
  const { whois, getMemberList } = turn.config;
  const seesJids = whois === 'anyone' || occupant?.role === 'moderator';
  const role = occupant?.role ?? (affiliation === 'member' ? 'participant' : 'none');
  return seesJids && role !== 'none' && (getMemberList === undefined || getMemberList.includes(role));
}

/** §4.2.1, before any presence. A wish that cannot be granted is answered with an error, and entering goes on. */
export function sendAffiliations(turn: RoomTurn, occupant: Occupant, session: Session, stanza: Stanza): void {
  const wish = stanza.child('x', NS_MUC)?.getChild('mav', NS_AFFILIATIONS);
  if (!wish) return;
  const { affiliation, room } = turn;
  const isAdmin = affiliationRank(affiliation) >= adminRank;
  const isOpen = turn.config.whois === 'anyone' && mayReadMembers(turn, occupant, affiliation);
  if (affiliation !== 'owner' && !isOpen) {
    refuse(turn, session, stanza);
    return;
  }
  const current = affiliationVersion(room);
  const { since } = wish.attrs;
  const isKnown = since !== undefined && since >= floorOf(room) && since <= current;
  if (isKnown && since === current) return;
  const items = isKnown ? changesSince(room, since, isAdmin) : everything(room, isAdmin);
  sendPages(turn, session, items, { since: isKnown ? since : undefined, until: current });
}

/** §4.2.1: each message goes on from the version where the one before ended. There is one even for an empty list. */
function sendPages(turn: RoomTurn, session: Session, items: readonly Item[], { since, until }: AffiliationStep): void {
  let from = since;
  for (let at = 0; at === 0 || at < items.length; at += roomLimits.affiliationsPageMax) {
    const page = items.slice(at, at + roomLimits.affiliationsPageMax);
    const isLast = at + roomLimits.affiliationsPageMax >= items.length;
    const to = isLast ? until : page.at(-1)!.version;
    turn.send(Buffer.from(affiliationMessage(turn, { since: from, until: to }, page).toString()), [session]);
    from = to;
  }
}

function refuse(turn: RoomTurn, session: Session, stanza: Stanza): void {
  const error = errorOf(stanza, new StanzaError('forbidden', 'the affiliations of this room are for others'), turn.room.jid);
  const message = xml(
    'message',
    { from: turn.room.jid.toString(), id: stanza.id, type: 'error' },
    error.getChild('error') as Element,
  );
  turn.send(Buffer.from(message.toString()), [session]);
}

interface Item {
  readonly jid: string;
  readonly affiliation: Affiliation;
  readonly version: string;
}

/** Oldest change first. */
function everything(room: Room, isAdmin: boolean): Item[] {
  const shown = [...room.affiliations.values()].filter(({ affiliation }) => isAdmin || affiliation !== 'outcast');
  return inOrder(shown.map(({ jid, affiliation, version = floorOf(room) }) => ({ jid, affiliation, version })));
}

function changesSince(room: Room, since: string, isAdmin: boolean): Item[] {
  const changed: Item[] = [];
  for (const { jid, affiliation, version = '' } of room.affiliations.values()) {
    if (version > since) changed.push({ jid, affiliation: shownTo(isAdmin, affiliation), version });
  }
  for (const [jid, version] of room.former) if (version > since) changed.push({ jid, affiliation: 'none', version });
  return inOrder(changed);
}

function inOrder(items: Item[]): Item[] {
  return items.sort((a, b) => (a.version < b.version ? -1 : 1));
}

function shownTo(isAdmin: boolean, affiliation: Affiliation): Affiliation {
  return affiliation === 'outcast' && !isAdmin ? 'none' : affiliation;
}

function affiliationMessage(turn: RoomTurn, step: AffiliationStep, items: readonly Omit<Item, 'version'>[]): Element {
  return xml(
    'message',
    { from: turn.room.jid.toString() },
    xml(
      'x',
      { xmlns: NS_MUC_USER },
      stepElement(step),
      items.map(({ jid, affiliation }) => xml('item', { jid, affiliation })),
    ),
  );
}

/** §4.2.2: the affiliation of somebody who is not inside has changed; those who may read the lists hear of it. */
export function tellOfAbsent(turn: RoomTurn, jid: string, affiliation: Affiliation, step: AffiliationStep): void {
  const groups = { admins: [] as Session[], others: [] as Session[] };
  for (const { occupant, session } of turn.room.sessions()) {
    const own = turn.room.affiliationOf(occupant.bare);
    if (turn.config.whois !== 'anyone' && own !== 'owner') continue;
    if (affiliationRank(own) >= adminRank) groups.admins.push(session);
    else if (mayReadMembers(turn, occupant, own)) groups.others.push(session);
  }
  const message = (isAdmin: boolean) =>
    Buffer.from(affiliationMessage(turn, step, [{ jid, affiliation: shownTo(isAdmin, affiliation) }]).toString());
  turn.send(message(true), groups.admins);
  if (groups.others.length > 0) turn.send(message(false), groups.others);
}
