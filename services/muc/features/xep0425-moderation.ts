/**
 * XEP-0425: Moderated Message Retraction, by which a moderator takes back somebody's message. The room itself tells all
 * occupants, and the archive keeps a tombstone that names the moderator (§4). A subject is not moderated: a moderator sets
 * another one.
 */
import { Count } from '../../../lib/runtime/counts.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_OCCUPANT_ID, NS_RETRACT, NS_SID } from '../core/namespaces.ts';
import { occupantId } from '../core/occupant-id.ts';
import type { RoomFeature } from '../core/room-feature.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { archive } from '../rooms/archive.ts';
import { readReason } from '../rooms/reason.ts';
import { bury } from '../rooms/tombstone.ts';

const NS = 'urn:xmpp:message-moderate:1';

export const moderations = new Count('moderated_messages_total', 'Messages that moderators of rooms have taken back', []);

export const moderation: RoomFeature = {
  specs: [{ spec: 'XEP-0425', version: '0.3.0', title: 'Moderated Message Retraction, with tombstones' }],
  disco: { room: ({ archive }) => (archive ? [NS] : []) },
  prefetch: [{ stanza: 'iq', name: 'moderate', ns: NS }],
  iq: [{ type: 'set', ns: NS, name: 'moderate', handle: moderate }],
  figures: [moderations],
};

/** @throws {StanzaError} forbidden, bad-request, item-not-found, not-allowed */
function moderate(turn: RoomTurn, iq: Stanza, request: Element): void {
  turn.requireRoom();
  if (turn.own?.occupant.role !== 'moderator' && !turn.isAdmin) {
    throw new StanzaError('forbidden', 'only moderators moderate messages');
  }
  const { id } = request.attrs;
  if (!id) throw new StanzaError('bad-request', 'the request needs the id that the room gave the message');
  if (!request.getChild('retract', NS_RETRACT)) throw new StanzaError('bad-request', 'this room can only retract messages');
  const entry = turn.entry(id);
  if (!entry || entry.isTransient) throw new StanzaError('item-not-found', 'this message is not in the archive');
  if (entry.subject) throw new StanzaError('not-allowed', 'a subject cannot be retracted; set another one');
  if (!entry.retracted) {
    announceModeration(turn, id, readReason(request));
    moderations.add(turn.tenant.domain, 1);
  }
  turn.result(iq);
}

function announceModeration(turn: RoomTurn, id: string, reason: string | undefined): void {
  const { room, dependencies } = turn;
  const from = room.jid.toString();
  const by = turn.own ? room.jid.withResource(turn.own.occupant.nick).toString() : from;
  const moderator = occupantId(room, turn.from.bare, turn.incarnation);
  const details = () => [
    xml('moderated', { xmlns: NS, by }, xml('occupant-id', { xmlns: NS_OCCUPANT_ID, id: moderator })),
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
  archive(turn, turn.config, { id: archiveId, bytes, role: turn.own?.occupant.role ?? 'none', affiliation: turn.affiliation });
  turn.broadcast(bytes, archiveId);
}
