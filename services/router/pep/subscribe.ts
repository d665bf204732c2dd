/** Requests about explicit subscriptions, from subscribers: XEP-0060 §5.6, §6.1 to §6.4. */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { checkAccess } from './access.ts';
import { affiliationOf } from './affiliations.ts';
import { askOwners, tellOwners } from './approvals.ts';
import { sendLastItemTo } from './last-items.ts';
import { findNode, type PepNode } from './nodes.ts';
import type { Place } from './place.ts';
import { pubsubError, pubsubNs, unsupported } from './pubsub-error.ts';
import { jidIn } from './requests.ts';
import { optionsForm, readOptions } from './subscription-options.ts';
import {
  addPending,
  addSubscriber,
  changeSubscriber,
  defaultOptions,
  pendingOf,
  removePending,
  removeSubscriber,
  type Subscriber,
  type SubscriptionOptions,
  subscribersOfPerson,
  subscriptionsOf,
} from './subscriptions.ts';

/** §6.1. @param request `<pubsub/>`. @throws {StanzaError} an error of §6.1.3 */
export async function subscribe(place: Place, node: PepNode, request: Element, asked: Element): Promise<Element> {
  const jid = ownJid(place, asked.attrs.jid as string | undefined);
  if (!node.config.maySubscribe) throw unsupported('subscribe'); // §6.1.3.10
  const options = optionsBeside(place, request);
  const holder = place.holder(node.name);
  await checkAccess(holder, place.asker, node);
  const isForeign = await place.isForeign(jid.domain);
  if (isForeign) checkRate(place);
  await place.relate(place.asker, node.name);
  const wish = { jid, subid: place.requestId, options, isForeign };
  if (node.config.access === 'authorize' && !(await mayJoin(place, node))) return wait(place, node, wish);
  const subscriber = await addSubscriber(holder, node, wish);
  if (subscriber.subid === place.requestId) await begun(place, node, subscriber);
  return answer(node, subscriber, 'subscribed', options);
}

/** §6.1.4: with the access model `authorize` those who are something to the node, or are subscribed already, need not wait. */
async function mayJoin(place: Place, node: PepNode): Promise<boolean> {
  const holder = place.holder(node.name);
  if (affiliationOf(holder, node, place.asker) !== 'none') return true;
  return (await subscriptionsOf(holder, node, place.asker)).length > 0;
}

interface Wish {
  readonly jid: Jid;
  readonly subid: string;
  readonly options: SubscriptionOptions | undefined;
  readonly isForeign: boolean;
}

async function wait(place: Place, node: PepNode, wish: Wish): Promise<Element> {
  const isNew = await addPending(place.holder(node.name), node, wish);
  if (!isNew) throw pubsubError('not-authorized', 'pending-subscription'); // §6.1.3.7
  const subscriber = { jid: wish.jid.toString(), subid: wish.subid };
  askOwners(place, node, [subscriber]);
  return answer(node, subscriber, 'pending', wish.options);
}

/** What follows from a new subscription. */
async function begun(place: Place, node: PepNode, subscriber: Subscriber): Promise<void> {
  if (node.config.notifySub) tellOwners(place, node, subscriber, 'subscribed');
  if (node.config.sendLast !== 'never') await sendLastItemTo(place.holder(node.name), node, subscriber);
}

/** @throws {StanzaError} when too many people of another server subscribe at once */
function checkRate({ turn, asker }: Place): void {
  if (turn.dependencies.shares.remote.maySubscribe(asker)) return;
  const text = 'too many people of your server subscribe at once';
  throw pubsubError('policy-violation', 'too-many-subscriptions', { text, type: 'wait' });
}

/** §6.3.8. @returns undefined where none are given */
function optionsBeside({ turn }: Place, request: Element): SubscriptionOptions | undefined {
  const options = request.getChild('options', pubsubNs) as Element | undefined;
  if (options === undefined) return undefined;
  const children = request.getChildElements();
  const isInPlace = children.indexOf(options) === 1 && options.attrs.node === undefined && options.attrs.jid === undefined;
  if (!isInPlace) throw new StanzaError('bad-request', 'options follow the subscription, and name neither node nor JID');
  return readOptions(options, defaultOptions, turn.dependencies.clock.timeOfDay());
}

function answer(
  node: PepNode,
  subscriber: Subscriber,
  state: 'subscribed' | 'pending',
  options: SubscriptionOptions | undefined,
): Element {
  const given = options && xml('options', {}, optionsForm(options, 'result'));
  return xml('pubsub', { xmlns: pubsubNs }, subscriptionElement(subscriber, node, state), given);
}

/** §6.2. @throws {StanzaError} an error of §6.2.3 */
export async function unsubscribe(place: Place, node: PepNode, asked: Element): Promise<undefined> {
  const { jid: text, subid } = asked.attrs as { jid?: string; subid?: string };
  const jid = await mayChange(place, jidIn(text));
  const holder = place.holder(node.name);
  const found = (await subscriptionsOf(holder, node, jid)).find((one) => one.jid === jid.toString());
  const waiting = (await pendingOf(holder, node)).find((one) => one.jid === jid.toString());
  const there = found ?? waiting;
  if (there === undefined) throw pubsubError('unexpected-request', 'not-subscribed', { type: 'cancel' });
  if (subid !== undefined && subid !== there.subid) throw pubsubError('not-acceptable', 'invalid-subid');
  if (found) await removeSubscriber(holder, node, there.jid);
  if (waiting) await removePending(holder, node, there.jid);
  if (found && node.config.notifySub) tellOwners(place, node, found, 'none');
  await place.unrelate(jid, node);
}

/** §6.3.2: the form of options; §6.3.6: its submission. @throws {StanzaError} an error of §6.3.4 */
export async function showOptions(place: Place, node: PepNode, asked: Element): Promise<Element> {
  const { jid, options } = await namedSubscriber(place, node, asked);
  return xml('pubsub', { xmlns: pubsubNs }, xml('options', { node: node.name, jid }, optionsForm(options)));
}

export async function setOptions(place: Place, node: PepNode, asked: Element): Promise<undefined> {
  const { jid, options = defaultOptions } = await namedSubscriber(place, node, asked);
  const next = readOptions(asked, options, place.turn.dependencies.clock.timeOfDay());
  await changeSubscriber(place.holder(node.name), node, jid, (subscriber) => ({ ...subscriber, options: next }));
}

/** §6.4. */
export function showDefaultOptions(asked: Element): Element {
  const { node } = asked.attrs;
  return xml('pubsub', { xmlns: pubsubNs }, xml('default', { node }, optionsForm(defaultOptions, 'result')));
}

async function namedSubscriber(place: Place, node: PepNode, asked: Element): Promise<Subscriber> {
  const { jid: text, subid } = asked.attrs as { jid?: string; subid?: string };
  if (!text) throw pubsubError('bad-request', 'jid-required');
  const jid = await mayChange(place, jidIn(text));
  const own = await subscriptionsOf(place.holder(node.name), node, jid);
  const found = own.find((one) => one.jid === jid.toString());
  if (found === undefined) throw pubsubError('unexpected-request', 'not-subscribed', { type: 'modify' });
  if (subid !== undefined && subid !== found.subid) throw pubsubError('not-acceptable', 'invalid-subid');
  return found;
}

/** §5.6: lists the asker's own subscriptions, to the node that the request names or to all nodes. */
export async function listSubscriptions(place: Place, asked: Element): Promise<Element> {
  const { node: name } = asked.attrs as { node?: string };
  const names = name === undefined ? await place.namesFor(place.asker) : [name];
  const lists = await Promise.all(names.map((one) => ownSubscriptions(place, one)));
  return xml('pubsub', { xmlns: pubsubNs }, xml('subscriptions', { node: name }, ...lists.flat()));
}

async function ownSubscriptions(place: Place, name: string): Promise<readonly Element[]> {
  const holder = place.holder(name);
  const node = await findNode(holder, name);
  if (node === undefined) return [];
  const [own, pending] = await Promise.all([subscriptionsOf(holder, node, place.asker), pendingOf(holder, node)]);
  return [
    ...own.map((one) => subscriptionElement(one, node, 'subscribed')),
    ...subscribersOfPerson(pending, place.asker).map((one) => subscriptionElement(one, node, 'pending')),
  ];
}

/** @throws {StanzaError} if the request has no JID or that of another person, or of another resource (§6.1.3.1) */
function ownJid({ asker }: Place, text: string | undefined): Jid {
  const jid = jidIn(text);
  if (jid.bare.equals(asker.bare) && (jid.isBare || jid.equals(asker))) return jid;
  throw pubsubError('bad-request', 'invalid-jid', { text: 'you can subscribe only your own JID' });
}

/** @throws {StanzaError} forbidden, if it is somebody else (§6.2.3.3, §6.3.4.1) */
async function mayChange(place: Place, jid: Jid): Promise<Jid> {
  if (jid.bare.equals(place.asker.bare) || (await place.keepsOrder())) return jid;
  throw new StanzaError('forbidden', 'the subscription is somebody else’s');
}

function subscriptionElement(
  { jid, subid }: Subscriber,
  { name }: PepNode,
  subscription: 'subscribed' | 'pending' | 'none',
): Element {
  return xml('subscription', { node: name, jid, subid, subscription });
}
