/** §10.9: destroys the room. */
import { findForm, isCancelled } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { sendConfigForm, submitConfig } from './config-form.ts';
import { dissolve } from './dissolve.ts';
import { removeOccupant } from './leave.ts';
import { readReason } from './reason.ts';

function checkOwner(turn: RoomTurn): void {
  turn.requireRoom();
  if (turn.affiliation !== 'owner') throw new StanzaError('forbidden', 'only owners may configure the room');
}

/** @throws {StanzaError} */
export function ownerGet(turn: RoomTurn, iq: Stanza): void {
  checkOwner(turn);
  sendConfigForm(turn, iq);
}

/** @throws {StanzaError} */
export function ownerSet(turn: RoomTurn, iq: Stanza, query: Element): void {
  checkOwner(turn);
  const request = query.getChild('destroy');
  if (request) {
    destroy(turn, iq, request);
    return;
  }
  const form = findForm(query);
  if (!form) throw new StanzaError('bad-request', 'the request needs the form, filled in or cancelled');
  if (!isCancelled(form)) {
    submitConfig(turn, iq, form);
    return;
  }
  turn.result(iq);
  if (turn.config.isLocked) destroyRoom(turn, xml('destroy')); // §10.1.3: whoever cancels the first form does not want the room
}

/** §10.9. */
function destroy(turn: RoomTurn, iq: Stanza, request: Element): void {
  const { jid } = request.attrs;
  const alternative = jid === undefined || jid === '' ? undefined : Jid.parse(jid).toString();
  const reason = readReason(request);
  const password = request.getChildText('password') ?? undefined;
  const notice = xml(
    'destroy',
    { jid: alternative },
    password === undefined ? undefined : xml('password', {}, password.slice(0, 1024)),
    reason === undefined ? undefined : xml('reason', {}, reason),
  );
  destroyRoom(turn, notice);
  turn.result(iq);
}

/** @param notice `<destroy/>`, which the occupants are told */
function destroyRoom(turn: RoomTurn, notice: Element): void {
  for (const occupant of [...turn.room.occupants.values()]) {
    // Each occupant is told only of its own leaving: all of them leave, so nobody needs to hear about the others.
    const audience = occupant.seats.map((seat) => ({ occupant, seat }));
    removeOccupant(turn, occupant, { affiliation: 'none', destroy: notice }, audience);
  }
  dissolve(turn);
}

/** An operator of the service ends the room. @returns false: there is nothing left to do */
export function destroyByOperator(turn: RoomTurn, reason: string | undefined): boolean {
  if (turn.room.config) destroyRoom(turn, xml('destroy', {}, reason === undefined ? undefined : xml('reason', {}, reason)));
  return false;
}
