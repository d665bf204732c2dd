/**
 * Changes of a roster's rows: admitted by the totals (roster-totals.ts), numbered by the account's counter, written with compare and swap.
 */
import { Unavailable } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { type Contact, findContact, type RosterItem, rosterItems, rosterKey, unknownContact } from './roster.ts';
import { admit, count } from './roster-totals.ts';
import type { SubscriptionState } from './subscription-state.ts';

const versions = collection<number>('rosterVersion', 'account');

/** The last number that a change has taken; changes that no client sees take one, too. */
export async function readVersion(account: Account): Promise<number> {
  return (await account.get(versions)) ?? 0;
}

export interface Change {
  readonly before: SubscriptionState & { readonly isListed: boolean };
  readonly after: RosterItem;
  /** A client can see it: to be pushed. */
  readonly isVisible: boolean;
}

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
  for (let tries = 0; tries < routerLimits.rosterChangeTriesMax; tries++) {
    const found = await findContact(account, contact);
    if (found.last?.by === by) return { before: found.last.before, after: found, isVisible: true };
    const wanted = change(found);
    if (wanted === found) return { before: found, after: found, isVisible: false };
    await dropTombstones(account, await admit(account, { jid: contact, item: found }, { jid: contact, item: wanted }));
    const changed = await writeContact(account, contact, by, change);
    if (changed) return changed;
  }
  throw new Unavailable(`the roster's item for ${contact} changed under us ${routerLimits.rosterChangeTriesMax} times`);
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
  const after = await account.update(rosterItems, rosterKey(contact), (value) => {
    before = value ?? unknownContact;
    if (before.version > version) return value;
    const next = change(before);
    isVisible = shape(before) !== shape(next);
    if (next === before) return value;
    return { ...next, version: isVisible ? version : before.version, last: { by, before: stateOf(before) } };
  });
  if (before.version > version) return undefined;
  const item = after ?? unknownContact;
  await count(account, [{ jid: contact, item: before }], [{ jid: contact, item }]);
  return { before, after: item, isVisible };
}

function stateOf({ subscription, isAsked, isPending, isApproved, isListed }: RosterItem) {
  return { subscription, isAsked, isPending, isApproved, isListed };
}

/** What a client can see of it. */
function shape(item: RosterItem): string {
  if (!item.isListed) return '';
  return JSON.stringify([item.name, item.groups, item.subscription, item.isAsked === true, item.isApproved === true]);
}

/**
 * The older half. What stays is newer and more than `rosterChangesMax`, so a client that never heard of one that is dropped here
 * gets the whole roster.
 */
async function dropTombstones(account: Account, tombstones: readonly Contact[]): Promise<void> {
  const oldest = tombstones.toSorted((a, b) => a.item.version - b.item.version).slice(0, tombstones.length >> 1);
  const dropped: Contact[] = [];
  for (const { jid } of oldest) {
    let found: RosterItem | undefined;
    await account.update(rosterItems, rosterKey(jid), (item) => {
      found = item && !item.isListed && !item.isPending ? item : undefined;
      return found ? undefined : item; // gone only while it still is a tombstone
    });
    if (found) dropped.push({ jid, item: found });
  }
  await count(account, dropped, []);
}
