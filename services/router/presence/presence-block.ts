/**
 * XEP-0191 §3.3 and §3.4: somebody who is blocked sees the account go, and somebody who is unblocked sees it again. All later
 * presence is stopped by the guards, and by the blocklists that are read with the audience (presence-audience.ts).
 */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { findContacts, listContacts } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { hideDirected, tellRooms } from './presence-directed.ts';
import { sendCurrentPresence, sendUnavailable } from './presence-probe.ts';

/**
 * Queues `unavailable` for everybody at these addresses, which were just blocked, who sees the account as a subscriber or through
 * directed presence.
 */
export async function hidePresence(account: Account, blocked: readonly Jid[]): Promise<void> {
  const contacts = await affected(account, blocked);
  const id = account.turn.dependencies.ids.mint();
  account.withSessions(async (sessions) => {
    for (const contact of contacts) sendUnavailable(account, sessions, contact, id);
    await tellRooms(account, sessions, blocked);
    await hideDirected(account, sessions, { blocked, contacts });
  });
}

/** Queues the account's presence for these addresses, which were just unblocked. Another entry may still block some of them. */
export async function showPresence(account: Account, unblocked: readonly Jid[], isBlocked: (jid: Jid) => boolean): Promise<void> {
  const contacts = (await affected(account, unblocked)).filter((jid) => !isBlocked(jid));
  const id = account.turn.dependencies.ids.mint();
  account.withSessions(async (sessions) => {
    await tellRooms(account, sessions, unblocked);
    for (const contact of contacts) sendCurrentPresence(account, sessions, contact, id);
  });
}

/**
 * The subscribers at these addresses. A domain stands for everybody there, and a resource for itself. People are looked up one by
 * one, so that blocking somebody does not cost a read of the roster; only for a domain the whole roster is read.
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
