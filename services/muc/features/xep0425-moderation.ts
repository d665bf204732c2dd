/**
 * XEP-0425: a moderator takes back somebody's message. All are told by the room itself, and the archive keeps a tombstone that says who
 * it was (§4). A subject is not moderated: another one is set.
 */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { affiliationRank } from '../core/affiliation.ts';
import { NS_MODERATE, NS_OCCUPANT_ID, NS_RETRACT, NS_SID } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { archive } from '../rooms/archive.ts';
import { occupantId } from '../rooms/occupant-id.ts';
import { readReason } from '../rooms/reason.ts';
import { bury } from './xep0424-retraction.ts';

/** @throws {StanzaError} forbidden, bad-request, item-not-found, not-allowed */
export function moderate(turn: RoomTurn, iq: Stanza, request: Element): void {
  turn.requireRoom();
  const isAdmin = affiliationRank(turn.affiliation) >= affiliationRank('admin');
  if (turn.own?.occupant.role !== 'moderator' && !isAdmin) {
    throw new StanzaError('forbidden', 'only moderators moderate messages');
  }
  const { id } = request.attrs;
  if (!id) throw new StanzaError('bad-request', 'name the message by the id that the room gave it');
  if (!request.getChild('retract', NS_RETRACT)) throw new StanzaError('bad-request', 'the only moderation here is to retract');
  const entry = turn.entry(id);
  if (!entry || entry.isTransient) throw new StanzaError('item-not-found', 'the archive has no such message');
  if (entry.subject) throw new StanzaError('not-allowed', 'set another subject instead');
  if (!entry.retracted) announceModeration(turn, id, readReason(request));
  turn.result(iq);
}

function announceModeration(turn: RoomTurn, id: string, reason: string | undefined): void {
  const { room, dependencies } = turn;
  const from = room.jid.toString();
  const by = turn.own ? room.jid.withResource(turn.own.occupant.nick).toString() : from;
  const moderator = occupantId(room, turn.from.bare, turn.incarnation);
  const details = () => [
    xml('moderated', { xmlns: NS_MODERATE, by }, xml('occupant-id', { xmlns: NS_OCCUPANT_ID, id: moderator })),
    reason === undefined ? undefined : xml('reason', {}, reason),
  ];
  const archiveId = turn.nextId();
  const messageId = dependencies.ids.mint();
  const message = xml(
    'message',
    { from, id: messageId, type: 'groupchat' },
    xml('retract', { xmlns: NS_RETRACT, id }, ...details()),
    xml('stanza-id', { xmlns: NS_SID, by: from, id: archiveId }),
  );
  const stamp = new Date(turn.dependencies.clock.timeOfDay()).toISOString();
  bury(turn, id, xml('retracted', { xmlns: NS_RETRACT, id: messageId, stamp }, ...details()));
  const bytes = Buffer.from(message.toString());
  archive(turn, archiveId, bytes);
  turn.broadcast(bytes, archiveId);
}
