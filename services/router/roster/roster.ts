/**
 * RFC 6121 §2: the roster as rows, one per contact, and its versions (§2.6).
 *
 * A change takes the next number of the account's counter and writes the item with that number as its version. A removed item
 * stays as a tombstone, so that a client that has an older version learns of the removal. A client is marked as interested before
 * the roster is read, so everything that is written later is pushed to it. Contacts who have asked for a subscription and are not
 * in the roster ("None + Pending In", §3.1.3) have rows that no client sees.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { allows } from '../../../lib/runtime/privileges.ts';
import { rowValue } from '../../../lib/runtime/row-values.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { sessionPart } from '../core/session-part.ts';
import { routerLimits } from '../limits.ts';
import { isShared, versionText, withAllShared, withShared } from './shared-groups.ts';
import { hasFrom, type SubscriptionState } from './subscription-state.ts';

export const rosterNs = 'jabber:iq:roster';

export interface RosterItem extends SubscriptionState {
  /** The number of the last change that clients can see; 0 before the first one. */
  readonly version: number;
  /** True if the contact is in the roster. False with a version other than 0: it was removed. */
  readonly isListed: boolean;
  readonly name?: string;
  readonly groups?: readonly string[];
  /** The `subscribe` stanza that waits for an answer (§3.1.3). */
  readonly request?: string;
  /** The last change: its cause and the state before it. A retry of the cause needs that state to have the same effects. */
  readonly last?: { readonly by: string; readonly before: SubscriptionState & { readonly isListed: boolean } };
}

export interface Contact {
  readonly jid: Jid;
  readonly item: RosterItem;
}

export const rosterItems = collection<RosterItem>('roster', 'account', 'core', { grants: true });

/** True when the session has asked for the roster (RFC 6121 §2.2). */
export const interested = sessionPart<boolean>('interested');

/** The item of a contact that has no row. */
export const unknownContact: RosterItem = { subscription: 'none', version: 0, isListed: false };

/** The key of a contact's row under the account. @throws {StanzaError} if the address is too long for a key */
export function rosterKey(contact: Jid): string {
  const key = contact.bare.toString();
  if (Buffer.byteLength(key) > routerLimits.rosterAddressBytesMax)
    throw new StanzaError('not-acceptable', 'the address is too long');
  return key;
}

/** The full key of a contact's row, for reads of several accounts at once. */
export function rosterRowKey(owner: Account, contact: Jid) {
  return owner.rows.keyOf(rosterItems, rosterKey(contact));
}

/** What the account's own row says, without what groups add. */
export async function findOwnContact(account: Account, contact: Jid): Promise<RosterItem> {
  return (await account.get(rosterItems, rosterKey(contact))) ?? unknownContact;
}

export async function findContact(account: Account, contact: Jid): Promise<RosterItem> {
  return withShared(account, contact, await findOwnContact(account, contact));
}

/** Reads many contacts at once. @returns those that have rows, or are in a group with the account */
export async function findContacts(account: Account, jids: readonly Jid[]): Promise<Contact[]> {
  const own = await findOwnContacts(account, jids);
  const known = new Set(own.map(({ jid }) => jid.bare.toString()));
  const others = jids.filter((jid) => isShared(account, jid) && !known.has(jid.bare.toString()));
  return [...own, ...others.map((jid) => ({ jid, item: unknownContact }))].map(({ jid, item }) => ({
    jid,
    item: withShared(account, jid, item),
  }));
}

/** @returns those that have rows */
export async function findOwnContacts(account: Account, jids: readonly Jid[]): Promise<Contact[]> {
  const page = portLimits.storeBatchKeysMax;
  const contacts: Contact[] = [];
  for (let at = 0; at < jids.length; at += page) {
    const asked = jids
      .slice(at, at + page)
      .filter((jid) => Buffer.byteLength(jid.bare.toString()) <= routerLimits.rosterAddressBytesMax);
    const keys = asked.map((jid) => rosterRowKey(account, jid));
    const rows = await account.turn.dependencies.store.batchGet(keys, { consistent: true });
    for (const [index, row] of rows.entries()) if (row) contacts.push({ jid: asked[index]!, item: rowValue<RosterItem>(row) });
  }
  return contacts;
}

/** May the asker see the account's presence (§4.3.2) and everything else that only subscribers see? The account itself may. */
export async function mayProbe(account: Account, asker: Jid): Promise<boolean> {
  return asker.bare.equals(account.jid) || hasFrom(await findContact(account, asker));
}

export async function isInRoster(account: Account, contact: Jid): Promise<boolean> {
  return (await findContact(account, contact)).isListed;
}

/** All contacts, including those that clients do not see, and those that groups add. */
export async function listContacts(account: Account): Promise<readonly Contact[]> {
  return withAllShared(account, await listOwnContacts(account), unknownContact);
}

/** Reads all rows, including those that clients do not see. */
export async function listOwnContacts(account: Account): Promise<Contact[]> {
  const page = portLimits.storeQueryRowsMax;
  const contacts: Contact[] = [];
  let after: string | undefined;
  do {
    const rows = await account.list(rosterItems, { limit: page, after });
    for (const { key, value } of rows) contacts.push({ jid: Jid.parse(key), item: value });
    after = rows.length === page ? rows.at(-1)!.key : undefined;
  } while (after !== undefined && contacts.length < rowsMax);
  return contacts;
}

/** Two changes at the same time may exceed a bound slightly, so this is twice the sum of the bounds. */
const rowsMax = 2 * (routerLimits.rosterItemsMax + routerLimits.rosterRequestsMax + routerLimits.rosterTombstonesMax);

/** The version of the whole roster. */
export function rosterVersion(contacts: readonly Contact[]): number {
  return contacts.reduce((highest, { item }) => Math.max(highest, item.version), 0);
}

/** §2.1.2. */
export function itemElement({ jid, item }: Contact): Element {
  if (!item.isListed) return xml('item', { jid: jid.toString(), subscription: 'remove' });
  const { name, groups = [], subscription, isAsked, isApproved } = item;
  return xml(
    'item',
    {
      jid: jid.toString(),
      name,
      subscription,
      ask: isAsked ? 'subscribe' : undefined,
      approved: isApproved ? 'true' : undefined,
    },
    groups.map((group) => xml('group', {}, group)),
  );
}

/** Queues a roster push to all interested resources (§2.1.6). */
export function pushContact(account: Account, contact: Contact): void {
  account.withSessions((sessions) => pushContactTo(account, sessions, contact));
}

/** Pushes to those of the sessions that are interested. Call it only inside `withSessions`. */
export function pushContactTo(account: Account, sessions: readonly SessionEntry[], contact: Contact): void {
  const id = `push-${account.turn.dependencies.ids.mint()}`;
  const push = xml('iq', { from: account.jid.toString(), type: 'set', id }, pushElement(account, contact));
  account.deliverTo(
    sessions.filter((entry) => interested.of(entry)),
    Buffer.from(push.toString()),
    true,
  );
  pushToComponents(account, contact, id);
}

/** XEP-0356 §4.4: those that may read rosters are told, too. */
function pushToComponents(account: Account, contact: Contact, id: string): void {
  const { turn, tenant, jid } = account;
  for (const { domain, privileges } of tenant.components ?? []) {
    if (!allows(privileges?.roster, 'get')) continue;
    const push = xml('iq', { from: jid.toString(), to: domain, type: 'set', id }, pushElement(account, contact));
    turn.post(tenant, Buffer.from(push.toString()), turn.dependencies.ids.mint());
  }
}

/** @param contact as its row says. @param ver the version that the client has then */
export function pushElement(account: Account, { jid, item }: Contact, ver = versionText(account, item.version, true)): Element {
  return xml('query', { xmlns: rosterNs, ver }, itemElement({ jid, item: withShared(account, jid, item) }));
}
