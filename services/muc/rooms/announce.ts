/** The presence of occupants as others see it: XEP-0045 §7.2.2 to §7.2.5. */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { type ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Affiliation, Role } from '../core/affiliation.ts';
import { isBroadcast } from '../core/config.ts';
import { NS_CLIENT, NS_MUC_USER, NS_OCCUPANT_ID, NS_VCARD_UPDATE } from '../core/namespaces.ts';
import type { Occupant, OccupantSeat, Seat } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { decorate, type Recipient } from '../core/sending.ts';

export interface Announcement {
  readonly occupant: Occupant;
  /** The client whose full JID is shown to those who may see it. */
  readonly seat: Seat;
  /** Set when the occupant leaves: what is in the unavailable presence. */
  readonly unavailable?: { readonly presence?: string; readonly role?: Role };
  readonly affiliation?: Affiliation;
  /** Status codes for everybody, and for the occupant's own clients only. 110 is always added for those. */
  readonly statuses?: readonly number[];
  readonly selfStatuses?: readonly number[];
  /** §7.6: the new nick. */
  readonly newNick?: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly destroy?: Element;
  /** The role before this change. The presence may be broadcast for one of the two roles and not for the other. */
  readonly roleBefore?: Role;
  /** Sends the presence although it is not broadcast for this role, so that others know that they no longer see the occupant. */
  readonly isForced?: boolean;
  /** Children that features add to the `<x/>`: for everybody, and for the occupant's own clients only. */
  readonly children?: readonly Element[];
  readonly selfChildren?: readonly Element[];
  /** The id of the stanza that caused the presence. The sender gets it back. */
  readonly id?: string;
}

/**
 * The presence is rendered once for each of these groups: the sender, its other clients, occupants who see JIDs, and those who do
 * not. When the presence of a role is not broadcast (§10.2.1, `presencebroadcast`), only the occupant itself gets it. To the
 * others such an occupant seems to leave, or to be away.
 */
export function announce(turn: RoomTurn, what: Announcement, audience?: Iterable<OccupantSeat>): void {
  const groups = { asker: [] as Recipient[], own: [] as Recipient[], seeing: [] as Recipient[], blind: [] as Recipient[] };
  const isShown = what.isForced === true || isBroadcast(turn.config, what.occupant.role);
  const wasShown = what.roleBefore === undefined ? isShown : isBroadcast(turn.config, what.roleBefore);
  const listeners = audience ?? (isShown || wasShown ? turn.room.seats.values() : clientsOf(what.occupant));
  const outside = isShown || !wasShown ? what : { ...what, unavailable: {} };
  for (const { occupant, seat } of listeners) {
    if (occupant !== what.occupant && !isShown && !wasShown) continue;
    if (occupant !== what.occupant) groups[turn.room.seesJids(occupant) ? 'seeing' : 'blind'].push(seat);
    else groups[what.id !== undefined && seat.jid.equals(turn.from) ? 'asker' : 'own'].push(seat);
  }
  if (groups.blind.length > 0) turn.send(render(turn, outside, false, false), groups.blind);
  if (groups.seeing.length > 0) turn.send(render(turn, outside, true, false), groups.seeing);
  if (groups.own.length > 0) turn.send(render(turn, what, true, true), groups.own);
  if (groups.asker.length > 0) turn.send(render(turn, what, true, true, what.id), groups.asker);
}

/** §8: shows a new moderator of a semi-anonymous room who the others are. */
export function showJids(turn: RoomTurn, occupant: Occupant, roleBefore: Role): void {
  if (turn.config.whois === 'anyone' || roleBefore === 'moderator' || occupant.role !== 'moderator') return;
  for (const other of turn.room.occupants.values()) {
    if (other === occupant || !isBroadcast(turn.config, other.role)) continue;
    announce(turn, { occupant: other, seat: other.seats.at(-1)! }, clientsOf(occupant));
  }
}

function clientsOf(occupant: Occupant): OccupantSeat[] {
  return occupant.seats.map((seat) => ({ occupant, seat }));
}

function render(turn: RoomTurn, what: Announcement, hasJid: boolean, isSelf: boolean, id?: string): Buffer {
  const { occupant, seat, unavailable } = what;
  const attributes = {
    from: turn.room.jid.withResource(occupant.nick).toString(),
    id,
    type: unavailable ? 'unavailable' : undefined,
  };
  const said = unavailable ? (unavailable.presence ?? '<presence/>') : seat.presence;
  const payload = occupant.role === 'visitor' ? withoutWords(said) : said;
  const extension = extend(turn, what, hasJid, isSelf);
  const added = unavailable ? '' : presenceOf(turn, occupant);
  const occupantId = `<occupant-id xmlns='${NS_OCCUPANT_ID}' id='${occupant.id}'/>`;
  return Buffer.from(decorate(payload, attributes, `${occupantId}${added}${extension}`));
}

/** What features add to the presence of an occupant. */
function presenceOf({ room, dependencies }: RoomTurn, occupant: Occupant): string {
  let text = '';
  for (const { amend } of dependencies.features.presence) text += amend?.(room, occupant)?.toString() ?? '';
  return text;
}

/** §5.1: visitors may not speak, so the text of their presence is left out. People read it like a message. */
function withoutWords(presence: string): string {
  if (presence === '<presence/>') return presence;
  const stanza = Stanza.parse(presence);
  const isSilent = (child: ChildSpan) => {
    if (child.ns !== NS_CLIENT) return silentNamespaces.has(child.ns);
    return silentTexts.get(child.name)?.test(stanza.elementOf(child).getText()) ?? false;
  };
  return stanza.render(stanza.attributes, { drop: (child) => !isSilent(child) }).toString();
}

/** The elements of a visitor's presence that are passed on (RFC 6121 §4.7.2), and what they may contain. */
const silentTexts = new Map([
  ['show', /^(?:away|chat|dnd|xa)$/],
  ['priority', /^[+-]?\d{1,3}$/],
]);

/** Namespaces whose elements are passed on, because they hold only a hash or a time (XEP-0115, XEP-0153, XEP-0319). */
const silentNamespaces = new Set(['http://jabber.org/protocol/caps', NS_VCARD_UPDATE, 'urn:xmpp:idle:1']);

function extend(turn: RoomTurn, what: Announcement, hasJid: boolean, isSelf: boolean): Element {
  const { occupant, seat, unavailable } = what;
  const children = what.children ?? (isSelf ? what.selfChildren : undefined);
  const codes = [...(isSelf ? [110, ...(what.selfStatuses ?? [])] : []), ...(what.statuses ?? [])];
  return xml(
    'x',
    { xmlns: NS_MUC_USER },
    children,
    xml(
      'item',
      {
        affiliation: what.affiliation ?? turn.room.affiliationOf(occupant.bare),
        role: unavailable ? (unavailable.role ?? 'none') : occupant.role,
        jid: hasJid ? seat.jid.toString() : undefined,
        nick: what.newNick,
      },
      what.actor === undefined ? undefined : xml('actor', { nick: what.actor }),
      what.reason === undefined ? undefined : xml('reason', {}, what.reason),
    ),
    what.destroy,
    codes.map((code) => xml('status', { code })),
  );
}
