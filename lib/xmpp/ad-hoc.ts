/**
 * XEP-0050 (Ad-Hoc Commands), version 1.3.0: how requests are read and answers are written, for rooms and hosts alike. Nothing is kept
 * between the steps of a command, because the form that comes back has everything.
 */
import { findForm, isCancelled, NS_DATA } from './data-form.ts';
import { type Element, xml } from './element.ts';
import { StanzaError } from './errors.ts';
import { xmppLimits } from './limits.ts';

export const NS_COMMANDS = 'http://jabber.org/protocol/commands';

export interface CommandRequest {
  readonly node: string;
  /** Chosen by the first answer; the client sends it back. */
  readonly sessionid: string | undefined;
  readonly isCancelled: boolean;
  readonly form: Element | undefined;
}

/** §3. @throws {StanzaError} bad-request */
export function readCommand(request: Element): CommandRequest {
  const { node = '', action = 'execute', sessionid } = request.attrs as Record<string, string | undefined>;
  if (!['cancel', 'execute', 'complete', 'next'].includes(action)) {
    throw new StanzaError('bad-request', `unknown action of a command '${action}'`);
  }
  const form = findForm(request);
  return {
    node,
    sessionid: sessionid?.slice(0, xmppLimits.commandSessionCharactersMax),
    isCancelled: action === 'cancel' || isCancelled(form),
    form,
  };
}

export function renderCommand(
  { node, sessionid }: { readonly node: string; readonly sessionid: string },
  status: 'executing' | 'completed' | 'canceled',
  ...children: readonly (Element | undefined)[]
): Element {
  return xml('command', { xmlns: NS_COMMANDS, node, sessionid, status }, ...children);
}

/** §2.3: what disco#info tells of a command. */
export function commandInfoOf(name: string): Element[] {
  return [
    xml('identity', { category: 'automation', type: 'command-node', name }),
    xml('feature', { var: NS_COMMANDS }),
    xml('feature', { var: NS_DATA }),
  ];
}

/** §4.4: when a command cannot use its form, that is a bad payload. */
export function badPayload(error: unknown): unknown {
  if (!(error instanceof StanzaError) || !['bad-request', 'not-acceptable'].includes(error.condition)) return error;
  return new StanzaError('bad-request', error.text, { extra: xml('bad-payload', { xmlns: NS_COMMANDS }) });
}
