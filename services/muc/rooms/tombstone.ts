/** Tombstones in the archive, which take the place of messages that were retracted (XEP-0424 §4, XEP-0425 §4). */
import type { Element } from '../../../lib/xmpp/element.ts';
import { type ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_OCCUPANT_ID, NS_SID } from '../core/namespaces.ts';
import type { Archived } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { rewrite } from './archive.ts';

/**
 * Puts a tombstone in the place of an entry, and of other entries with the same text. Does nothing when there is no such entry,
 * or it is a tombstone already.
 */
export function bury(turn: RoomTurn, id: string, tombstone: Element): void {
  for (const version of [id, ...turn.versions(id)]) buryOne(turn, version, tombstone);
}

function buryOne(turn: RoomTurn, id: string, tombstone: Element): void {
  const entry = turn.entry(id);
  if (!entry || entry.retracted) return;
  rewrite(turn, id, { ...entry, xml: withoutContent(entry, `${turn.room.jid}`, tombstone), retracted: true });
  turn.room.history = turn.room.history.filter((other) => other.id !== id);
}

/** What is left of a message: the occupant id of its sender, and its own id. */
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
