/**
 * XEP-0191 §3.3 and §3.4: one who gets blocked sees the account go, one who is unblocked sees it again. Others block by the rows
 * (presence-audience.ts) and the guards.
 */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { listContacts } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { hideDirected } from './presence-directed.ts';
import { sendCurrentPresence, sendUnavailable } from './presence-probe.ts';

/** Queued. These addresses were just blocked: whoever sees the account there, as a subscriber or by directed presence, sees it go. */
export async function hidePresence(account: Account, blocked: readonly Jid[]): Promise<void> {
  const contacts = await affected(account, blocked);
  const id = account.turn.parts.ids.mint();
  account.withSessions(async (sessions) => {
    for (const contact of contacts) await sendUnavailable(account, sessions, contact, id);
    await hideDirected(account, sessions, { blocked, contacts, id });
  });
}

/** Queued. These addresses were just unblocked; another entry may still block some of them. */
export async function showPresence(account: Account, unblocked: readonly Jid[], isBlocked: (jid: Jid) => boolean): Promise<void> {
  const contacts = (await affected(account, unblocked)).filter((jid) => !isBlocked(jid));
  const id = account.turn.parts.ids.mint();
  account.withSessions(async (sessions) => {
    for (const contact of contacts) await sendCurrentPresence(account, sessions, contact, id);
  });
}

/** Subscribers at these addresses: a domain stands for all of it, a resource for itself. */
async function affected(account: Account, addresses: readonly Jid[]): Promise<Jid[]> {
  const contacts = (await listContacts(account)).filter(({ item }) => hasFrom(item));
  return addresses.flatMap((address) =>
    contacts
      .filter(({ jid }) => jid.equals(address.bare) || (address.local === '' && address.isBare && jid.domain === address.domain))
      .map(({ jid }) => {
        return address.resource === '' ? jid : jid.withResource(address.resource);
      }),
  );
}
