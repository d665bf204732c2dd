/**
 * XEP-0050: Ad-Hoc Commands of the tenant's domain. Who may use none of them is not told which there are: to strangers a command that exists
 * and one that does not look alike.
 */
import { badPayload, commandInfoOf, NS_COMMANDS, readCommand, renderCommand } from '../../../lib/xmpp/ad-hoc.ts';
import { emptySubmission, readSubmission, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import type { HostCommand } from '../core/host-command.ts';

export const adHocCommands: AccountFeature = {
  spec: 'XEP-0050',
  version: '1.3.0',
  title: 'Ad-Hoc Commands',
  note: 'commands have one form each, so there is no way back (`prev`)',
  disco: { host: [NS_COMMANDS] },
  hostIq: [{ type: 'set', ns: NS_COMMANDS, name: 'command', handle: runCommand }],
  hostNodes: {
    items: listCommands,
    info: async (node, host) => {
      const command = await findAllowed(node, host);
      return command && commandInfoOf(command.name);
    },
  },
};

/** §2.2; undefined for another node. */
async function listCommands(node: string, host: HostContext): Promise<Element[] | undefined> {
  if (node !== NS_COMMANDS) return undefined;
  const allowed = await Promise.all(commandsAt(host).map(async (command) => ((await command.isAllowed(host)) ? [command] : [])));
  return allowed.flat().map(({ node: name, name: label }) => xml('item', { jid: `${host.jid}`, node: name, name: label }));
}

function commandsAt({ turn }: HostContext): readonly HostCommand[] {
  const { hostCommands = [], features } = turn.dependencies;
  return [...features.hostCommands, ...hostCommands];
}

async function findAllowed(node: string, host: HostContext): Promise<HostCommand | undefined> {
  const command = commandsAt(host).find((one) => one.node === node);
  return command && (await command.isAllowed(host)) ? command : undefined;
}

/** §3. @throws {StanzaError} forbidden, bad-request, and what the command throws */
async function runCommand(request: Element, host: HostContext): Promise<Element> {
  const asked = readCommand(request);
  const command = await findAllowed(asked.node, host);
  if (!command) throw new StanzaError('forbidden', 'there is no such command for you');
  const session = { node: asked.node, sessionid: asked.sessionid ?? host.turn.dependencies.ids.mint() };
  if (asked.isCancelled) return renderCommand(session, 'canceled');
  const { formType, name } = command;
  const fields = (await command.shown?.(host)) ?? command.fields;
  if (!asked.form && fields.length > 0) {
    const actions = xml('actions', { execute: 'complete' }, xml('complete'));
    return renderCommand(session, 'executing', actions, renderForm({ type: 'form', formType, title: name, fields }));
  }
  try {
    const submission = asked.form ? readSubmission(asked.form, { formType, isFormTypeOptional: true }) : emptySubmission;
    return renderCommand(session, 'completed', await command.run(host, submission));
  } catch (error) {
    throw badPayload(error);
  }
}
