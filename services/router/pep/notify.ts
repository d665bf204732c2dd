/**
 * XEP-0163 §4.3: notifications go to the available resources of the account and of its subscribers, if a resource has said in its
 * capabilities that it wants them (`<node>+notify`). That is noted in the session's entry, so a notification costs the same reads
 * as presence. Somebody who has subscribed explicitly (XEP-0060 §6.1) always gets them, with the id of the subscription in a
 * header (§7.2.3).
 *
 * A contact in another tenant of this deployment gets one message to its bare JID, and the router that receives it applies the
 * same filter. A contact on another server gets one for each resource that is known to want the node (distant-readers.ts).
 */
import type { Target } from '../../../lib/runtime/deliverer.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, verbatim, xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { type Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { blocklist, isBlocked } from '../core/blocklist.ts';
import { sessionPart } from '../core/session-part.ts';
import { routerLimits } from '../limits.ts';
import { isNear, readAudience, readListeners } from '../presence/presence-audience.ts';
import { type Contact, unknownContact } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { mayBeTold, mayRead } from './access.ts';
import { distantReaders, isOfDeployment } from './distant-readers.ts';
import type { PepItem } from './items.ts';
import { findNode, type PepNode, viewOf } from './nodes.ts';
import { eventNs } from './pubsub-error.ts';
import { viewsOf } from './specified-node.ts';
import { type Subscriber, subscribersOf, subscribersOfPerson } from './subscriptions.ts';

/** The nodes that a session wants to be notified about (XEP-0163 §4.3.2); absent while that is unknown. */
export const wantedNodes = sessionPart<readonly string[]>('wanted');

/** XEP-0131. */
const headersNs = 'http://jabber.org/protocol/shim';

/**
 * Queues a message for each event, in order. The audience is read once for all of them.
 * @param events children of `<event/>`
 */
export async function notify(account: Account, node: PepNode, ...events: readonly Element[]): Promise<void> {
  if (events.length === 0 || !node.config.deliverNotifications) return;
  const messages = events.map((event) => {
    const id = account.turn.dependencies.ids.mint();
    return { event, id, bytes: eventMessage(account.jid, event, id) };
  });
  const deliverAll = (targets: readonly Target[]): void => {
    for (const { bytes } of messages) account.turn.deliver(targets, bytes);
  };
  const subscribers = await awake(account, node);
  const own = subscribersOfPerson(subscribers, account.jid);
  account.withSessions((sessions) => deliverAll(takers(sessions, account.jid, node.name, own)));
  if (node.config.access === 'whitelist' && node.affiliations === undefined) return;
  const contacts = (await readAudience(account)).filter(({ jid, item }) => hasFrom(item) && mayRead(account, jid, item, node));
  const explicit = await readersAmong(account, node, subscribers, contacts);
  account.turn.amongDeliveries(async () => {
    const everybody = [...contacts, ...explicit.strangers];
    const near = everybody.filter((contact) => isNear(account, contact));
    const listeners = await readListeners(account, account.jid, near);
    deliverAll(listeners.flatMap(({ jid, sessions }) => takers(sessions, jid, node.name, explicit.of(jid))));
    const distant: Jid[] = [];
    const post = (to: string, subscriber: Subscriber | undefined): void => {
      for (const { event, id, bytes } of messages) {
        const message = subscriber ? eventMessage(account.jid, event, id, { subid: subscriber.subid }) : bytes;
        account.post(spliceTo(message, to), account.turn.dependencies.ids.mint());
      }
    };
    for (const contact of everybody) {
      if (isNear(account, contact)) continue;
      const [subscriber, ...others] = explicit.of(contact.jid);
      if (await isOfDeployment(account, contact.jid)) post(subscriber?.jid ?? contact.jid.toString(), subscriber);
      else if (subscriber === undefined) distant.push(contact.jid);
      else for (const one of [subscriber, ...others]) post(one.jid, one);
    }
    for (const reader of await distantReaders(account, distant, node.name)) post(reader.toString(), undefined);
  });
}

interface Readers {
  /** The explicit subscriptions of a person. */
  readonly of: (person: Jid) => readonly Subscriber[];
  /** Subscribers who may read the node although they are not contacts who may. */
  readonly strangers: readonly Contact[];
}

/** The explicit subscribers whose subscriptions do not sleep (§6.3). */
async function awake(account: Account, node: PepNode): Promise<readonly Subscriber[]> {
  return (await subscribersOf(account, node)).filter(({ options }) => options?.isDelivered !== false);
}

/**
 * The explicit subscribers, apart from the account itself. They may have lost the right to read the node since they subscribed.
 */
async function readersAmong(
  account: Account,
  node: PepNode,
  subscribers: readonly Subscriber[],
  contacts: readonly Contact[],
): Promise<Readers> {
  const byPerson = Map.groupBy(subscribers, ({ jid }) => Jid.parse(jid).bare.toString());
  byPerson.delete(account.jid.toString());
  if (byPerson.size === 0) return { of: () => [], strangers: [] };
  const known = new Set(contacts.map(({ jid }) => jid.toString()));
  const blocked = await account.get(blocklist);
  const strangers = [...byPerson.keys()]
    .map((text) => Jid.parse(text))
    .filter((jid) => !known.has(jid.toString()) && mayBeTold(account, node, jid) && !isBlocked(blocked, jid));
  return {
    of: (person) => byPerson.get(person.toString()) ?? [],
    strangers: strangers.map((jid) => ({ jid, item: unknownContact })),
  };
}

/**
 * Queues notifications for the account's own resources that want a view. They show the view as it is after the commit.
 * @param name the view, or the node whose items have changed: then all of its views are shown
 */
export function showViews(account: Account, name: string): void {
  const views = viewOf(account, { name }) ? [name] : viewsOf(account.turn.dependencies.features, name).map((view) => view.name);
  for (const view of views) account.withSessions((sessions) => showView(account, view, sessions));
}

/** Shows a view. It is made only if a session wants it. Call it only inside `withSessions`. */
async function showView(account: Account, name: string, sessions: readonly SessionEntry[]): Promise<void> {
  const node = await findNode(account, name);
  const targets = node ? takers(sessions, account.jid, name, await awake(account, node)) : [];
  if (!node || targets.length === 0) return;
  const item = await readView(account, node);
  if (!item) return;
  const event = itemsEvent(node, item);
  account.turn.deliver(targets, eventMessage(account.jid, event, account.turn.dependencies.ids.mint()));
}

/**
 * Reads the item of a view.
 * @returns undefined if it is too large for a message. Without its payload, clients would take the list for empty.
 */
export async function readView(account: Account, node: PepNode): Promise<PepItem | undefined> {
  const { itemId, read } = viewOf(account, node)!;
  const payload = (await read(account)).toString();
  return Buffer.byteLength(payload) <= routerLimits.pepItemBytesMax ? { id: itemId, payload } : undefined;
}

export interface EventDetails {
  /** When the item was published, ms since the epoch; absent if it was just now (XEP-0060 §6.1.7, XEP-0203). */
  readonly at?: number | undefined;
  /** The id of the explicit subscription that it is sent for (§7.2.3). */
  readonly subid?: string | undefined;
  /** Absent: `headline`. */
  readonly type?: 'headline' | 'normal' | undefined;
}

/** The message of a notification, without `to`. */
export function eventMessage(from: Jid, event: Element, id: string, { at, subid, type }: EventDetails = {}): Buffer {
  const delay = at === undefined ? undefined : xml('delay', { xmlns: 'urn:xmpp:delay', stamp: new Date(at).toISOString() });
  const headers = subid === undefined ? undefined : xml('headers', { xmlns: headersNs }, xml('header', { name: 'SubID' }, subid));
  const content = [xml('event', { xmlns: eventNs }, event), headers, delay];
  return Buffer.from(
    xml('message', { from: from.toString(), type: type === 'normal' ? undefined : 'headline', id }, ...content).toString(),
  );
}

export function itemsEvent(node: PepNode, item: PepItem): Element {
  return xml('items', { node: node.name }, itemElement(node, item, node.config.deliverPayloads));
}

/** An item as it is sent. @param hasPayload false: only that it is there */
export function itemElement({ config }: PepNode, { id, payload, publisher }: PepItem, hasPayload = true): Element {
  const attributes = { id, publisher: config.itemReply === 'publisher' ? publisher : undefined }; // §7.1.2.3
  return xml('item', attributes, hasPayload && payload !== '' ? verbatim(payload) : undefined);
}

/**
 * Should this session get the message? A notification to a bare JID is only for sessions that want the node, unless it has the id
 * of an explicit subscription.
 */
export function isWanted(stanza: Stanza, entry: SessionEntry): boolean {
  const { from, to } = stanza;
  if (stanza.type !== 'headline' || !from || from.local === '' || !from.isBare || !to?.isBare) return true;
  if (stanza.hasChild('headers', headersNs)) return true;
  const [told] = (stanza.child('event', eventNs)?.getChildElements() ?? []) as Element[];
  const node = told?.attrs.node as string | undefined;
  // What becomes of a subscription is for whoever has it, and for owners.
  return node === undefined || told?.name === 'subscription' || wantedNodes.of(entry)?.includes(node) === true;
}

/**
 * The resources of one person that want the node or are subscribed explicitly. A subscription of the bare JID counts for all
 * resources, one of a full JID for that resource.
 */
function takers(sessions: readonly SessionEntry[], bare: Jid, node: string, explicit: readonly Subscriber[] = []): Target[] {
  const resources = new Set(explicit.map(({ jid }) => Jid.parse(jid).resource));
  const isSubscribed = ({ resource, priority }: SessionEntry) => resources.has(resource) || (resources.has('') && priority >= 0);
  return sessions
    .filter((entry) => entry.available && (wantedNodes.of(entry)?.includes(node) || isSubscribed(entry)))
    .map((entry) => ({ node: entry.node, sid: entry.sid, to: bare.withResource(entry.resource).toString() }));
}
