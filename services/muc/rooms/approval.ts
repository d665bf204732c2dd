/**
 * Registrations that need the approval of an admin or owner: XEP-0045 §9.9. Nothing is kept of a request. The form that goes to
 * admins and owners has all of it; whoever may send it back could make the person a member without it, too. It has one more field
 * than §9.9 recommends, which names the person.
 */

import { type Field, isCancelled, readSubmission, renderForm, type Submission } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { NS_MUC } from '../core/namespaces.ts';
import { personIn } from '../core/people.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import type { Recipient } from '../core/sending.ts';
import { roomLimits } from '../limits.ts';
import { checkMembership, join } from './membership.ts';

export const registerForm = { type: `${NS_MUC}#register`, nick: 'muc#register_roomnick' } as const;
const jidVar = 'x-muc#register_jid';
const allowVar = 'muc#register_allow';

/** §15.5.1: what people may say about themselves to those who decide. */
export const personalFields = [
  { var: 'muc#register_first', type: 'text-single', label: 'Given name' },
  { var: 'muc#register_last', type: 'text-single', label: 'Family name' },
  { var: 'muc#register_url', type: 'text-single', label: 'A web page' },
  { var: 'muc#register_email', type: 'text-single', label: 'E-mail address' },
  { var: 'muc#register_faqentry', type: 'text-multi', label: 'About you' },
] as const satisfies readonly Field[];

/** Admins and owners: the clients of those who are inside, and the accounts of the others. */
function approvers({ room }: RoomTurn): Recipient[] {
  const found: Recipient[] = [];
  const ranks = [...room.affiliations.values()].filter(({ affiliation }) => affiliation === 'owner' || affiliation === 'admin');
  for (const { jid } of ranks.slice(0, roomLimits.approversMax)) {
    const bare = Jid.parse(jid);
    if (bare.local === '') continue;
    const inside = room.occupantsOf(bare).flatMap(({ seats }) => seats);
    found.push(...(inside.length > 0 ? inside : [{ jid: bare }]));
  }
  return found;
}

/** @throws {StanzaError} policy-violation of type wait */
export function askForApproval(turn: RoomTurn, nick: string, submission: Submission): void {
  turn.demandPace('registration');
  const { bare } = turn.from;
  const told = personalFields.map((field) => {
    const lines = submission.get(field.var)?.lines() ?? [];
    const shown = lines.slice(0, field.type === 'text-multi' ? roomLimits.registrationLinesMax : 1);
    return { ...field, values: shown.map((text) => text.slice(0, roomLimits.reasonCharactersMax)) };
  });
  const fields: Field[] = [
    { var: jidVar, type: 'jid-single', label: 'Address of the person', values: [bare.toString()] },
    { var: registerForm.nick, type: 'text-single', label: 'Desired nick', values: [nick] },
    ...told.filter((field) => field.values.length > 0),
    { var: allowVar, type: 'boolean', label: 'Allow this person to register with the room?', values: ['0'] },
  ];
  const form = renderForm({ type: 'form', formType: registerForm.type, title: 'Registration request', fields });
  const body = xml('body', {}, `${bare} asks to be a member of ${turn.room.jid} as ${nick}.`);
  const message = xml('message', { from: turn.room.jid.toString(), id: turn.dependencies.ids.mint() }, body, form);
  turn.send(Buffer.from(message.toString()), approvers(turn));
}

/**
 * Carries out what an admin or owner has decided. @throws {StanzaError} forbidden, bad-request, conflict and others of a
 * registration
 */
export function approveRegistration(turn: RoomTurn, form: Element): void {
  if (!turn.isAdmin) {
    throw new StanzaError('forbidden', 'only admins and owners may approve registrations');
  }
  if (isCancelled(form)) return;
  const submission = readSubmission(form, { formType: registerForm.type });
  if (!submission.get(allowVar)?.flag()) return;
  const bare = submission.get(jidVar)?.jid((text) => personIn(turn, text));
  const asked = submission.get(registerForm.nick)?.requiredText();
  if (bare === undefined || asked === undefined) {
    throw new StanzaError('bad-request', 'the form needs the address of the person and the nick');
  }
  if (turn.room.affiliationOf(bare) === 'outcast') throw new StanzaError('not-allowed', `${bare} is banned from this room`);
  join(turn, bare, checkMembership(turn, bare, asked));
}
