/**
 * The size of a roster, in a row of its own, so that a change of one contact can be checked against the bounds without reading
 * all others.
 *
 * The totals are written after the contact's row, without a transaction. If a process dies in between, they are slightly wrong.
 * They are corrected whenever the whole roster is read: when a client signs in, or before a change is refused.
 */
import { Conflict } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { update } from '../../../lib/runtime/update.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { type Contact, listOwnContacts, unknownContact } from './roster.ts';

export interface RosterTotals {
  readonly items: number;
  /** Contacts who have asked for a subscription, wait for an answer, and are not in the roster. */
  readonly requests: number;
  /** All other rows. Most of them are removed items, which are remembered for the versions. */
  readonly tombstones: number;
  /** The approximate size of all items in an answer to a client. */
  readonly bytes: number;
}

interface Counted extends RosterTotals {
  /** How many changes there were since all rows were counted. */
  readonly changes: number;
}

const totals = collection<Counted>('rosterTotals', 'account');

const nothing: RosterTotals = { items: 0, requests: 0, tombstones: 0, bytes: 0 };

/** What one contact's row adds to the totals. */
function shareOf({ jid, item }: Contact): RosterTotals {
  if (item === unknownContact) return nothing;
  if (!item.isListed) return item.isPending ? { ...nothing, requests: 1 } : { ...nothing, tombstones: 1 };
  const { name = '', groups = [] } = item;
  const bytes = 80 + 17 * groups.length + Buffer.byteLength(escapeAttribute(`${jid}${name}${groups.join('')}`));
  return { ...nothing, items: 1, bytes };
}

function plus(sum: RosterTotals, share: RosterTotals, sign: 1 | -1 = 1): RosterTotals {
  return {
    items: sum.items + sign * share.items,
    requests: sum.requests + sign * share.requests,
    tombstones: sum.tombstones + sign * share.tombstones,
    bytes: sum.bytes + sign * share.bytes,
  };
}

function isSame(one: RosterTotals, other: RosterTotals): boolean {
  const { items, requests, tombstones, bytes } = plus(one, other, -1);
  return items === 0 && requests === 0 && tombstones === 0 && bytes === 0;
}

function totalsOf(contacts: readonly Contact[]): RosterTotals {
  return contacts.reduce((sum, contact) => plus(sum, shareOf(contact)), nothing);
}

/** Counts all rows and corrects the totals, unless another request changes the totals at the same time. */
async function recount(account: Account): Promise<{ readonly sum: Counted; readonly contacts: readonly Contact[] }> {
  const before = await account.rows.get(totals);
  const contacts = await listOwnContacts(account);
  const sum: Counted = { ...totalsOf(contacts), changes: 0 };
  const isRight = before !== undefined && isSame(before.value, sum) && before.value.changes < routerLimits.rosterRecountChanges;
  if (!isRight) {
    try {
      await account.rows.put(totals, '', sum, before ? { version: before.version } : 'absent');
    } catch (error) {
      if (!(error instanceof Conflict)) throw error; // the other request has counted its own change
    }
  }
  return { sum, contacts };
}

/** Reads all rows of contacts, and corrects the totals while at it. */
export async function listAndCount(account: Account): Promise<readonly Contact[]> {
  return (await recount(account)).contacts;
}

/** @returns an error if one of the totals grows and is over its bound then */
function excess(sum: RosterTotals, growth: RosterTotals): StanzaError | undefined {
  const { items, requests, bytes } = plus(sum, growth);
  if (growth.items > 0 && items > routerLimits.rosterItemsMax) {
    return new StanzaError('not-acceptable', `a roster holds at most ${routerLimits.rosterItemsMax} items`);
  }
  // The whole roster must fit into one answer.
  if (growth.bytes > 0 && bytes > routerLimits.rosterBytesMax) {
    return new StanzaError('not-acceptable', `a roster has at most ${routerLimits.rosterBytesMax} bytes`);
  }
  if (growth.requests > 0 && requests > routerLimits.rosterRequestsMax) {
    return new StanzaError('resource-constraint', 'too many subscription requests wait for an answer');
  }
  return undefined;
}

/**
 * Checks that there is room for a change of a contact's row.
 * @returns all tombstones if there are too many of them, otherwise none
 * @throws {StanzaError} if there is no room
 */
export async function admit(account: Account, before: Contact, after: Contact): Promise<readonly Contact[]> {
  const growth = plus(shareOf(after), shareOf(before), -1);
  if (growth.items <= 0 && growth.requests <= 0 && growth.bytes <= 0) return [];
  let sum = await account.get(totals);
  let contacts: readonly Contact[] | undefined;
  const isFull = (counted: Counted) =>
    excess(counted, growth) !== undefined || counted.tombstones >= routerLimits.rosterTombstonesMax;
  if (sum === undefined || (isFull(sum) && sum.changes >= routerLimits.rosterRecountChanges))
    ({ sum, contacts } = await recount(account));
  const refusal = excess(sum, growth);
  if (refusal) throw refusal;
  if (sum.tombstones < routerLimits.rosterTombstonesMax) return [];
  return (contacts ?? (await listOwnContacts(account))).filter((contact) => shareOf(contact).tombstones > 0);
}

/** Adds a change of rows to the totals. @param before the rows as they were. @param after the rows as they are now */
export async function count(account: Account, before: readonly Contact[], after: readonly Contact[]): Promise<void> {
  const growth = plus(totalsOf(after), totalsOf(before), -1);
  if (isSame(growth, nothing)) return;
  await update(account.rows, totals, '', (sum) => sum && { ...plus(sum, growth), changes: sum.changes + 1 });
}
