/**
 * XEP-0198 §4: requests that a client was sent and has not acknowledged when its session is over are answered as if nobody had been there
 * (RFC 6121 §8.5.3.2.3). Of a session whose node died nobody knows what they were.
 */
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { parseRequest } from '../../../lib/xmpp/request.ts';
import type { Account } from '../core/account.ts';

/** @param stanzas that the account's client was to get; those that are no requests, or our own, are passed over */
export async function bounceUnanswered(account: Account, stanzas: readonly Buffer[]): Promise<void> {
  for (const bytes of stanzas) {
    const stanza = parseRequest(bytes);
    if (!stanza) continue;
    const { from, to } = stanza;
    const isOurs = !from || from.equals(account.jid) || from.local === '';
    if (isOurs || !to?.bare.equals(account.jid)) continue;
    account.turn.bounce(account.tenant, stanza, new StanzaError('service-unavailable'));
  }
  await account.turn.finish();
}
