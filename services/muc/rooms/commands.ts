/** XEP-0050: the ad-hoc commands of a room, which features declare. */
import { badPayload, commandInfoOf, readCommand, renderCommand } from '../../../lib/xmpp/ad-hoc.ts';
import { emptySubmission, readSubmission, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
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
  return command && commandInfoOf(command.name);
}

/** §3. @throws {StanzaError} item-not-found, forbidden, bad-request, and what the command throws */
export function runCommand(turn: RoomTurn, iq: Stanza, request: Element): void {
  turn.requireRoom();
  const asked = readCommand(request);
  const command = turn.dependencies.features.commands.get(asked.node);
  if (!command) throw new StanzaError('item-not-found', 'unknown command');
  if (!command.isAllowed(turn)) throw new StanzaError('forbidden', 'you may not use this command');
  const session = { node: asked.node, sessionid: asked.sessionid ?? turn.dependencies.ids.mint() };
  if (asked.isCancelled) {
    turn.result(iq, renderCommand(session, 'canceled'));
  } else if (!asked.form && command.ask) {
    const form = renderForm({ type: 'form', formType: command.formType, title: command.name, fields: command.ask(turn) });
    turn.result(iq, renderCommand(session, 'executing', form));
  } else {
    turn.result(iq, renderCommand(session, 'completed', complete(turn, command, asked.form)));
  }
}

/** @throws {StanzaError} */
function complete(turn: RoomTurn, command: RoomCommand, form: Element | undefined): Element | undefined {
  const { formType } = command;
  try {
    return command.run(turn, form ? readSubmission(form, { formType, isFormTypeOptional: true }) : emptySubmission);
  } catch (error) {
    throw badPayload(error);
  }
}
