/** A stanza arrives at an account or a host of this tenant (RFC 6121 §8.5, RFC 6120 §10.5). */
import type { Tenant } from '../../lib/runtime/tenants.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { Account } from './account.ts';
import { Dropped } from './feature.ts';
import { arriveIq, hostIq } from './iq.ts';
import { arriveMessage } from './message.ts';
import { arrivePresence } from './presence.ts';
import { bounce } from './route.ts';
import type { Turn } from './turn.ts';

/** Errors that the account's side raises go back to the sender; they never throw here. */
export async function arrive(turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Promise<void> {
  const to = stanza.to!;
  try {
    const isUploads = to.domain !== tenant.domain; // rooms are with their workers; nobody lives at the host of files
    if (to.local === '' || isUploads) {
      if (stanza.name === 'presence') return; // nobody subscribes to a host
      const isHost = to.local === '' && to.resource === '';
      if (stanza.name === 'message' || !isHost) throw new StanzaError('service-unavailable'); // RFC 6120 §10.5.2, §10.5.3
      return await hostIq(turn, tenant, stanza);
    }
    const account = new Account(turn, tenant, to.local);
    if (stanza.name === 'message') await arriveMessage(account, stanza, id);
    else if (stanza.name === 'iq') await arriveIq(account, stanza);
    else await arrivePresence(account, stanza, id);
  } catch (error) {
    if (error instanceof Dropped) return;
    if (!(error instanceof StanzaError)) throw error;
    await bounce(turn, tenant, stanza, error);
  }
}

/** All guards at once; the first in the features' order that refuses decides. */
export async function runGuards(direction: 'inbound' | 'outbound', stanza: Stanza, account: Account): Promise<void> {
  const guards = account.turn.parts.features.stage(direction, 'guard');
  const results = await Promise.allSettled(guards.map(async (guard) => guard(stanza, account)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
