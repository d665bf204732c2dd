/** XEP-0060 §8.7: an ad-hoc command (XEP-0050) by which owners get the requests for subscriptions that wait for them. */
import { badPayload, commandInfoOf, readCommand, renderCommand } from '../../../lib/xmpp/ad-hoc.ts';
import { readSubmission, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { HostContext } from '../core/host.ts';
import { ownersOf } from '../pep/affiliations.ts';
import { approvalFormType, askOwner } from '../pep/approvals.ts';
import { findNode } from '../pep/nodes.ts';
import { pubsubError, pubsubNs } from '../pep/pubsub-error.ts';
import { isOwner } from '../pep/requests.ts';
import { pendingOf } from '../pep/subscriptions.ts';
import { ServicePlace } from './service-place.ts';

const node = `${pubsubNs}#get-pending`;
const name = 'Requests for subscriptions';

/** What disco#info tells of a node that is a command; undefined: it is none. */
export function commandInfo(asked: string): readonly Element[] | undefined {
  return asked === node ? commandInfoOf(name) : undefined;
}

/** The commands, for disco#items. */
export function commandItems(service: Jid): readonly Element[] {
  return [xml('item', { jid: service.toString(), node, name })];
}

/** @throws {StanzaError} an error of §8.7.3 */
export async function runCommand(request: Element, host: HostContext, iq: Stanza): Promise<Element> {
  const asked = readCommand(request);
  if (asked.node !== node)
    throw pubsubError('feature-not-implemented', 'unsupported', { attributes: { feature: 'get-pending' } });
  const place = new ServicePlace(host, iq.from!);
  const session = { node, sessionid: asked.sessionid ?? place.requestId };
  if (asked.isCancelled) return renderCommand(session, 'canceled');
  if (asked.form === undefined) {
    const actions = xml('actions', { execute: 'complete' }, xml('complete'));
    return renderCommand(session, 'executing', actions, await formOf(place));
  }
  await sendPending(place, namedIn(asked.form));
  return renderCommand(session, 'completed');
}

async function formOf(place: ServicePlace): Promise<Element> {
  const options: { readonly value: string }[] = [];
  for (const one of await place.namesFor(place.asker)) if (await hasPending(place, one)) options.push({ value: one });
  const fields = [{ var: 'pubsub#node', type: 'list-single', label: 'Node', options } as const];
  return renderForm({ type: 'form', formType: approvalFormType, title: name, fields });
}

async function hasPending(place: ServicePlace, one: string): Promise<boolean> {
  const holder = place.holder(one);
  const found = await findNode(holder, one);
  if (found === undefined || !ownersOf(holder, found).includes(place.asker.bare.toString())) return false;
  return (await pendingOf(holder, found)).length > 0;
}

/** @throws {StanzaError} */
function namedIn(form: Element): string {
  try {
    const named = readSubmission(form, { formType: approvalFormType, isFormTypeOptional: true }).get('pubsub#node')?.text();
    if (!named) throw new StanzaError('bad-request', 'the form names no node');
    return named;
  } catch (error) {
    throw badPayload(error);
  }
}

async function sendPending(place: ServicePlace, named: string): Promise<void> {
  const holder = place.holder(named);
  const found = await findNode(holder, named);
  if (found === undefined) throw new StanzaError('item-not-found', 'there is no such node');
  if (!(await isOwner(place, found))) throw new StanzaError('forbidden', 'only owners of the node may do that');
  for (const waiting of await pendingOf(holder, found)) askOwner(place, found, waiting, place.asker.toString());
}
