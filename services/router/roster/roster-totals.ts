/**
 * How much a roster holds, in a row of its own: a change of one contact is admitted by it, without reading all others.
 *
 * It is written behind the contact's row, with no transaction around both. What a process that dies between the two leaves is small, and
 * mended whenever the whole roster is read anyway: by a client that signs in, or before a change is refused.
 */
import { Conflict } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { update } from '../../../lib/runtime/update.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { type Contact, listContacts, unknownContact } from './roster.ts';

export interface RosterTotals {
  readonly items: number;
  /** Contacts that wait for an answer and are not in the roster. */
  readonly requests: number;
  /** Rows of those who are neither: removed items that are remembered, most of all. */
  readonly tombstones: number;
  /** All items as a client gets them, roughly. */
  readonly bytes: number;
}

interface Counted extends RosterTotals {
  /** Changes since all rows were counted. */
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

/** Puts the totals right by all rows, unless somebody changes them at this moment. */
async function recount(account: Account): Promise<{ readonly sum: Counted; readonly contacts: readonly Contact[] }> {
  const before = await account.rows.get(totals);
  const contacts = await listContacts(account);
  const sum: Counted = { ...totalsOf(contacts), changes: 0 };
  const isRight = before !== undefined && isSame(before.value, sum) && before.value.changes < routerLimits.rosterRecountChanges;
  if (!isRight) {
    try {
      await account.rows.put(totals, '', sum, before ? { version: before.version } : 'absent');
    } catch (error) {
      if (!(error instanceof Conflict)) throw error; // whoever was faster counts with what it changed
    }
  }
  return { sum, contacts };
}

/** All contacts, for whoever needs them all: along with that, the totals are put right. */
export async function listAndCount(account: Account): Promise<readonly Contact[]> {
  return (await recount(account)).contacts;
}

/** What is over its bound, of what grows. @returns the error that says so */
function excess(sum: RosterTotals, growth: RosterTotals): StanzaError | undefined {
  const { items, requests, bytes } = plus(sum, growth);
  if (growth.items > 0 && items > routerLimits.rosterItemsMax) {
    return new StanzaError('not-acceptable', `a roster holds at most ${routerLimits.rosterItemsMax} items`);
  }
  // The whole roster must fit one answer.
  if (growth.bytes > 0 && bytes > routerLimits.rosterBytesMax) {
    return new StanzaError('not-acceptable', `a roster has at most ${routerLimits.rosterBytesMax} bytes`);
  }
  if (growth.requests > 0 && requests > routerLimits.rosterRequestsMax) {
    return new StanzaError('resource-constraint', 'too many requests wait for an answer');
  }
  return undefined;
}

/**
 * May the contact's row change in this way?
 * @returns the tombstones, when they are to be made fewer; else none
 * @throws {StanzaError} when there is no room
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
  return (contacts ?? (await listContacts(account))).filter((contact) => shareOf(contact).tombstones > 0);
}

/** Rows have changed: those that were there, and those that are there now. */
export async function count(account: Account, before: readonly Contact[], after: readonly Contact[]): Promise<void> {
  const growth = plus(totalsOf(after), totalsOf(before), -1);
  if (isSame(growth, nothing)) return;
  await update(account.rows, totals, '', (sum) => sum && { ...plus(sum, growth), changes: sum.changes + 1 });
}
