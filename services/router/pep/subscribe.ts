/** Requests about explicit subscriptions, from subscribers (XEP-0060 §5.6, §6.1, §6.2) and from the node's owner (§8.8). */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { checkReader } from './access.ts';
import { sendLastItemTo } from './last-items.ts';
import { listNodes, type PepNode } from './nodes.ts';
import { ownerNs, pubsubError, pubsubNs } from './pubsub-error.ts';
import { addSubscriber, removeSubscriber, type Subscriber, subscribersOf, subscribersOfPerson } from './subscriptions.ts';

/** §6.1. @throws {StanzaError} an error of §6.1.3 */
export async function subscribe(account: Account, asker: Jid, node: PepNode, asked: Element): Promise<Element> {
  const jid = ownJid(asked, asker);
  await checkReader(account, asker, node);
  const subscriber = await addSubscriber(account, node, jid);
  if (node.config.sendLast !== 'never') await sendLastItemTo(account, node, subscriber);
  return xml('pubsub', { xmlns: pubsubNs }, subscriptionElement(subscriber, node));
}

/** §6.2. @throws {StanzaError} an error of §6.2.3 */
export async function unsubscribe(account: Account, asker: Jid, node: PepNode, asked: Element): Promise<undefined> {
  const jid = ownJid(asked, asker).toString();
  const found = (await subscribersOf(account, node)).find((one) => one.jid === jid);
  if (!found) throw pubsubError('unexpected-request', 'not-subscribed');
  const { subid } = asked.attrs as { subid?: string };
  if (subid !== undefined && subid !== found.subid) throw pubsubError('not-acceptable', 'invalid-subid');
  await removeSubscriber(account, node, jid);
}

/** §5.6: lists the asker's own subscriptions, to the node that the request names or to all nodes of the account. */
export async function listSubscriptions(account: Account, asker: Jid, asked: Element): Promise<Element> {
  const { node: name } = asked.attrs as { node?: string };
  const nodes = (await listNodes(account)).filter((node) => name === undefined || node.name === name);
  const lists = await Promise.all(nodes.map((node) => subscribersOf(account, node)));
  const own = nodes.flatMap((node, index) => {
    return subscribersOfPerson(lists[index]!, asker).map((subscriber) => subscriptionElement(subscriber, node));
  });
  return xml('pubsub', { xmlns: pubsubNs }, xml('subscriptions', { node: name }, ...own));
}

/** §8.8.1: lists all subscribers for the owner. */
export async function listSubscribers(account: Account, node: PepNode): Promise<Element> {
  const all = (await subscribersOf(account, node)).map(({ jid, subid }) => {
    return xml('subscription', { jid, subid, subscription: 'subscribed' });
  });
  return xml('pubsub', { xmlns: ownerNs }, xml('subscriptions', { node: node.name }, ...all));
}

/** §8.8.2: the owner ends subscriptions, but cannot make any. @throws {StanzaError} before anything has changed */
export async function changeSubscribers(account: Account, node: PepNode, asked: Element): Promise<undefined> {
  const ended = asked.getChildren('subscription', ownerNs).map(({ attrs }) => {
    const { jid = '', subscription } = attrs as { jid?: string; subscription?: string };
    if (subscription !== 'none') throw new StanzaError('not-acceptable', 'the owner of a node can only end subscriptions');
    return Jid.parse(jid).toString();
  });
  for (const jid of ended) await removeSubscriber(account, node, jid);
}

/** @throws {StanzaError} if the request has no JID or that of another person (§6.1.3.1) */
function ownJid(asked: Element, asker: Jid): Jid {
  const jid = Jid.tryParse((asked.attrs.jid as string | undefined) ?? '');
  if (!jid?.bare.equals(asker.bare) || (jid.isFull && !jid.equals(asker)))
    throw pubsubError('bad-request', 'invalid-jid', { text: 'you can subscribe and unsubscribe only your own JID' });
  return jid;
}

function subscriptionElement({ jid, subid }: Subscriber, { name }: PepNode): Element {
  return xml('subscription', { node: name, jid, subid, subscription: 'subscribed' });
}
