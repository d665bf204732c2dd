/**
 * Who sees an account's presence and whose presence it sees, and the rows of its contacts in the same tenant, read together
 * (DESIGN §3): their sessions, what their rosters say of the account, their blocklists.
 */
import { limits } from '../../lib/limits.ts';
import { readSessions, type SessionEntry } from '../../lib/runtime/sessions.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import type { Account } from './account.ts';
import { type Blocklist, blocklist, isBlocked } from './features/xep0191-blocking.ts';
import { type Contact, listContacts, type RosterItem, rosterRowKey } from './roster.ts';
import { hasFrom } from './subscription-state.ts';

/** Contacts that the account has not blocked. */
export async function readAudience(account: Account): Promise<Contact[]> {
  const [contacts, blocked] = await Promise.all([listContacts(account), account.get(blocklist)]);
  return contacts.filter(({ jid }) => !isBlocked(blocked, jid));
}

/** Is the contact an account of the same tenant, whose rows can be read here? */
export function isNear(account: Account, { jid }: Contact): boolean {
  return jid.domain === account.domain && jid.local !== '';
}

/** A contact of the same tenant who does not block the account. */
export interface Neighbour extends Contact {
  readonly sessions: readonly SessionEntry[];
  /** Lets the account see its presence. */
  readonly isSharing: boolean;
}

/** Two rows per contact go into one read. */
const pageMax = limits.storeBatchKeysMax >> 1;

/** @param full the address whose presence is at stake: a contact may block a single resource */
export async function readNeighbours(account: Account, full: Jid, contacts: readonly Contact[]): Promise<Neighbour[]> {
  const pages: Contact[][] = [];
  for (let at = 0; at < contacts.length; at += pageMax) pages.push(contacts.slice(at, at + pageMax));
  return (await Promise.all(pages.map((page) => readPage(account, full, page)))).flat();
}

async function readPage(account: Account, full: Jid, contacts: readonly Contact[]): Promise<Neighbour[]> {
  const { store } = account.turn.parts;
  const owners = contacts.map(({ jid }) => account.other(jid.local));
  const keys = owners.flatMap((owner) => [owner.rows.keyOf(blocklist, ''), rosterRowKey(owner, account.jid)]);
  const [lists, rows] = await Promise.all([readSessions(store, owners), store.batchGet(keys, { consistent: true })]);
  return contacts.flatMap((contact, index) => {
    const [blocked, item] = rows.slice(2 * index, 2 * index + 2).map((row) => row && JSON.parse(row.value));
    if (isBlocked(blocked as Blocklist | undefined, full)) return [];
    const isSharing = item !== undefined && hasFrom(item as RosterItem);
    return [{ ...contact, sessions: lists[index]!, isSharing }];
  });
}
