/**
 * How rows of a roster are changed. The totals decide whether there is room (roster-totals.ts), the account's counter gives each
 * change a number, and the row is written with compare and swap.
 */
import { Unavailable } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { type Contact, findOwnContact, type RosterItem, rosterItems, rosterKey, unknownContact } from './roster.ts';
import { admit, count } from './roster-totals.ts';
import type { SubscriptionState } from './subscription-state.ts';

const versions = collection<number>('rosterVersion', 'account');

/** The number of the last change. Changes that no client can see have a number, too. */
export async function readVersion(account: Account): Promise<number> {
  return (await account.get(versions)) ?? 0;
}

export interface Change {
  readonly before: SubscriptionState & { readonly isListed: boolean };
  readonly after: RosterItem;
  /** True if clients can see the change, so that it must be pushed to them. */
  readonly isVisible: boolean;
}

/**
 * Changes one contact's row at once, with compare and swap.
 * @param by names the cause of the change; it is the same for a retry
 * @param change gets the item, {@link unknownContact} if there is none, and returns the same object if nothing has to change
 * @throws {StanzaError} if there is no room for another row
 * @throws {Unavailable} if other changes were faster every time
 */
export async function changeContact(
  account: Account,
  contact: Jid,
  by: string,
  change: (item: RosterItem) => RosterItem,
): Promise<Change> {
  for (let tries = 0; tries < routerLimits.rosterChangeTriesMax; tries++) {
    const found = await findOwnContact(account, contact);
    if (found.last?.by === by) return { before: found.last.before, after: found, isVisible: true };
    const wanted = change(found);
    if (wanted === found) return { before: found, after: found, isVisible: false };
    await dropTombstones(account, await admit(account, { jid: contact, item: found }, { jid: contact, item: wanted }));
    const changed = await writeContact(account, contact, by, change);
    if (changed) return changed;
  }
  throw new Unavailable(
    `other requests changed the roster item of ${contact} ${routerLimits.rosterChangeTriesMax} times in a row`,
  );
}

/** @returns undefined if the item has a newer number than ours already, because its version must rise with each change */
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

/** The part of an item that a client can see. */
function shape(item: RosterItem): string {
  if (!item.isListed) return '';
  return JSON.stringify([item.name, item.groups, item.subscription, item.isAsked === true, item.isApproved === true]);
}

/**
 * Deletes the older half of the tombstones. The newer half has more than `rosterChangesMax` rows, so a client that has not heard
 * of a deleted one gets the whole roster anyway.
 */
async function dropTombstones(account: Account, tombstones: readonly Contact[]): Promise<void> {
  const oldest = tombstones.toSorted((a, b) => a.item.version - b.item.version).slice(0, tombstones.length >> 1);
  const dropped: Contact[] = [];
  for (const { jid } of oldest) {
    let found: RosterItem | undefined;
    await account.update(rosterItems, rosterKey(jid), (item) => {
      found = item && !item.isListed && !item.isPending ? item : undefined;
      return found ? undefined : item; // delete it only if it still is a tombstone
    });
    if (found) dropped.push({ jid, item: found });
  }
  await count(account, dropped, []);
}
