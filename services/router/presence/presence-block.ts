/**
 * XEP-0191 §3.3 and §3.4: one who gets blocked sees the account go, one who is unblocked sees it again. Others block by the rows
 * (presence-audience.ts) and the guards.
 */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { findContacts, listContacts } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { hideDirected, tellRooms } from './presence-directed.ts';
import { sendCurrentPresence, sendUnavailable } from './presence-probe.ts';

/** Queued. These addresses were just blocked: whoever sees the account there, as a subscriber or by directed presence, sees it go. */
export async function hidePresence(account: Account, blocked: readonly Jid[]): Promise<void> {
  const contacts = await affected(account, blocked);
  const id = account.turn.dependencies.ids.mint();
  account.withSessions(async (sessions) => {
    for (const contact of contacts) sendUnavailable(account, sessions, contact, id);
    await tellRooms(account, sessions, blocked);
    await hideDirected(account, sessions, { blocked, contacts });
  });
}

/** Queued. These addresses were just unblocked; another entry may still block some of them. */
export async function showPresence(account: Account, unblocked: readonly Jid[], isBlocked: (jid: Jid) => boolean): Promise<void> {
  const contacts = (await affected(account, unblocked)).filter((jid) => !isBlocked(jid));
  const id = account.turn.dependencies.ids.mint();
  account.withSessions(async (sessions) => {
    await tellRooms(account, sessions, unblocked);
    for (const contact of contacts) sendCurrentPresence(account, sessions, contact, id);
  });
}

/**
 * Subscribers at these addresses: a domain stands for all of it, a resource for itself. Addresses of people are looked up one by one, so
 * that to block one does not cost a roster; only a domain is looked for in all of it.
 */
async function affected(account: Account, addresses: readonly Jid[]): Promise<Jid[]> {
  const domains = addresses.filter(({ local, isBare }) => local === '' && isBare);
  const bares = [...new Map(addresses.map(({ bare }) => [bare.toString(), bare])).values()];
  const contacts = domains.length > 0 ? await listContacts(account) : await findContacts(account, bares);
  const subscribers = contacts.filter(({ item }) => hasFrom(item));
  const byAddress = new Map(subscribers.map((contact) => [contact.jid.toString(), contact.jid]));
  const byDomain = Map.groupBy(subscribers, ({ jid }) => jid.domain);
  const found = new Map<string, Jid>();
  for (const address of addresses) {
    const contact = byAddress.get(address.bare.toString());
    if (contact) found.set(address.toString(), address.resource === '' ? contact : contact.withResource(address.resource));
  }
  for (const { domain } of domains) for (const { jid } of byDomain.get(domain) ?? []) found.set(jid.toString(), jid);
  return [...found.values()];
}
