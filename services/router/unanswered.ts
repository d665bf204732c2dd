/**
 * XEP-0198 §4: requests that a client was sent and has not acknowledged when its session is over are answered as if nobody had been there
 * (RFC 6121 §8.5.3.2.3). Of a session whose node died nobody knows what they were.
 */
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { bounce } from './route.ts';

const iqTag = Buffer.from('<iq');

/** @param stanzas that the account's client was to get; those that are no requests, or our own, are passed over */
export async function bounceUnanswered(account: Account, stanzas: readonly Buffer[]): Promise<void> {
  for (const bytes of stanzas) {
    if (!bytes.subarray(0, 3).equals(iqTag)) continue;
    const stanza = Stanza.parse(bytes);
    const { from, to, type } = stanza;
    const isRequest = type === 'get' || type === 'set';
    const isOurs = !from || from.equals(account.jid) || from.local === '';
    if (!isRequest || isOurs || !to?.bare.equals(account.jid)) continue;
    await bounce(account.turn, account.tenant, stanza, new StanzaError('service-unavailable'));
  }
  await account.turn.finish();
}
