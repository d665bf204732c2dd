/**
 * XEP-0424: Message Retraction, by which a sender takes a message back. The retraction goes to all and into the archive like any
 * message. What it takes back becomes a tombstone (§4) in the archive, and is no longer in the history for new occupants.
 *
 * Left out on purpose: finding a message by the `id` of its sender instead of the room's (§5.1 wants the room's).
 */
import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_OCCUPANT_ID, NS_RETRACT } from '../core/namespaces.ts';
import type { AcceptedMessage, MessageAmendment, RoomFeature, RoomMessage } from '../core/room-feature.ts';
import type { Archived } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { bury } from '../rooms/tombstone.ts';

export const retraction: RoomFeature = {
  specs: [{ spec: 'XEP-0424', version: '0.4.2', title: 'Message Retraction in rooms, with tombstones' }],
  disco: { room: ({ archive }) => [NS_RETRACT, ...(archive ? [`${NS_RETRACT}#tombstone`] : [])] },
  prefetch: [{ stanza: 'message', name: 'retract', ns: NS_RETRACT }],
  message: { only: { name: 'retract', ns: NS_RETRACT }, guard: checkWriter, amend: keepWithId, follow: buryRetracted },
};

/** An element without an id retracts nothing. It is passed on as any other. */
function retractedId({ stanza }: RoomMessage): string | undefined {
  return stanza.child('retract', NS_RETRACT)?.attrs.id;
}

/** @throws {StanzaError} forbidden: the message is somebody else's */
function checkWriter(turn: RoomTurn, message: RoomMessage): void {
  const id = retractedId(message);
  const entry = id === undefined ? undefined : turn.entry(id);
  if (entry && !isWriter(turn, entry)) throw new StanzaError('forbidden', 'you can retract only messages that you wrote');
}

/** A later account of the same name did not write it: its occupant id is another one. */
function isWriter({ from, own }: RoomTurn, entry: Archived): boolean {
  if (!Jid.parse(entry.jid).bare.equals(from.bare)) return false;
  const writer = Stanza.parse(entry.xml).child('occupant-id', NS_OCCUPANT_ID)?.attrs.id;
  return writer === undefined || writer === own?.occupant.id;
}

/** §4: a tombstone names the retraction by its `id`, so a retraction without one gets the room's. */
function keepWithId(_turn: RoomTurn, message: RoomMessage, amendment: MessageAmendment, archiveId: string): void {
  if (retractedId(message) === undefined) return;
  amendment.id ??= archiveId;
  amendment.mustKeep = true;
}

function buryRetracted(turn: RoomTurn, message: AcceptedMessage): void {
  const retracted = retractedId(message);
  if (retracted === undefined) return;
  const stamp = new Date(turn.dependencies.clock.timeOfDay()).toISOString();
  bury(turn, retracted, xml('retracted', { xmlns: NS_RETRACT, id: message.id, stamp }));
}
