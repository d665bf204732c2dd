/**
 * XEP-0424: a message that its sender takes back. The retraction goes to all and into the archive like any message; what it takes back
 * becomes a tombstone (§4) there, and is not in the history for new occupants any more.
 *
 * Left out on purpose: finding a message by the `id` of its sender instead of the room's (§5.1 wants the room's).
 */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { type ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_OCCUPANT_ID, NS_RETRACT, NS_SID } from '../core/namespaces.ts';
import type { Archived } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { rewrite } from '../rooms/archive.ts';

/** @returns whether the message is a retraction. @throws {StanzaError} forbidden: somebody else's message */
export function checkRetraction(turn: RoomTurn, stanza: Stanza): boolean {
  const id = stanza.child('retract', NS_RETRACT)?.attrs.id;
  if (id === undefined) return false;
  const entry = turn.entry(id);
  if (entry && !isWriter(turn, entry)) {
    throw new StanzaError('forbidden', 'only who wrote a message retracts it');
  }
  return true;
}

/** A later account of the same name is not: its occupant id is another one. */
function isWriter({ from, own }: RoomTurn, { jid, xml }: Archived): boolean {
  if (!Jid.parse(jid).bare.equals(from.bare)) return false;
  const writer = Stanza.parse(xml).child('occupant-id', NS_OCCUPANT_ID)?.attrs.id;
  return writer === undefined || writer === own?.occupant.id;
}

/** Only after {@link checkRetraction}. @param id of the message that retracts, as the occupants see it */
export function retract(turn: RoomTurn, stanza: Stanza, id: string): void {
  const retracted = stanza.child('retract', NS_RETRACT)!.attrs.id!;
  bury(
    turn,
    retracted,
    xml('retracted', { xmlns: NS_RETRACT, id, stamp: new Date(turn.dependencies.clock.timeOfDay()).toISOString() }),
  );
}

/** Puts a tombstone in the place of an entry, and of its other versions; does nothing when there is none, or one already. */
export function bury(turn: RoomTurn, id: string, tombstone: Element): void {
  for (const version of [id, ...turn.versions(id)]) buryOne(turn, version, tombstone);
}

function buryOne(turn: RoomTurn, id: string, tombstone: Element): void {
  const entry = turn.entry(id);
  if (!entry || entry.retracted) return;
  rewrite(turn, id, { ...entry, xml: withoutContent(entry, `${turn.room.jid}`, tombstone), retracted: true });
  turn.room.history = turn.room.history.filter((other) => other.id !== id);
}

/** What is left of a message: who sent it, and its ids. */
function withoutContent(entry: Archived, room: string, tombstone: Element): string {
  const stanza = Stanza.parse(entry.xml);
  const isOurs = (child: ChildSpan) =>
    child.ns === NS_OCCUPANT_ID ||
    (child.name === 'stanza-id' && child.ns === NS_SID && stanza.elementOf(child).attrs.by === room);
  return stanza
    .render(stanza.attributes, {
      drop: (child) => !isOurs(child),
      append: tombstone.toString(),
    })
    .toString();
}
