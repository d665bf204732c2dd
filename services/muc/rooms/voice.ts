/** A visitor asks for voice, and a moderator grants it: XEP-0045 §7.13 and §8.6. */
import { type Field, isCancelled, readSubmission, renderForm, type Submission } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { NS_MUC } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { announce } from './announce.ts';
import { keepRole } from './kept-role.ts';

const NS_REQUEST = `${NS_MUC}#request`;

/** Sends a visitor's request to all moderators, and carries out a moderator's approval (§8.6). @throws {StanzaError} */
export function voiceForm(turn: RoomTurn, element: Element): void {
  const { occupant } = turn.ownOrRefuse;
  if (isCancelled(element)) return; // §8.6: a moderator has skipped the request
  const form = readSubmission(element, { formType: NS_REQUEST });
  const role = form.get('muc#role');
  if (role && role.text().trim() !== 'participant') {
    throw new StanzaError('bad-request', "the role in this form must be 'participant'");
  }
  if (occupant.role === 'moderator') {
    approve(turn, form);
    return;
  }
  if (occupant.role !== 'visitor') throw new StanzaError('not-allowed', 'you already have voice');
  const moderators = [...turn.room.seats.values()].filter((one) => {
    return one.occupant.role === 'moderator' && !turn.room.isHidden(occupant.nick, one.seat);
  });
  const fields: Field[] = [
    { var: 'muc#role', type: 'list-single', label: 'Requested role', values: ['participant'] },
    { var: 'muc#jid', type: 'jid-single', label: 'User ID', values: [turn.from.toString()] },
    { var: 'muc#roomnick', type: 'text-single', label: 'Room nickname', values: [occupant.nick] },
    { var: 'muc#request_allow', type: 'boolean', label: 'Grant voice to this person?', values: ['0'] },
  ];
  const request = renderForm({ type: 'form', formType: NS_REQUEST, title: 'Voice request', fields });
  const message = xml('message', { from: turn.room.jid.toString() }, request);
  turn.send(
    Buffer.from(message.toString()),
    moderators.map(({ seat }) => seat),
  );
}

function approve(turn: RoomTurn, form: Submission): void {
  if (!form.get('muc#request_allow')?.flag()) return;
  const target = turn.room.withNick(form.get('muc#roomnick')?.text() ?? '');
  const jid = form.get('muc#jid')?.jid();
  // Somebody else may have the nick by now.
  if (!target || (jid && !target.bare.equals(jid.bare))) {
    throw new StanzaError('item-not-found', 'the visitor has left');
  }
  if (target.role !== 'visitor') return;
  const roleBefore = target.role;
  target.role = 'participant';
  turn.putOccupant(target);
  keepRole(turn, target);
  announce(turn, { occupant: target, seat: target.seats.at(-1)!, roleBefore });
}
