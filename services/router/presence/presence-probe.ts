/**
 * The account's presence for one contact: the answer to a probe (RFC 6121 §4.3.2), and what the contact gets when a subscription
 * begins or ends (§3.1.5, §3.2.2).
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { type Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { runGuards } from '../core/guard.ts';
import { mayProbe } from '../roster/roster.ts';
import { isShared } from '../roster/shared-groups.ts';
import { lookAgain, showTo } from './presence-again.ts';
import { isVisible, unavailableFrom } from './shown-presence.ts';

/** Answers a probe. @throws {StanzaError | Dropped} */
export async function arriveProbe(account: Account, stanza: Stanza, id: string): Promise<void> {
  const asker = stanza.from!;
  const [isAllowed] = await Promise.all([mayProbe(account, asker), runGuards('inbound', stanza, account)]);
  const other = account.turn.dependencies.features.of('probed').find((probed) => probed.asks(stanza));
  account.withSessions((sessions) => {
    if (other) return isAllowed ? other.answer(account, stanza) : undefined;
    if (!isAllowed) return sendBare(account, 'unsubscribed', asker.bare, id);
    lookAgain(account.turn, [{ account, sessions }], showTo(account, asker));
    if (!sessions.some(isVisible)) return sendBare(account, 'unavailable', asker, id);
    sendCurrentPresence(account, sessions, asker, id);
  });
}

/** Sends the last presence of each available resource. */
export function sendCurrentPresence(account: Account, sessions: readonly SessionEntry[], to: Jid, id: string): void {
  for (const entry of sessions.filter(isVisible)) {
    account.post(spliceTo(Buffer.from(entry.presence!), to.toString()), id);
  }
}

/** Sends `unavailable` for each available resource, unless a group goes on to show the presence. */
export function sendUnavailable(account: Account, sessions: readonly SessionEntry[], to: Jid, id: string): void {
  if (isShared(account, to)) return;
  for (const entry of sessions.filter(isVisible)) {
    account.post(spliceTo(unavailableFrom(account.jid.withResource(entry.resource)), to.toString()), id);
  }
}

function sendBare(account: Account, type: 'unsubscribed' | 'unavailable', to: Jid, id: string): void {
  const stanza = xml('presence', { from: account.jid.toString(), to: to.toString(), type });
  account.post(Buffer.from(stanza.toString()), id);
}
