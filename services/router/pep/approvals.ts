/**
 * XEP-0060 §8.6, §8.7: who wants to subscribe to a node of the access model `authorize` waits for an owner, who gets a form. §12.15: whoever
 * asked is told what has become of it.
 */
import { formTypeOf, isCancelled, readSubmission, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { ownersOf } from './affiliations.ts';
import { sendLastItemTo } from './last-items.ts';
import { findNode, type PepNode } from './nodes.ts';
import type { Place } from './place.ts';
import { eventNs, pubsubNs } from './pubsub-error.ts';
import { isOwner } from './requests.ts';
import { addSubscriber, pendingOf, removePending, type Subscriber } from './subscriptions.ts';

export const approvalFormType = `${pubsubNs}#subscribe_authorization`;
const dataNs = 'jabber:x:data';

/** Queues a form for each owner and each of those who wait. */
export function askOwners(place: Place, node: PepNode, waiting: readonly Subscriber[]): void {
  const owners = ownersOf(place.holder(node.name), node);
  for (const subscriber of waiting) for (const owner of owners) askOwner(place, node, subscriber, owner);
}

/** Queues the form for one who may answer it. */
export function askOwner(place: Place, node: PepNode, { jid, subid }: Subscriber, owner: string): void {
  const form = renderForm({
    type: 'form',
    formType: approvalFormType,
    title: 'Somebody wants to subscribe',
    fields: [
      { var: 'pubsub#subid', type: 'hidden', values: [subid] },
      { var: 'pubsub#node', type: 'text-single', label: 'Node', values: [node.name] },
      { var: 'pubsub#subscriber_jid', type: 'jid-single', label: 'Who wants to subscribe', values: [jid] },
      { var: 'pubsub#allow', type: 'boolean', label: 'Allow this', values: ['0'] },
    ],
  });
  const body = `${jid} wants to subscribe to '${node.config.title || node.name}'`;
  send(place, owner, [xml('body', {}, body), form], { id: `approve-${subid}` });
}

/** Is this the answer of an owner to such a form? */
export function isApproval(message: Stanza): boolean {
  if (message.type === 'error' || !message.hasChild('x', dataNs)) return false;
  const form = message.child('x', dataNs);
  return form !== undefined && form.attrs.type !== 'form' && formTypeOf(form) === approvalFormType;
}

/** Carries out what an owner has said. A form that is cancelled leaves the request as it is. @throws {StanzaError} */
export async function takeApproval(place: Place, message: Stanza): Promise<void> {
  const form = message.child('x', dataNs)!;
  if (isCancelled(form)) return;
  const fields = readSubmission(form, { formType: approvalFormType });
  const name = fields.get('pubsub#node')?.text() ?? '';
  const jid = fields.get('pubsub#subscriber_jid')?.jid();
  const subid = fields.get('pubsub#subid')?.text();
  const isAllowed = fields.get('pubsub#allow')?.flag();
  if (name === '' || jid === undefined || isAllowed === undefined)
    throw new StanzaError('bad-request', 'an approval names the node, who wants to subscribe, and whether that is allowed');
  const node = await findNode(place.holder(name), name);
  if (node === undefined && place.site === 'service') throw new StanzaError('item-not-found', 'there is no such node');
  if (node === undefined || !(await isOwner(place, node)))
    throw new StanzaError('forbidden', 'only owners of the node may do that');
  const waiting = (await pendingOf(place.holder(name), node)).find((one) => one.jid === jid.toString());
  // Another owner may have been faster.
  if (waiting === undefined || (subid !== undefined && subid !== '' && subid !== waiting.subid)) return;
  await (isAllowed ? approve(place, node, waiting) : deny(place, node, waiting));
}

/** Lets somebody in who has waited, at once. They wait no more when they have been told: until then the request may come again. */
export async function approve(place: Place, node: PepNode, waiting: Subscriber): Promise<void> {
  const holder = place.holder(node.name);
  const jid = Jid.parse(waiting.jid);
  const wish = { jid, subid: waiting.subid, options: waiting.options, isForeign: await place.isForeign(jid.domain) };
  const subscriber = await addSubscriber(holder, node, wish);
  tellState(place, node, subscriber, 'subscribed');
  if (node.config.notifySub) tellOwners(place, node, subscriber, 'subscribed');
  if (node.config.sendLast !== 'never') await sendLastItemTo(holder, node, subscriber);
  place.turn.afterHandOver(async () => void (await removePending(holder, node, waiting.jid)));
}

async function deny(place: Place, node: PepNode, waiting: Subscriber): Promise<void> {
  tellState(place, node, waiting, 'none');
  place.turn.afterHandOver(async () => {
    await removePending(place.holder(node.name), node, waiting.jid);
    await place.unrelate(Jid.parse(waiting.jid), node);
  });
}

type State = 'subscribed' | 'none';

/** §12.15: queues what a subscriber is to know of the subscription. */
export function tellState(place: Place, node: PepNode, { jid, subid }: Subscriber, state: State): void {
  send(place, jid, [stateEvent(node, { jid, subid }, state)]);
}

/** `pubsub#notify_sub`. */
export function tellOwners(place: Place, node: PepNode, { jid, subid }: Subscriber, state: State): void {
  for (const owner of ownersOf(place.holder(node.name), node))
    send(place, owner, [stateEvent(node, { jid, subid }, state)], { type: 'headline' });
}

function stateEvent({ name }: PepNode, { jid, subid }: Pick<Subscriber, 'jid' | 'subid'>, subscription: State): Element {
  return xml('event', { xmlns: eventNs }, xml('subscription', { node: name, jid, subid, subscription }));
}

function send(
  { turn, tenant, jid }: Place,
  to: string,
  content: readonly Element[],
  { id = turn.dependencies.ids.mint(), type }: { readonly id?: string; readonly type?: 'headline' } = {},
): void {
  const message = xml('message', { from: jid.toString(), to, id, type }, ...content);
  turn.post(tenant, Buffer.from(message.toString()), turn.dependencies.ids.mint());
}
