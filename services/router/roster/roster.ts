/**
 * RFC 6121 §2: the roster as rows, one per contact, and its versions (§2.6).
 *
 * A change takes the next number of the account's counter, then puts the item with that number as its version; a removed item stays
 * as a tombstone, so that a client hears of it with what changed after the version it has. A client is marked as interested
 * before the roster is read: whatever is written later is pushed to it. Contacts who have asked and are not in the roster
 * ("None + Pending In", §3.1.3) are rows that no client sees.
 */
import { limits } from '../../../lib/limits.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, escapeAttribute, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { hasFrom, type SubscriptionState } from './subscription-state.ts';

export const rosterNs = 'jabber:iq:roster';

export interface RosterItem extends SubscriptionState {
  /** The number of its last change that a client can see; 0 before the first. */
  readonly version: number;
  /** In the roster. false with a version: removed from it. */
  readonly isListed: boolean;
  readonly name?: string;
  readonly groups?: readonly string[];
  /** The `subscribe` stanza that waits for an answer (§3.1.3). */
  readonly request?: string;
  /** The last change of state: a retry of what caused it must see the state that was before, to have the same effects. */
  readonly last?: { readonly by: string; readonly before: SubscriptionState & { readonly isListed: boolean } };
}

export interface Contact {
  readonly jid: Jid;
  readonly item: RosterItem;
}

export interface Change {
  readonly before: SubscriptionState & { readonly isListed: boolean };
  readonly after: RosterItem;
  /** A client can see it: to be pushed. */
  readonly isVisible: boolean;
}

const items = collection<RosterItem>('roster', 'account');
const versions = collection<number>('rosterVersion', 'account');

/** Of a contact that has no row. */
export const unknownContact: RosterItem = { subscription: 'none', version: 0, isListed: false };

/** Key of a contact's row under the account. @throws {StanzaError} when the address is too long for one */
function rosterKey(contact: Jid): string {
  const key = contact.bare.toString();
  if (Buffer.byteLength(key) > limits.rosterAddressBytesMax) throw new StanzaError('not-acceptable', 'the address is too long');
  return key;
}

/** For reads of several accounts' rows at once. */
export function rosterRowKey(owner: Account, contact: Jid) {
  return owner.rows.keyOf(items, rosterKey(contact));
}

export async function findContact(account: Account, contact: Jid): Promise<RosterItem> {
  return (await account.get(items, rosterKey(contact))) ?? unknownContact;
}

/** May this one see the account's presence (§4.3.2), and what else only subscribers see? The account itself may. */
export async function mayProbe(account: Account, asker: Jid): Promise<boolean> {
  return asker.bare.equals(account.jid) || hasFrom(await findContact(account, asker));
}

export async function isInRoster(account: Account, contact: Jid): Promise<boolean> {
  return (await findContact(account, contact)).isListed;
}

/** All rows, those that clients do not see among them. */
export async function listContacts(account: Account): Promise<Contact[]> {
  const page = limits.storeQueryRowsMax;
  const contacts: Contact[] = [];
  let after: string | undefined;
  do {
    const rows = await account.list(items, { limit: page, after });
    for (const { key, value } of rows) contacts.push({ jid: Jid.parse(key), item: value });
    after = rows.length === page ? rows.at(-1)!.key : undefined;
  } while (after !== undefined && contacts.length < rowsMax);
  return contacts;
}

/** Contacts are admitted up to the sum of the kinds' bounds; two at once may pass it by one. */
const rowsMax = 2 * (limits.rosterItemsMax + limits.rosterRequestsMax + limits.rosterTombstonesMax);

/** The version of the whole. */
export function rosterVersion(contacts: readonly Contact[]): number {
  return contacts.reduce((highest, { item }) => Math.max(highest, item.version), 0);
}

/** Each try fails only because another change of the same contact took a newer number and wrote first. */
const triesMax = 10;

/**
 * Changes one contact's row, at once, with compare and swap.
 * @param by names the cause, the same for a retry
 * @param change gets {@link unknownContact} where there is none, and returns the very same item when nothing is to change
 * @throws {StanzaError} when there is no room for a further row
 * @throws {Unavailable} when others were faster every time
 */
export async function changeContact(
  account: Account,
  contact: Jid,
  by: string,
  change: (item: RosterItem) => RosterItem,
): Promise<Change> {
  for (let tries = 0; tries < triesMax; tries++) {
    const found = await findContact(account, contact);
    if (found.last?.by === by) return { before: found.last.before, after: found, isVisible: true };
    const wanted = change(found);
    if (wanted === found) return { before: found, after: found, isVisible: false };
    await admit(account, found, wanted);
    const changed = await writeContact(account, contact, by, change);
    if (changed) return changed;
  }
  throw new Unavailable(`the roster's item for ${contact} changed under us ${triesMax} times`);
}

/** @returns undefined when a newer number than ours is there already: the item's version must rise with each change */
async function writeContact(
  account: Account,
  contact: Jid,
  by: string,
  change: (item: RosterItem) => RosterItem,
): Promise<Change | undefined> {
  const version = await account.add(versions, 1);
  let before = unknownContact;
  let isVisible = false;
  const after = await account.update(items, rosterKey(contact), (value) => {
    before = value ?? unknownContact;
    if (before.version > version) return value;
    const next = change(before);
    isVisible = shape(before) !== shape(next);
    if (next === before) return value;
    return { ...next, version: isVisible ? version : before.version, last: { by, before: stateOf(before) } };
  });
  return before.version > version ? undefined : { before, after: after ?? unknownContact, isVisible };
}

function stateOf({ subscription, isAsked, isPending, isApproved, isListed }: RosterItem) {
  return { subscription, isAsked, isPending, isApproved, isListed };
}

/** What a client can see of it. */
function shape(item: RosterItem): string {
  if (!item.isListed) return '';
  return JSON.stringify([item.name, item.groups, item.subscription, item.isAsked === true, item.isApproved === true]);
}

/** Is there room for a new item or request? Drops the oldest tombstones. @throws {StanzaError} */
async function admit(account: Account, found: RosterItem, wanted: RosterItem): Promise<void> {
  const isItem = wanted.isListed && !found.isListed;
  const isRequest = !wanted.isListed && wanted.isPending && !found.isPending;
  if (!isItem && !isRequest) return;
  const contacts = await listContacts(account);
  if (isItem && contacts.filter(({ item }) => item.isListed).length >= limits.rosterItemsMax) {
    throw new StanzaError('not-acceptable', `a roster holds at most ${limits.rosterItemsMax} items`);
  }
  if (isRequest && contacts.filter(({ item }) => !item.isListed && item.isPending).length >= limits.rosterRequestsMax) {
    throw new StanzaError('resource-constraint', 'too many requests wait for an answer');
  }
  const tombstones = contacts.filter(({ item }) => !item.isListed && !item.isPending);
  if (tombstones.length >= limits.rosterTombstonesMax) await dropTombstones(account, tombstones);
}

/**
 * The older half. What stays is newer and more than `rosterChangesMax`, so a client that never heard of one that is dropped here
 * gets the whole roster.
 */
async function dropTombstones(account: Account, tombstones: readonly Contact[]): Promise<void> {
  const oldest = tombstones.toSorted((a, b) => a.item.version - b.item.version).slice(0, tombstones.length >> 1);
  for (const { jid } of oldest) {
    // gone only while it still is a tombstone
    await account.update(items, rosterKey(jid), (item) => (item && (item.isListed || item.isPending) ? item : undefined));
  }
}

/** Bytes of all items as a client gets them, roughly: for the bound of the whole. */
export function rosterBytes(contacts: readonly Contact[]): number {
  return contacts.reduce((sum, { jid, item }) => sum + (item.isListed ? itemBytes(jid, item) : 0), 0);
}

function itemBytes(jid: Jid, { name = '', groups = [] }: RosterItem): number {
  return 80 + 17 * groups.length + Buffer.byteLength(escapeAttribute(`${jid}${name}${groups.join('')}`));
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

/** §2.1.6: queued, to all interested resources. */
export function pushContact(account: Account, contact: Contact): void {
  account.withSessions((sessions) => pushContactTo(account, sessions, contact));
}

/** Only inside `withSessions`: to those of the sessions that are interested. */
export function pushContactTo(account: Account, sessions: readonly SessionEntry[], contact: Contact): void {
  const id = `push-${account.turn.parts.ids.mint()}`;
  const push = xml('iq', { from: account.jid.toString(), type: 'set', id }, pushElement(contact));
  const interested = sessions.filter((entry) => entry.interested);
  account.deliverTo(interested, Buffer.from(push.toString()), true);
}

export function pushElement(contact: Contact): Element {
  return xml('query', { xmlns: rosterNs, ver: String(contact.item.version) }, itemElement(contact));
}
