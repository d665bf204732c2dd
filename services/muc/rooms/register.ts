/**
 * Registering with a room: XEP-0045 §7.10, and finding one's own nick (§7.12). Registering makes somebody a member and reserves
 * the nick. The owner decides whether everybody may register, an admin or owner has to approve it (approval.ts), or nobody may.
 * Where membership brings rights, nobody may register unless the owner has allowed it.
 */
import { type Field, findForm, isCancelled, readSubmission, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type RegistrationPolicy, registrationOf } from '../core/config.ts';
import { NS_REGISTER } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { askForApproval, personalFields, registerForm } from './approval.ts';
import { checkMembership, join, unjoin } from './membership.ts';

/** @throws {StanzaError} not-allowed */
function checkMayRegister(turn: RoomTurn): RegistrationPolicy {
  const { config, affiliation, from } = turn;
  if (from.local === '') throw new StanzaError('not-allowed', 'only people can register with a room');
  const policy = affiliation === 'none' ? registrationOf(config) : 'open';
  if (affiliation === 'outcast' || policy === 'none' || (config.isLocked && affiliation === 'none')) {
    throw new StanzaError('not-allowed', 'you may not register with this room');
  }
  return policy;
}

export function reservedNick(turn: RoomTurn): string | undefined {
  return turn.room.affiliations.get(turn.from.bare.toString())?.nick;
}

/** @throws {StanzaError} */
export function getRegistration(turn: RoomTurn, iq: Stanza): void {
  const policy = checkMayRegister(turn);
  const nick = reservedNick(turn);
  const nickField: Field = {
    var: registerForm.nick,
    type: 'text-single',
    label: 'Nick',
    isRequired: true,
    values: nick === undefined ? [] : [nick],
  };
  const fields = policy === 'approval' ? [nickField, ...personalFields.map((field) => ({ ...field, values: [] }))] : [nickField];
  const form = { type: 'form', formType: registerForm.type, title: `Registration with ${turn.room.jid}`, fields } as const;
  const query = xml(
    'query',
    { xmlns: NS_REGISTER },
    nick === undefined ? undefined : [xml('registered'), xml('username', {}, nick)],
    xml('instructions', {}, 'Choose the nick that is to be yours in this room.'),
    renderForm(form),
  );
  turn.result(iq, query);
}

/** @throws {StanzaError} not-allowed, bad-request, not-acceptable, conflict, registration-required */
export function setRegistration(turn: RoomTurn, iq: Stanza, query: Element): void {
  if (query.getChild('remove', NS_REGISTER)) {
    removeRegistration(turn, iq, query);
    return;
  }
  const policy = checkMayRegister(turn);
  const { bare } = turn.from;
  const form = findForm(query);
  if (isCancelled(form)) {
    turn.result(iq);
    return;
  }
  const submission = form && readSubmission(form, { formType: registerForm.type, isFormTypeOptional: true });
  const asked = submission?.get(registerForm.nick)?.requiredText();
  if (submission === undefined || asked === undefined)
    throw new StanzaError('bad-request', 'the request needs the form with a nick');
  const nick = checkMembership(turn, bare, asked);
  if (policy === 'approval') askForApproval(turn, nick, submission);
  turn.result(iq);
  if (policy === 'open') join(turn, bare, nick);
}

/**
 * XEP-0077 §3.2: anybody who has registered may end that, whatever the room lets others do. @throws {StanzaError} bad-request,
 * registration-required
 */
function removeRegistration(turn: RoomTurn, iq: Stanza, query: Element): void {
  turn.requireRoom();
  if (query.getChildElements().length !== 1)
    throw new StanzaError('bad-request', '<remove/> must be the only element of the request');
  if (reservedNick(turn) === undefined) throw new StanzaError('registration-required', 'you have not registered with this room');
  turn.result(iq); // the sender is told before the others see the change
  unjoin(turn, turn.from.bare);
}
