/** A stanza arrives at an account or a host of this tenant (RFC 6121 §8.5, RFC 6120 §10.5). */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import { Dropped } from '../core/feature.ts';
import { inOrder, type Pending } from '../core/stages.ts';
import type { Turn } from '../core/turn.ts';
import { Superseded } from '../core/writers.ts';
import { arrivePresence } from '../presence/presence.ts';
import { answerAgain, arriveIq, hostIq } from './iq.ts';
import { arriveMessage } from './message.ts';
import { bounce } from './route.ts';

/** Errors that the account's side raises go back to the sender; they never throw here. */
export function arrive(turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Pending {
  try {
    return enter(turn, tenant, stanza, id)?.catch((error: unknown) => refused(turn, tenant, stanza, error));
  } catch (error) {
    return refused(turn, tenant, stanza, error);
  }
}

function refused(turn: Turn, tenant: Tenant, stanza: Stanza, error: unknown): Pending {
  if (error instanceof Superseded && stanza.name === 'iq') return answerAgain(turn, tenant, stanza);
  if (error instanceof Dropped) return;
  if (!(error instanceof StanzaError)) throw error;
  return bounce(turn, tenant, stanza, error);
}

function enter(turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Pending {
  const to = stanza.to!;
  const isUploads = to.domain !== tenant.domain; // rooms are with their workers; nobody lives at the host of files
  if (to.local === '' || isUploads) {
    if (stanza.name === 'presence') return; // nobody subscribes to a host
    const isHost = to.local === '' && to.resource === '';
    if (stanza.name === 'message' || !isHost) throw new StanzaError('service-unavailable'); // RFC 6120 §10.5.2, §10.5.3
    return hostIq(turn, tenant, stanza);
  }
  const account = new Account(turn, tenant, to.local, undefined, to.bare);
  if (stanza.name === 'message') return arriveMessage(account, stanza, id);
  if (stanza.name === 'iq') return arriveIq(account, stanza);
  return arrivePresence(account, stanza, id);
}

/** The first guard in the features' order that refuses decides. */
export function runGuards(direction: 'inbound' | 'outbound', stanza: Stanza, account: Account): Pending {
  const guards = account.turn.parts.features.stage(direction, 'guard');
  const run = () => inOrder(guards, (guard) => guard(stanza, account));
  const loading = account.load(direction);
  return loading === undefined ? run() : loading.then(run);
}
