/**
 * The contacts who see an account's presence, or whose presence it sees. For contacts in the same tenant, their sessions, their
 * blocklists and what their rosters say about the account are read together.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import type { Key } from '../../../lib/ports/store.ts';
import { rowValue } from '../../../lib/runtime/row-values.ts';
import { readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { type Blocklist, blocklist, isBlocked } from '../core/blocklist.ts';
import { type Contact, listContacts, type RosterItem, rosterRowKey, unknownContact } from '../roster/roster.ts';
import { withShared } from '../roster/shared-groups.ts';
import { hasFrom } from '../roster/subscription-state.ts';

/** Reads the contacts that the account has not blocked. */
export async function readAudience(account: Account): Promise<Contact[]> {
  const [contacts, blocked] = await Promise.all([listContacts(account), account.get(blocklist)]);
  return contacts.filter(({ jid }) => !isBlocked(blocked, jid));
}

/** Is the contact an account of the same tenant, so that its rows can be read here? */
export function isNear(account: Account, { jid }: Contact): boolean {
  return jid.domain === account.domain && jid.local !== '';
}

/** A contact of the same tenant who does not block the account. */
export interface Listener extends Contact {
  readonly sessions: readonly SessionEntry[];
}

export interface Neighbour extends Listener {
  /** The contact lets the account see its presence. */
  readonly isSharing: boolean;
  /** What the contact's roster says about the account. */
  readonly theirs: RosterItem;
}

/**
 * Reads contacts of the same tenant for an account that also sees their presence.
 * @param full the address that the contacts may have blocked: they may block a single resource
 */
export function readNeighbours(account: Account, full: Jid, contacts: readonly Contact[]): Promise<Neighbour[]> {
  return inPages(contacts, async (page) => {
    const keys = page.map(({ jid }) => rosterRowKey(account.other(jid), account.jid));
    const [items, listeners] = await Promise.all([readValues<RosterItem>(account, keys), readPage(account, full, page)]);
    return listeners.flatMap((listener, index) => {
      const theirs = withShared(account.other(page[index]!.jid), account.jid, items[index] ?? unknownContact);
      return listener ? [{ ...listener, isSharing: hasFrom(theirs), theirs }] : [];
    });
  });
}

/** Reads contacts of the same tenant for an account that only shows its own presence, so their rosters are not read. */
export function readListeners(account: Account, full: Jid, contacts: readonly Contact[]): Promise<Listener[]> {
  return inPages(contacts, async (page) => (await readPage(account, full, page)).filter((listener) => listener !== undefined));
}

/** Contacts per read: each needs two rows. */
const pageMax = portLimits.storeBatchKeysMax >> 1;

async function inPages<Found>(
  contacts: readonly Contact[],
  read: (page: readonly Contact[]) => Promise<Found[]>,
): Promise<Found[]> {
  const pages: Promise<Found[]>[] = [];
  for (let at = 0; at < contacts.length; at += pageMax) pages.push(read(contacts.slice(at, at + pageMax)));
  return (await Promise.all(pages)).flat();
}

/** @returns undefined for a contact who blocks the account */
async function readPage(account: Account, full: Jid, contacts: readonly Contact[]): Promise<(Listener | undefined)[]> {
  const owners = contacts.map(({ jid }) => account.other(jid));
  const keys = owners.map(({ rows }) => rows.keyOf(blocklist, ''));
  const [lists, blocklists] = await Promise.all([
    readSessions(account.turn.dependencies.store, owners),
    readValues<Blocklist>(account, keys),
  ]);
  return contacts.map(({ jid, item }, index) => {
    return isBlocked(blocklists[index], full) ? undefined : { jid, item, sessions: lists[index]! };
  });
}

async function readValues<Value>(account: Account, keys: readonly Key[]): Promise<(Value | undefined)[]> {
  const rows = await account.turn.dependencies.store.batchGet(keys, { consistent: true });
  return rows.map((row) => row && rowValue<Value>(row));
}
