/**
 * XEP-0050: the ad-hoc commands of a room, which features declare. Nothing is kept between the steps of a command, because the
 * form that comes back has everything.
 */
import { emptySubmission, findForm, isCancelled, NS_DATA, readSubmission, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_COMMANDS } from '../core/namespaces.ts';
import type { RoomCommand } from '../core/room-feature.ts';
import type { RoomTurn } from '../core/room-turn.ts';

/** §2.2: the commands that the sender may use, for disco#items. */
export function commandItems(turn: RoomTurn): Element[] {
  const from = turn.room.jid.toString();
  return [...turn.dependencies.features.commands.values()]
    .filter((command) => command.isAllowed(turn))
    .map(({ node, name }) => xml('item', { jid: from, node, name }));
}

/** §2.3; undefined when the node is not a command. */
export function commandInfo(turn: RoomTurn, node: string | undefined): Element[] | undefined {
  const command = turn.dependencies.features.commands.get(node ?? '');
  return (
    command && [
      xml('identity', { category: 'automation', type: 'command-node', name: command.name }),
      xml('feature', { var: NS_COMMANDS }),
      xml('feature', { var: NS_DATA }),
    ]
  );
}

/** §3. @throws {StanzaError} item-not-found, forbidden, bad-request, and what the command throws */
export function runCommand(turn: RoomTurn, iq: Stanza, request: Element): void {
  turn.requireRoom();
  const { node, action = 'execute' } = request.attrs;
  const sessionid = request.attrs.sessionid?.slice(0, 128) ?? turn.dependencies.ids.mint();
  const command = turn.dependencies.features.commands.get(node ?? '');
  if (!command) throw new StanzaError('item-not-found', 'unknown command');
  if (!command.isAllowed(turn)) throw new StanzaError('forbidden', 'you may not use this command');
  const answer = (status: string, child?: Element) =>
    turn.result(iq, xml('command', { xmlns: NS_COMMANDS, node, sessionid, status }, child));
  if (!['cancel', 'execute', 'complete', 'next'].includes(action))
    throw new StanzaError('bad-request', `unknown action of a command '${action}'`);
  const form = findForm(request);
  if (action === 'cancel' || isCancelled(form)) {
    answer('canceled');
  } else if (!form && command.ask) {
    const fields = command.ask(turn);
    answer('executing', renderForm({ type: 'form', formType: command.formType, title: command.name, fields }));
  } else {
    answer('completed', complete(turn, command, form));
  }
}

/** §4.4: when a command cannot use its form, that is a bad payload. @throws {StanzaError} */
function complete(turn: RoomTurn, command: RoomCommand, form: Element | undefined): Element | undefined {
  const { formType } = command;
  try {
    return command.run(turn, form ? readSubmission(form, { formType, isFormTypeOptional: true }) : emptySubmission);
  } catch (error) {
    if (!(error instanceof StanzaError) || !['bad-request', 'not-acceptable'].includes(error.condition)) throw error;
    throw new StanzaError('bad-request', error.text, { extra: xml('bad-payload', { xmlns: NS_COMMANDS }) });
  }
}
