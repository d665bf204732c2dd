/**
 * Messages to a room: XEP-0045 §7.4 (to all), §8.1 (subject); and where the others go (§7.5, §7.8, §7.13).
 *
 * The room's order is the order of its queue: each message gets its id (XEP-0359) here, goes into the archive under it, and then to
 * all clients of all occupants, the sender's among them with the `id` it chose.
 */
import { formTypeOf, NS_DATA } from '../../../lib/xmpp/data-form.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { forgedIn } from '../core/marks.ts';
import { NS_MUC, NS_MUC_USER, NS_OCCUPANT_ID, NS_SID } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { checkRetraction, retract } from '../features/xep0424-retraction.ts';
import { checkSlowMode } from '../features/xep0500-slow-mode.ts';
import { countMessage } from '../features/xep0502-activity.ts';
import { roomLimits } from '../limits.ts';
import { saysItIsGone } from '../missed/ghost.ts';
import { approveRegistration, registerForm } from './approval.ts';
import { archive, isWorthKeeping } from './archive.ts';
import { decline, invite, returnInvitation } from './invite.ts';
import { endIfEmpty, removeSession } from './leave.ts';
import { bouncePrivate, sendPrivate } from './private-message.ts';
import { checkSubjectChange, isSubjectChange, keepSubject } from './subject.ts';
import { voiceForm } from './voice.ts';

/** @throws {StanzaError} */
export function handleMessage(turn: RoomTurn, stanza: Stanza): void {
  const { resource } = stanza.to!;
  if (stanza.type === 'error') {
    handleError(turn, stanza);
    return;
  }
  if (turn.config.isLocked && turn.affiliation !== 'owner') throw new StanzaError('item-not-found'); // §15.2
  if (resource !== '') {
    sendPrivate(turn, stanza);
    return;
  }
  if (stanza.type === 'groupchat') {
    sendToAll(turn, stanza);
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
  throw new StanzaError('bad-request', "a message to all has the type 'groupchat'"); // §15.2
}

/** §16.1.2: who cannot be reached has left. Other errors are answers to private messages, or nobody's business. */
function handleError(turn: RoomTurn, stanza: Stanza): void {
  const { own } = turn;
  const { resource } = stanza.to!;
  const isAway = saysItIsGone(stanza);
  if (resource === '' && isAway && returnInvitation(turn, stanza.id)) return;
  if (own && isAway) {
    removeSession(turn, own.occupant, own.session, { statuses: [333] });
    endIfEmpty(turn);
  } else if (resource !== '') bouncePrivate(turn, stanza);
}

function sendToAll(turn: RoomTurn, stanza: Stanza): void {
  const { occupant } = turn.ownOrRefuse;
  if (occupant.role === 'visitor') throw new StanzaError('forbidden', 'visitors have no voice in this room');
  if (stanza.bytes.length > roomLimits.messageBytesMax) {
    throw new StanzaError('policy-violation', `a message to a room has at most ${roomLimits.messageBytesMax} bytes`);
  }
  const isSubject = isSubjectChange(stanza);
  if (isSubject) checkSubjectChange(turn, occupant, stanza);
  const isRetraction = checkRetraction(turn, stanza);
  checkSlowMode(turn, stanza);

  const id = turn.nextId();
  // A retraction is found by its id (XEP-0424 §4): one without gets the room's.
  const messageId = stanza.id ?? (isRetraction ? id : undefined);
  const room = turn.room.jid.toString();
  const bytes = stanza.render(
    {
      from: turn.room.jid.withResource(occupant.nick).toString(),
      id: messageId,
      type: 'groupchat',
      'xml:lang': stanza.attributes['xml:lang'],
    },
    {
      drop: forgedIn(turn.room, stanza),
      append: `<stanza-id xmlns='${NS_SID}' by='${escapeAttribute(room)}' id='${id}'/><occupant-id xmlns='${NS_OCCUPANT_ID}' id='${occupant.id}'/>`,
    },
  );
  if (isSubject) keepSubject(turn, stanza, bytes.toString());
  if (isRetraction) retract(turn, stanza, messageId!);
  if (isRetraction || isWorthKeeping(stanza)) archive(turn, id, bytes, isSubject);
  countMessage(turn, stanza);
  turn.broadcast(bytes, id);
}
