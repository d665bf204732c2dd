/**
 * Shared roster groups: what the groups of a tenant add to the rosters of their members. Nothing is written for a pair of members. The items are
 * made when a roster is read: members have the subscription `both` with each other, in the groups of these names, whatever their own rows say.
 * What they have agreed on themselves stays in their rows, and counts when the group is gone.
 *
 * The version of such a roster (RFC 6121 §2.6) is `<number>-<stamp>`: the number of the last change of the account's own rows, and a stamp of what
 * the groups add. A client with another stamp gets the whole roster.
 */
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type SharedContact, type SharedView, sharedView } from '../../../lib/runtime/roster-groups.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import type { SubscriptionState } from './subscription-state.ts';

/** What is used here of a roster's item. */
interface ListedItem extends SubscriptionState {
  readonly isListed: boolean;
  readonly name?: string;
  readonly groups?: readonly string[];
}

interface ContactWith<Item> {
  readonly jid: Jid;
  readonly item: Item;
}

type Member = Pick<Account, 'tenant' | 'local' | 'domain'>;

function viewOf({ tenant, local }: Pick<Account, 'tenant' | 'local'>): SharedView | undefined {
  return sharedView(tenant.rosterGroups?.groups, local);
}

/** Are both in a group? */
export function isShared(account: Member, contact: Jid): boolean {
  return contact.domain === account.domain && viewOf(account)?.contacts.has(contact.local) === true;
}

/** The item as the account and its contacts see it. @param item the account's own */
export function withShared<Item extends ListedItem>(account: Member, contact: Jid, item: Item): Item {
  const shared = contact.domain === account.domain ? viewOf(account)?.contacts.get(contact.local) : undefined;
  if (shared === undefined) return item;
  const own = item.isListed ? (item.groups ?? []) : [];
  return {
    ...item,
    ...({ subscription: 'both', isListed: true, isAsked: false, isPending: false } as const),
    ...nameOf(item, shared),
    groups: [...own, ...shared.groups.filter((group) => !own.includes(group))],
  };
}

/** What the account calls somebody counts. */
function nameOf({ isListed, name }: ListedItem, shared: SharedContact): { readonly name?: string } {
  const chosen = (isListed ? name : undefined) ?? shared.name;
  return chosen === undefined ? {} : { name: chosen };
}

/** The contacts as {@link withShared} gives them, with those that have no row. */
export function withAllShared<Item extends ListedItem>(
  account: Member,
  contacts: readonly ContactWith<Item>[],
  unknown: Item,
): readonly ContactWith<Item>[] {
  const view = viewOf(account);
  if (view === undefined) return contacts;
  const rest = new Set(view.contacts.keys());
  const own = contacts.map(({ jid, item }) => {
    if (jid.domain === account.domain) rest.delete(jid.local);
    return { jid, item: withShared(account, jid, item) };
  });
  const added = [...rest].map((local) => Jid.of(local, account.domain));
  return [...own, ...added.map((jid) => ({ jid, item: withShared(account, jid, unknown) }))];
}

/** The names of groups that the account's own row keeps: those of shared groups are not its own. */
export function ownGroups(account: Member, contact: Jid, groups: readonly string[]): readonly string[] {
  const shared = contact.domain === account.domain ? viewOf(account)?.contacts.get(contact.local) : undefined;
  return shared === undefined ? groups : groups.filter((group) => !shared.groups.includes(group));
}

/**
 * @param isPush what is told is not all that has changed
 * @returns the version of a roster whose last own change has this number
 */
export function versionText(account: Account, number: number, isPush = false): string {
  const view = viewOf(account);
  if (view === undefined) return String(number);
  // A client that has not been told yet what the groups add now must not say that it knows it.
  const sinceMs = account.now.getTime() - (account.tenant.rosterGroups?.changedMs ?? 0);
  return `${number}-${isPush && sinceMs < runtimeLimits.rosterGroupTellMs ? '' : view.stamp}`;
}

/** @returns the number of the last own change that a client knows; -1 when it needs the whole roster */
export function knownNumber(account: Account, version = ''): number {
  const view = viewOf(account);
  const [, number, stamp] = /^(\d{1,15})(?:-([0-9a-f]+))?$/.exec(version) ?? [];
  return number !== undefined && stamp === view?.stamp ? Number(number) : -1;
}
