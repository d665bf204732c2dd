/** The subject: XEP-0045 §8.1, and §7.2.15, which makes it the last thing that a new occupant is sent. */

import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CLIENT } from '../core/namespaces.ts';
import type { Occupant, Room, Seat } from '../core/room.ts';
import { subjects } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { delayed } from './history.ts';

/** §8.1: a message with a body or a thread is an ordinary one. */
export function isSubjectChange(stanza: Stanza): boolean {
  return stanza.hasChild('subject', NS_CLIENT) && !stanza.hasChild('body', NS_CLIENT) && !stanza.hasChild('thread', NS_CLIENT);
}

/** @throws {StanzaError} forbidden, or policy-violation */
export function checkSubjectChange(turn: RoomTurn, occupant: Occupant, stanza: Stanza): void {
  const isAllowed = occupant.role === 'moderator' || (turn.config.changeSubject && occupant.role === 'participant');
  if (!isAllowed) throw new StanzaError('forbidden', 'you may not change the subject');
  if (stanza.bytes.length > roomLimits.subjectBytesMax) {
    throw new StanzaError('policy-violation', `a subject has at most ${roomLimits.subjectBytesMax} bytes`);
  }
}

export function keepSubject(turn: RoomTurn, stanza: Stanza, sent: string): void {
  const text = stanza.child('subject', NS_CLIENT)?.getText() ?? '';
  turn.room.subject = { xml: sent, text, at: turn.dependencies.clock.timeOfDay() };
  turn.put(subjects, '', turn.room.subject);
}

/** Has an occupant of this nick set the subject? */
export function isSubjectOf({ subject }: Room, nick: string): boolean {
  return subject !== undefined && Stanza.parse(subject.xml).from?.resource === nick;
}

export function sendSubject(turn: RoomTurn, seat: Seat): void {
  const { subject, jid } = turn.room;
  const from = jid.toString();
  const none = xml('message', { from, type: 'groupchat' }, xml('subject'));
  const bytes = Buffer.from(subject ? delayed(subject, from) : none.toString());
  // The subject belongs to the room, and ends the entry. Somebody who blocks its author gets it as from the room itself.
  const isHidden = turn.room.withoutHiding(bytes, [seat]).length === 0;
  turn.send(isHidden ? Stanza.parse(bytes).render({ ...Stanza.parse(bytes).attributes, from }) : bytes, [seat]);
}
