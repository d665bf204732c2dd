/**
 * Messages to a room: XEP-0045 §7.4 (to all) and §8.1 (subject). Other messages are handed on from here (§7.5, §7.8, §7.13).
 *
 * The room's order is the order of its queue. Each message gets its id (XEP-0359) here, goes into the archive under it, and then
 * to all clients of all occupants. The sender's clients get it, too, with the `id` that the sender chose.
 */

import { formTypeOf, NS_DATA } from '../../../lib/xmpp/data-form.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { RoomConfig } from '../core/config.ts';
import { forgedIn } from '../core/marks.ts';
import { NS_MUC, NS_MUC_USER, NS_OCCUPANT_ID, NS_SID } from '../core/namespaces.ts';
import type { AcceptedMessage, MessageAmendment, MessageStages, RoomMessage } from '../core/room-feature.ts';
import type { RoomTurn, Standing } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { approveRegistration, registerForm } from './approval.ts';
import { archive, isWorthKeeping } from './archive.ts';
import { inquire, saysItIsGone } from './ghost.ts';
import { decline, invite, returnInvitation } from './invite.ts';
import { endIfEmpty, removeSeat } from './leave.ts';
import { bouncePrivate, sendPrivate } from './private-message.ts';
import { checkSubjectChange, isSubjectChange, keepSubject } from './subject.ts';
import { voiceForm } from './voice.ts';

/** @throws {StanzaError} */
export function handleMessage(turn: RoomTurn, stanza: Stanza, standing: Standing): void {
  const { resource } = stanza.to!;
  if (stanza.type === 'error') {
    handleError(turn, stanza);
    return;
  }
  const config = standing.config ?? turn.config; // it throws when the room does not exist
  if (config.isLocked && standing.affiliation !== 'owner') throw new StanzaError('item-not-found'); // §15.2
  if (resource !== '') {
    sendPrivate(turn, stanza);
    return;
  }
  if (stanza.type === 'groupchat') {
    sendToAll(turn, stanza, config, standing);
    return;
  }
  const extension = stanza.child('x', NS_MUC_USER);
  if (extension?.getChild('invite')) {
    invite(turn, stanza, extension.getChildren('invite'));
    return;
  }
  const refusal = extension?.getChild('decline');
  if (refusal) {
    decline(turn, stanza, refusal);
    return;
  }
  const form = stanza.child('x', NS_DATA);
  const type = form && formTypeOf(form);
  if (form && type === `${NS_MUC}#request`) {
    voiceForm(turn, form);
    return;
  }
  if (form && type === registerForm.type) {
    approveRegistration(turn, form);
    return;
  }
  throw new StanzaError('bad-request', "a message to all must have the type 'groupchat'"); // §15.2
}

/** §16.1.2: somebody who cannot be reached has left. Other errors answer private messages, or are dropped. */
function handleError(turn: RoomTurn, stanza: Stanza): void {
  const { own } = turn;
  const { resource } = stanza.to!;
  const isAway = saysItIsGone(stanza);
  if (resource === '' && isAway && returnInvitation(turn, stanza.id)) return;
  if (own && isAway) {
    removeSeat(turn, own.occupant, own.seat, { statuses: [333] });
    endIfEmpty(turn);
  } else if (resource !== '') {
    bouncePrivate(turn, stanza);
    inquire(turn, stanza);
  }
}

/** §7.4: a message to all. Guards first, then everything that changes something. */
function sendToAll(turn: RoomTurn, stanza: Stanza, config: RoomConfig, { own, affiliation, isAdmin }: Standing): void {
  const { occupant } = own ?? turn.ownOrRefuse;
  if (occupant.role === 'visitor') throw new StanzaError('forbidden', 'visitors may not speak in this room');
  if (stanza.bytes.length > roomLimits.messageBytesMax) {
    throw new StanzaError('policy-violation', `a message to a room has at most ${roomLimits.messageBytesMax} bytes`);
  }
  const isSubject = isSubjectChange(stanza);
  if (isSubject) checkSubjectChange(turn, occupant, stanza);
  const message: RoomMessage = { stanza, occupant, affiliation, isAdmin, config };
  const stages: MessageStages[] = [];
  for (const stage of turn.dependencies.features.message) {
    if (stage.only === undefined || stanza.hasChild(stage.only.name, stage.only.ns)) stages.push(stage);
  }
  for (const { guard } of stages) guard?.(turn, message);

  const archiveId = turn.nextId();
  const amendment: MessageAmendment = { id: stanza.id, mustKeep: false, strip: [forgedIn(turn.room, stanza)], append: [] };
  for (const { amend } of stages) amend?.(turn, message, amendment, archiveId);
  const { id, mustKeep, strip, append } = amendment;
  const room = turn.room.jid;
  const bytes = stanza.render(
    { from: room.withResource(occupant.nick).toString(), id, type: 'groupchat', 'xml:lang': stanza.attributes['xml:lang'] },
    {
      drop: strip.length === 1 ? strip[0]! : (child) => strip.some((isStripped) => isStripped(child)),
      append:
        `<stanza-id xmlns='${NS_SID}' by='${escapeAttribute(room.toString())}' id='${archiveId}'/>` +
        `<occupant-id xmlns='${NS_OCCUPANT_ID}' id='${occupant.id}'/>${append.join('')}`,
    },
  );
  if (isSubject) keepSubject(turn, stanza, bytes.toString());
  if (mustKeep || isWorthKeeping(stanza))
    archive(turn, config, { id: archiveId, bytes, role: occupant.role, affiliation, isSubject });
  const accepted: AcceptedMessage = { ...message, archiveId, id };
  for (const { follow } of stages) follow?.(turn, accepted);
  turn.broadcast(bytes, archiveId);
}
