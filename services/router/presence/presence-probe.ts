/**
 * One contact and the account's presence: what a probe is answered with (RFC 6121 §4.3.2), and what a contact gets when a
 * subscription begins or ends (§3.1.5, §3.2.2).
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { answerWanted, wantedIn } from '../pep/last-items.ts';
import { mayProbe } from '../roster/roster.ts';
import { runGuards } from '../routing/arrive.ts';
import { routeStanza } from '../routing/route.ts';
import { lookAgain, showTo } from './presence-again.ts';

/** @throws {StanzaError | Dropped} */
export async function arriveProbe(account: Account, stanza: Stanza, id: string): Promise<void> {
  const asker = stanza.from!;
  const [isAllowed] = await Promise.all([mayProbe(account, asker), runGuards('inbound', stanza, account)]);
  const wanted = wantedIn(stanza);
  account.withSessions(async (sessions) => {
    if (wanted) return isAllowed ? answerWanted(account, asker, wanted) : undefined;
    if (!isAllowed) return sendBare(account, 'unsubscribed', asker.bare, id);
    lookAgain(account.turn, [{ account, sessions }], showTo(account, asker));
    if (!sessions.some(isVisible)) return sendBare(account, 'unavailable', asker, id);
    await sendCurrentPresence(account, sessions, asker, id);
  });
}

/** The last presence of each available resource. */
export async function sendCurrentPresence(
  account: Account,
  sessions: readonly SessionEntry[],
  to: Jid,
  id: string,
): Promise<void> {
  for (const entry of sessions.filter(isVisible)) {
    await routeQuietly(account, spliceTo(Buffer.from(entry.presence!), to.toString()), id);
  }
}

/** As if each available resource had gone. */
export async function sendUnavailable(account: Account, sessions: readonly SessionEntry[], to: Jid, id: string): Promise<void> {
  for (const entry of sessions.filter(isVisible)) {
    await routeQuietly(account, spliceTo(unavailableFrom(account.jid.withResource(entry.resource)), to.toString()), id);
  }
}

/** Without `to`. */
export function unavailableFrom(jid: Jid): Buffer {
  return Buffer.from(xml('presence', { from: jid.toString(), type: 'unavailable' }).toString());
}

export function isVisible(entry: SessionEntry): boolean {
  return entry.available && entry.presence !== undefined;
}

/** Presence that nobody waits for an answer to: that a contact's domain is gone is no news. */
export async function routeQuietly(account: Account, bytes: Buffer, id: string): Promise<void> {
  try {
    await routeStanza(account.turn, account.tenant, Stanza.parse(bytes), id);
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
  }
}

async function sendBare(account: Account, type: 'unsubscribed' | 'unavailable', to: Jid, id: string): Promise<void> {
  const stanza = xml('presence', { from: account.jid.toString(), to: to.toString(), type });
  await routeQuietly(account, Buffer.from(stanza.toString()), id);
}
