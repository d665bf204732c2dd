/** Subscriptions and affiliations: XEP-0060 §5.7 for anybody, §8.8 and §8.9 for owners. */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import { readRsm, writeRsm } from '../../../lib/xmpp/rsm.ts';
import { PartRefused } from '../core/replies.ts';
import { routerLimits } from '../limits.ts';
import { type AffiliationChange, affiliationNames, affiliationOf, affiliationsOf, changeAffiliations } from './affiliations.ts';
import { approve, tellState } from './approvals.ts';
import { pubsubLimits } from './limits.ts';
import { findNode, type PepNode } from './nodes.ts';
import type { Place } from './place.ts';
import { ownerNs, pubsubNs } from './pubsub-error.ts';
import { jidIn, ownNodeOf } from './requests.ts';
import {
  pendingOf,
  removePending,
  removePerson,
  removeSubscriber,
  type Subscriber,
  subscribersOf,
  subscribersOfPerson,
  subscriptionsOf,
} from './subscriptions.ts';

const rsmNs = 'http://jabber.org/protocol/rsm';

/** §5.7: what the asker is to nodes. */
export async function listAffiliations(place: Place, asked: Element): Promise<Element> {
  const { node: name } = asked.attrs as { node?: string };
  const names = name === undefined ? await place.namesFor(place.asker) : [name];
  const nodes = await Promise.all(names.map((one) => findNode(place.holder(one), one)));
  const own = nodes.flatMap((node) => {
    const affiliation = node === undefined ? 'none' : affiliationOf(place.holder(node.name), node, place.asker);
    return affiliation === 'none' ? [] : [xml('affiliation', { node: node!.name, affiliation })];
  });
  return xml('pubsub', { xmlns: pubsubNs }, xml('affiliations', { node: name }, ...own));
}

/** §8.8.1: lists subscribers for an owner, in pages where they are many. */
export async function listSubscribers(place: Place, request: Element, asked: Element): Promise<Element> {
  const node = await ownNodeOf(place, asked);
  const all = await subscribersOf(place.holder(node.name), node);
  const { page, set } = cut(request, all);
  const elements = page.map(({ jid, subid }) => xml('subscription', { jid, subid, subscription: 'subscribed' }));
  return xml('pubsub', { xmlns: ownerNs }, xml('subscriptions', { node: node.name }, ...elements), set);
}

function cut(request: Element, all: readonly Subscriber[]): { readonly page: readonly Subscriber[]; readonly set?: Element } {
  const hasSet = request.getChild('set', rsmNs) !== undefined;
  const isLong = Buffer.byteLength(JSON.stringify(all)) > routerLimits.pepNodeBytesMax;
  if (!hasSet && !isLong) return { page: all };
  const { max, after, before } = readRsm(request, xmppLimits.rsmPageMax);
  const indexOf = (jid: string) => {
    const index = all.findIndex((one) => one.jid === jid);
    if (index < 0) throw new StanzaError('item-not-found', 'the page begins at a subscription that does not exist');
    return index;
  };
  const start = after === undefined ? 0 : indexOf(after) + 1;
  const within = all.slice(start, Math.max(start, before ? indexOf(before) : all.length));
  const page = max === 0 ? [] : before === undefined ? within.slice(0, max) : within.slice(-max);
  const index = before === undefined ? start : start + within.length - page.length;
  return { page, set: writeRsm(page[0]?.jid, page.at(-1)?.jid, all.length, index) };
}

/**
 * §8.8.2: an owner ends subscriptions, and lets those in who wait; but nobody is subscribed who has not asked. What cannot be is sent back, and
 * the rest is done.
 */
export async function changeSubscribers(place: Place, asked: Element): Promise<PartRefused | undefined> {
  const node = await ownNodeOf(place, asked);
  const changes = asked.getChildren('subscription', ownerNs).map(({ attrs }) => {
    const { jid, subscription, subid } = attrs as { jid?: string; subscription?: string; subid?: string };
    return { jid: jidIn(jid).toString(), subscription, subid };
  });
  checkCount(changes);
  const refused: Element[] = [];
  for (const { jid, subscription, subid } of changes) {
    if (subscription === undefined) continue;
    const isDone = await changeSubscription(place, node, jid, subscription, subid);
    if (isDone) continue;
    const [there] = (await subscriptionsOf(place.holder(node.name), node, Jid.parse(jid))).filter((one) => one.jid === jid);
    refused.push(xml('subscription', { jid, subscription: there ? 'subscribed' : 'none' }));
  }
  if (refused.length === 0) return undefined;
  const payload = xml('pubsub', { xmlns: ownerNs }, xml('subscriptions', { node: node.name }, ...refused));
  return new PartRefused(payload, new StanzaError('not-acceptable', 'an owner ends subscriptions, and approves those that wait'));
}

/** @returns whether it could be done */
async function changeSubscription(
  place: Place,
  node: PepNode,
  jid: string,
  subscription: string,
  subid: string | undefined,
): Promise<boolean> {
  const holder = place.holder(node.name);
  const isNamed = (one: Subscriber) => one.jid === jid && (subid === undefined || one.subid === subid);
  const waiting = (await pendingOf(holder, node)).find(isNamed);
  const there = (await subscriptionsOf(holder, node, Jid.parse(jid))).find(isNamed);
  if (subscription === 'none') {
    if (there) await removeSubscriber(holder, node, jid);
    if (waiting) await removePending(holder, node, jid);
    const ended = there ?? waiting;
    if (ended) tellState(place, node, ended, 'none');
    await place.unrelate(Jid.parse(jid), node);
    return true;
  }
  if (subscription !== 'subscribed') return false;
  if (waiting) await approve(place, node, waiting);
  return waiting !== undefined || there !== undefined;
}

/** §8.9.1. */
export async function listAffiliated(place: Place, asked: Element): Promise<Element> {
  const node = await ownNodeOf(place, asked);
  const all = [...affiliationsOf(place.holder(node.name), node)];
  const elements = all.map(([jid, affiliation]) => xml('affiliation', { jid, affiliation }));
  return xml('pubsub', { xmlns: ownerNs }, xml('affiliations', { node: node.name }, ...elements));
}

/** §8.9.2: what cannot be is sent back, and the rest is done. @throws {StanzaError} before anything has changed */
export async function setAffiliations(place: Place, asked: Element): Promise<PartRefused | undefined> {
  const node = await ownNodeOf(place, asked);
  const changes = asked.getChildren('affiliation', ownerNs).flatMap(({ attrs }) => readChange(attrs));
  checkCount(changes);
  if (new Set(changes.map(({ jid }) => jid.toString())).size !== changes.length)
    throw new StanzaError('bad-request', 'an address may be named only once');
  for (const { jid, affiliation } of changes) if (affiliation !== 'none') await place.relate(jid, node.name);
  const holder = place.holder(node.name);
  const { refused, accepted } = await changeAffiliations(holder, node, changes);
  for (const change of accepted) await follow(place, node, change);
  if (refused.length === 0) return undefined;
  const elements = refused.map(({ jid, affiliation }) => xml('affiliation', { jid: jid.toString(), affiliation }));
  const payload = xml('pubsub', { xmlns: ownerNs }, xml('affiliations', { node: node.name }, ...elements));
  return new PartRefused(payload, new StanzaError('not-acceptable', 'a node keeps an owner'));
}

/** @returns nothing where nothing is to be changed. @throws {StanzaError} */
function readChange(attrs: Readonly<Record<string, unknown>>): readonly AffiliationChange[] {
  const { jid, affiliation: asked } = attrs as { jid?: string; affiliation?: string };
  const { bare } = jidIn(jid);
  if (asked === undefined) return [];
  const affiliation = affiliationNames.find((name) => name === asked);
  if (affiliation === undefined)
    throw new StanzaError('bad-request', `unknown affiliation ${JSON.stringify(asked.slice(0, 64))}`);
  return [{ jid: bare, affiliation }];
}

/** §8.7.4: an outcast is subscribed no more, and whoever becomes something to the node need not wait. */
async function follow(place: Place, node: PepNode, { jid, affiliation }: AffiliationChange): Promise<void> {
  const holder = place.holder(node.name);
  if (affiliation === 'outcast') {
    for (const ended of await removePerson(holder, node, jid)) tellState(place, node, ended, 'none');
  } else if (affiliation === 'none') await place.unrelate(jid, node);
  else if (affiliation !== 'publish-only') {
    for (const waiting of subscribersOfPerson(await pendingOf(holder, node), jid)) await approve(place, node, waiting);
  }
}

function checkCount(changes: readonly unknown[]): void {
  if (changes.length > pubsubLimits.changesMax)
    throw new StanzaError('policy-violation', `at most ${pubsubLimits.changesMax} changes in one request`);
}
