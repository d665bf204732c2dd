/**
 * XEP-0163 §4.3: notifications go to the account's available resources and to those of its subscribers, as far as each said in its
 * capabilities that it wants them (`<node>+notify`); the sessions' entries say so, so they cost the reads of a presence.
 *
 * To a contact in another tenant of this deployment goes one message for its bare JID, and the router that gets it applies the same
 * filter. Contacts on other servers would get what they did not ask for, and get nothing.
 */
import { limits } from '../../../lib/limits.ts';
import type { Target } from '../../../lib/runtime/deliverer.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { type Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { isNear, readAudience, readListeners } from '../presence/presence-audience.ts';
import { routeQuietly } from '../presence/presence-probe.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { mayRead } from './access.ts';
import type { PepItem } from './items.ts';
import { findNode, type PepNode, viewOf } from './nodes.ts';
import { eventNs } from './pubsub-error.ts';

/** Queued. @param event child of `<event/>` */
export async function notify(account: Account, node: PepNode, event: Element): Promise<void> {
  const bytes = eventMessage(account.jid, event, account.turn.parts.ids.mint());
  account.withSessions((sessions) => account.turn.deliver(takers(sessions, account.jid, node.name), bytes));
  if (node.config.access === 'whitelist') return;
  const contacts = (await readAudience(account)).filter(({ item }) => hasFrom(item) && mayRead(item, node));
  account.turn.withSessions([], async () => {
    const near = contacts.filter((contact) => isNear(account, contact));
    const neighbours = await readListeners(account, account.jid, near);
    account.turn.deliver(
      neighbours.flatMap(({ jid, sessions }) => takers(sessions, jid, node.name)),
      bytes,
    );
    for (const contact of contacts) {
      if (isNear(account, contact) || !(await isOfDeployment(account, contact.jid))) continue;
      await routeQuietly(account, spliceTo(bytes, contact.jid.toString()), account.turn.parts.ids.mint());
    }
  });
}

/**
 * Queued: the account's own resources that want the views of a node, or this one, are shown it as it is after the commit.
 * @param name of the node whose items have changed, or of the view
 */
export function showViews(account: Account, name: string): void {
  const views = viewOf(account, { name }) ? [name] : account.turn.parts.features.viewsOf(name).map((view) => view.name);
  for (const view of views) account.withSessions((sessions) => showView(account, view, sessions));
}

/** Only inside `withSessions`. What it takes to make a view is done where somebody wants it. */
async function showView(account: Account, name: string, sessions: readonly SessionEntry[]): Promise<void> {
  const targets = takers(sessions, account.jid, name);
  const node = targets.length > 0 ? await findNode(account, name) : undefined;
  if (!node) return;
  const item = await readView(account, node);
  if (!item) return;
  const event = itemsEvent(node, item);
  account.turn.deliver(targets, eventMessage(account.jid, event, account.turn.parts.ids.mint()));
}

/** undefined: too large for a message, and one without payload looks to clients as if there were nothing in the list any more. */
export async function readView(account: Account, node: PepNode): Promise<PepItem | undefined> {
  const { itemId, read } = viewOf(account, node)!;
  const payload = (await read(account)).toString();
  return Buffer.byteLength(payload) <= limits.pepItemBytesMax ? { id: itemId, payload } : undefined;
}

/** Without `to`. @param at when it was published, milliseconds, if that is not now (XEP-0060 §6.1.7, XEP-0203) */
export function eventMessage(from: Jid, event: Element, id: string, at?: number): Buffer {
  const delay = at === undefined ? undefined : xml('delay', { xmlns: 'urn:xmpp:delay', stamp: new Date(at).toISOString() });
  const message = xml('message', { from: from.toString(), type: 'headline', id }, xml('event', { xmlns: eventNs }, event), delay);
  return Buffer.from(message.toString());
}

export function itemsEvent(node: PepNode, { id, payload }: PepItem): Element {
  const content = node.config.deliverPayloads ? parseElement(payload) : undefined;
  return xml('items', { node: node.name }, xml('item', { id }, content));
}

/** Does this session take the message? A notification of an account's node that came to a bare JID is for those who want it. */
export function isWanted(stanza: Stanza, entry: SessionEntry): boolean {
  const { from, to } = stanza;
  if (stanza.type !== 'headline' || !from || from.local === '' || !from.isBare || !to?.isBare) return true;
  const event = stanza.child('event', eventNs);
  const node = (event?.getChildElements()[0] as Element | undefined)?.attrs.node as string | undefined;
  return node === undefined || entry.wanted?.includes(node) === true;
}

function takers(sessions: readonly SessionEntry[], bare: Jid, node: string): Target[] {
  return sessions
    .filter((entry) => entry.available && entry.wanted?.includes(node))
    .map((entry) => ({ node: entry.node, sid: entry.sid, to: bare.withResource(entry.resource).toString() }));
}

/** An account of a tenant of ours. */
export async function isOfDeployment(account: Account, { domain, local }: Jid): Promise<boolean> {
  if (local === '') return false;
  const place = await account.turn.parts.tenants.place(domain);
  return place?.service === 'accounts';
}
