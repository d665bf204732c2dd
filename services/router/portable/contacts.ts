/** XEP-0227 §4.4, §4.9, §4.10: the roster, subscription requests that wait, and who is blocked. */

import { contactJid } from '../../../lib/xmpp/address-shape.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { blocklist, isNeverBlocked, withBlocked } from '../core/blocklist.ts';
import { readGroups, readItemName } from '../features/rfc6121-roster.ts';
import { routerLimits } from '../limits.ts';
import { itemElement, listOwnContacts, rosterNs } from '../roster/roster.ts';
import { changeContact } from '../roster/roster-change.ts';
import { ownGroups } from '../roster/shared-groups.ts';
import { hasFrom, type Subscription } from '../roster/subscription-state.ts';
import type { Arrival } from './arrival.ts';

export const privacyNs = 'jabber:iq:privacy';
export const blockingNs = 'urn:xmpp:blocking';
const subscriptions: ReadonlySet<string> = new Set(['none', 'to', 'from', 'both']);

/** A contact that is in the roster already stays as it is. */
export async function takeContact({ account }: Arrival, item: Element): Promise<boolean> {
  if (!item.is('item', rosterNs)) throw new StanzaError('bad-request', `<${item.getName()}/> is not an item of a roster`);
  const contact = contactJid(String(item.attrs.jid ?? ''));
  const subscription = String(item.attrs.subscription ?? 'none');
  if (subscription === 'remove' || contact.equals(account.jid)) return false;
  if (!subscriptions.has(subscription))
    throw new StanzaError('bad-request', `an unknown subscription '${subscription.slice(0, 40)}'`);
  const name = readItemName(item);
  const groups = ownGroups(account, contact, [...new Set(readGroups(item))]);
  await changeContact(account, contact, 'arrival', (there) =>
    there.isListed
      ? there
      : {
          ...there,
          ...{ isListed: true, name, groups, subscription: subscription as Subscription },
          isAsked: item.attrs.ask === 'subscribe',
          isApproved: item.attrs.approved === 'true' || item.attrs.approved === '1',
        },
  );
  return true;
}

export async function takeRequest({ account }: Arrival, presence: Element): Promise<boolean> {
  if (presence.attrs.type !== 'subscribe')
    throw new StanzaError('bad-request', 'presence that is not a request for a subscription');
  const contact = contactJid(String(presence.attrs.from ?? ''));
  if (contact.equals(account.jid)) return false;
  const children = (presence.getChildElements() as Element[]).filter((child) => child.getNS() !== undefined);
  const attributes = { type: 'subscribe', from: `${contact}`, to: `${account.jid}`, id: presence.attrs.id as string | undefined };
  const whole = xml('presence', attributes, children).toString();
  const request = Buffer.byteLength(whole) <= routerLimits.rosterRequestBytesMax ? whole : xml('presence', attributes).toString();
  await changeContact(account, contact, 'arrival of a request', (there) =>
    there.isPending || hasFrom(there) ? there : { ...there, isPending: true, request },
  );
  return true;
}

/**
 * Takes whom the default privacy list (XEP-0016) blocks: that is how the list of XEP-0191 is written here. We have no other rules, so they are
 * left out.
 */
export async function takePrivacy(arrival: Arrival, query: Element): Promise<void> {
  const lists = query.getChildren('list', privacyNs) as Element[];
  const name = (query.getChild('default', privacyNs)?.attrs.name ??
    (lists.length === 1 ? lists[0]!.attrs.name : undefined)) as unknown;
  for (const list of lists) {
    if (list.attrs.name !== name) {
      arrival.leaveOut(`privacy list '${list.attrs.name}'`, 'only the default list counts, and only whom it blocks');
      continue;
    }
    const items = list.getChildren('item', privacyNs) as Element[];
    await takeBlocked(
      arrival,
      items.filter(isBlock).map(({ attrs }) => String(attrs.value)),
    );
    for (const item of items) if (!isBlock(item) && !allowsAll(item)) arrival.leaveOut('privacy rule', item.toString());
  }
}

export async function takeBlocklist(arrival: Arrival, list: Element): Promise<void> {
  await takeBlocked(
    arrival,
    list.getChildren('item', blockingNs).map(({ attrs }) => String(attrs.jid ?? '')),
  );
}

async function takeBlocked(arrival: Arrival, addresses: readonly string[]): Promise<void> {
  const { account } = arrival;
  for (const address of addresses) {
    await arrival.take('blocked', `blocked ${address}`, async () => {
      const jid = Jid.parse(address);
      if (isNeverBlocked(account, jid)) throw new StanzaError('not-acceptable', 'it cannot be blocked by this account');
      await account.update(blocklist, '', (there) => withBlocked(there, [`${jid}`]));
      return true;
    });
  }
}

const kinds = ['message', 'presence-in', 'presence-out', 'iq'] as const;

/** No kind of stanza or all of them (XEP-0016 §2.2). */
function isBlock(item: Element): boolean {
  const { type, action, value } = item.attrs as Record<string, string | undefined>;
  const named = kinds.filter((kind) => item.getChild(kind, privacyNs) !== undefined);
  return type === 'jid' && action === 'deny' && value !== undefined && (named.length === 0 || named.length === kinds.length);
}

function allowsAll({ attrs }: Element): boolean {
  return attrs.action === 'allow' && attrs.type === undefined;
}

/** @returns what stands in the roster, and requests of people who are not in it or have asked */
export async function contactElements(account: Account): Promise<{ items: Element[]; requests: string[] }> {
  const contacts = await listOwnContacts(account);
  const items = contacts.filter(({ item }) => item.isListed).map(itemElement);
  const requests = contacts
    .filter(({ item }) => item.isPending)
    .map(({ jid, item }) => item.request ?? xml('presence', { type: 'subscribe', from: `${jid}` }).toString());
  return { items, requests };
}

export async function privacyElement(account: Account): Promise<Element | undefined> {
  const { jids } = (await account.get(blocklist)) ?? { jids: [] };
  if (jids.length === 0) return undefined;
  const name = 'blocked';
  const items = jids.map((jid, at) => xml('item', { type: 'jid', value: jid, action: 'deny', order: at + 1 }));
  const rest = xml('item', { action: 'allow', order: jids.length + 1 });
  return xml('query', { xmlns: privacyNs }, xml('default', { name }), xml('list', { name }, items, rest));
}
