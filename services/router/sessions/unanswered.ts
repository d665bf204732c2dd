/**
 * XEP-0198 §4: requests that a client has not acknowledged when its session ends are answered as if the session had not been
 * there (RFC 6121 §8.5.3.2.3). If the node of the session died, nobody knows these requests, and they stay unanswered.
 */
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { parseRequest } from '../../../lib/xmpp/request.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';

/** @param stanzas what the client has not acknowledged; everything but requests of others is ignored */
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

/** @param bytes a stanza that the client has not acknowledged, and that may be worth waking it for */
export async function tellUnheard(account: Account, bytes: Buffer): Promise<void> {
  const stanza = Stanza.parse(bytes);
  for (const unheard of account.turn.dependencies.features.of('unheard')) await unheard(account, stanza);
}

/** It is not known what the client of this session has got of what waits for it. */
export async function tellUnread(account: Account, isDead: boolean): Promise<void> {
  for (const unread of account.turn.dependencies.features.of('unread')) await unread(account, isDead);
}
