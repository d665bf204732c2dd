/**
 * XEP-0463: MUC Affiliations Versioning. Whoever enters names the version of the affiliations that it knows, and is told what has
 * changed since. A version is an archive id that the change takes for itself, so that the versions of a room grow whichever
 * worker mints them. Affiliations that ended are remembered within a bound; whoever knows an older version is told all
 * affiliations.
 *
 * In a semi-anonymous room the lists are for owners (XEP-0045 §10.5, §10.8). Bans are for admins: to others who may read the
 * lists, an outcast is somebody without affiliation.
 */

import { collection } from '../../../lib/runtime/collection.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Affiliation, isAdminRank } from '../core/affiliation.ts';
import { NS_MUC, NS_MUC_USER } from '../core/namespaces.ts';
import { errorOf } from '../core/replies.ts';
import type { Room, Seat } from '../core/room.ts';
import type { AffiliationAmendment, Entry, LoadedRows, RoomFeature } from '../core/room-feature.ts';
import { roomPart } from '../core/room-part.ts';
import { jidKey } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { affiliationPart } from '../core/row-part.ts';
import { roomLimits } from '../limits.ts';
import { mayReadMembers } from '../rooms/members.ts';

const NS = 'urn:xmpp:muc:affiliations:1';

/** By {@link jidKey}: affiliations that ended, and the version that ended each. */
const formerAffiliations = collection<{ jid: string; version: string }>('affiliation-gone', 'room');
/** Affiliations that ended with an older version than this are forgotten. */
const formerFloors = collection<string>('affiliation-floor', 'room');
/** The version of the last change; undefined in rows that are older than this specification. */
const versionPart = affiliationPart<string>('version');

const versions = roomPart(() => ({
  /** JIDs whose affiliation has ended, with the version that ended it. */
  former: new Map<string, string>(),
  floor: '',
  /** The version of the last change of all, whether that affiliation is still there or not; '' while there was none. */
  newest: '',
}));

export const affiliationVersions: RoomFeature = {
  specs: [
    {
      spec: 'XEP-0463',
      version: '0.2.0',
      title: 'MUC Affiliations Versioning',
      note: 'The room does not check whether somebody was inside at the version that it names: it sends the affiliations as they are now.',
    },
  ],
  disco: { room: () => [NS] },
  entry: {
    beforePresence: sendAffiliations,
    amend: ({ room }) => stepElement({ until: currentVersion(room) }),
  },
  affiliation: { amend: takeVersion, followAbsent: tellOfAbsent },
  rows: [
    { collection: formerFloors, most: 1 },
    { collection: formerAffiliations, most: roomLimits.formerAffiliationsMax },
  ],
  load: recall,
};

/** From one version to the next. */
interface Step {
  readonly since?: string | undefined;
  readonly until: string;
}

function stepElement({ since, until }: Step): Element {
  return xml('mav', { xmlns: NS, since, until });
}

/** Changes below this version are forgotten. */
function floorOf(room: Room): string {
  return versions.of(room).floor || room.existing.since;
}

function currentVersion(room: Room): string {
  const { newest } = versions.of(room);
  const floor = floorOf(room);
  return newest > floor ? newest : floor;
}

function recall(room: Room, rows: LoadedRows): void {
  const known = versions.of(room);
  known.floor = rows.of(formerFloors)[0]?.value ?? '';
  const noteNewest = (version = '') => {
    if (version > known.newest) known.newest = version;
  };
  for (const { value } of rows.of(formerAffiliations)) {
    known.former.set(value.jid, value.version);
    noteNewest(value.version);
  }
  for (const affiliated of room.affiliations.values()) noteNewest(versionPart.of(affiliated));
}

function takeVersion(turn: RoomTurn, jid: string, amendment: AffiliationAmendment): void {
  const { room } = turn;
  const known = versions.of(room);
  const step = { since: currentVersion(room), until: turn.nextId() };
  known.newest = step.until;
  amendment.append.push(stepElement(step));
  if (amendment.affiliated) {
    amendment.affiliated = versionPart.with(amendment.affiliated, step.until);
    if (known.former.delete(jid)) turn.delete(formerAffiliations, jidKey(jid));
    return;
  }
  known.former.set(jid, step.until);
  turn.put(formerAffiliations, jidKey(jid), { jid, version: step.until });
  if (known.former.size > roomLimits.formerAffiliationsMax) forgetOldest(turn);
}

function forgetOldest(turn: RoomTurn): void {
  const known = versions.of(turn.room);
  const oldest = [...known.former].sort(([, a], [, b]) => (a < b ? -1 : 1)).slice(0, known.former.size >> 1);
  for (const [jid] of oldest) {
    known.former.delete(jid);
    turn.delete(formerAffiliations, jidKey(jid));
  }
  known.floor = oldest.at(-1)![1];
  turn.put(formerFloors, '', known.floor);
}

/** §4.2.1, before any presence. A wish that cannot be granted is answered with an error, and entering goes on. */
function sendAffiliations(turn: RoomTurn, { stanza, occupant, seat }: Entry): void {
  const wish = stanza.child('x', NS_MUC)?.getChild('mav', NS);
  if (!wish) return;
  const { affiliation, room } = turn;
  const isAdmin = isAdminRank(affiliation);
  const isOpen = turn.config.whois === 'anyone' && mayReadMembers(turn, occupant, affiliation);
  if (affiliation !== 'owner' && !isOpen) {
    refuse(turn, seat, stanza);
    return;
  }
  const current = currentVersion(room);
  const { since } = wish.attrs;
  const isKnown = since !== undefined && since >= floorOf(room) && since <= current;
  if (isKnown && since === current) return;
  const items = isKnown ? changesSince(room, since, isAdmin) : everything(room, isAdmin);
  sendPages(turn, seat, items, { since: isKnown ? since : undefined, until: current });
}

/** §4.2.1: each message goes on from the version where the one before ended. One is sent even for an empty list. */
function sendPages(turn: RoomTurn, seat: Seat, items: readonly Item[], { since, until }: Step): void {
  let from = since;
  for (let at = 0; at === 0 || at < items.length; at += roomLimits.affiliationsPageMax) {
    const page = items.slice(at, at + roomLimits.affiliationsPageMax);
    const isLast = at + roomLimits.affiliationsPageMax >= items.length;
    const to = isLast ? until : page.at(-1)!.version;
    turn.send(Buffer.from(affiliationMessage(turn, [stepElement({ since: from, until: to })], page).toString()), [seat]);
    from = to;
  }
}

function refuse(turn: RoomTurn, seat: Seat, stanza: Stanza): void {
  const error = errorOf(stanza, new StanzaError('forbidden', 'you may not read the affiliations of this room'), turn.room.jid);
  const message = xml(
    'message',
    { from: turn.room.jid.toString(), id: stanza.id, type: 'error' },
    error.getChild('error') as Element,
  );
  turn.send(Buffer.from(message.toString()), [seat]);
}

interface Item {
  readonly jid: string;
  readonly affiliation: Affiliation;
  readonly version: string;
}

/** Oldest change first. */
function everything(room: Room, isAdmin: boolean): Item[] {
  const shown = [...room.affiliations.values()].filter(({ affiliation }) => isAdmin || affiliation !== 'outcast');
  return inOrder(
    shown.map((one) => ({ jid: one.jid, affiliation: one.affiliation, version: versionPart.of(one) ?? floorOf(room) })),
  );
}

function changesSince(room: Room, since: string, isAdmin: boolean): Item[] {
  const changed: Item[] = [];
  for (const affiliated of room.affiliations.values()) {
    const { jid, affiliation } = affiliated;
    const version = versionPart.of(affiliated) ?? '';
    if (version > since) changed.push({ jid, affiliation: shownTo(isAdmin, affiliation), version });
  }
  for (const [jid, version] of versions.of(room).former) if (version > since) changed.push({ jid, affiliation: 'none', version });
  return inOrder(changed);
}

function inOrder(items: Item[]): Item[] {
  return items.sort((a, b) => (a.version < b.version ? -1 : 1));
}

function shownTo(isAdmin: boolean, affiliation: Affiliation): Affiliation {
  return affiliation === 'outcast' && !isAdmin ? 'none' : affiliation;
}

function affiliationMessage(turn: RoomTurn, children: readonly Element[], items: readonly Omit<Item, 'version'>[]): Element {
  return xml(
    'message',
    { from: turn.room.jid.toString() },
    xml(
      'x',
      { xmlns: NS_MUC_USER },
      children,
      items.map(({ jid, affiliation }) => xml('item', { jid, affiliation })),
    ),
  );
}

/** §4.2.2: the affiliation of somebody who is not inside has changed. Those who may read the lists are told. */
function tellOfAbsent(turn: RoomTurn, jid: string, affiliation: Affiliation, appended: readonly Element[]): void {
  const groups = { admins: [] as Seat[], others: [] as Seat[] };
  for (const { occupant, seat } of turn.room.seats.values()) {
    const own = turn.room.affiliationOf(occupant.bare);
    if (turn.config.whois !== 'anyone' && own !== 'owner') continue;
    if (isAdminRank(own)) groups.admins.push(seat);
    else if (mayReadMembers(turn, occupant, own)) groups.others.push(seat);
  }
  const message = (isAdmin: boolean) =>
    Buffer.from(affiliationMessage(turn, appended, [{ jid, affiliation: shownTo(isAdmin, affiliation) }]).toString());
  turn.send(message(true), groups.admins);
  if (groups.others.length > 0) turn.send(message(false), groups.others);
}
