/** How a stanza arrives at an account or a host of this tenant (RFC 6121 §8.5, RFC 6120 §10.5). */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import { Dropped } from '../core/dropped.ts';
import { resultOf } from '../core/replies.ts';
import type { Pending } from '../core/stages.ts';
import type { Turn } from '../core/turn.ts';
import { Superseded } from '../core/writers.ts';
import { arrivePresence } from '../presence/presence.ts';
import { takeListStanza } from './block-lists.ts';
import { arriveIq, type HostService, hostContext, hostIq } from './iq.ts';
import { arriveMessage } from './message.ts';

/**
 * Delivers a stanza to an account or to the tenant's domain. Errors of the recipient's side go back to the sender and do not
 * throw.
 */
export function arrive(turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Pending {
  try {
    return enter(turn, tenant, stanza, id)?.catch((error: unknown) => refused(turn, tenant, stanza, error));
  } catch (error) {
    return refused(turn, tenant, stanza, error);
  }
}

/** Delivers a stanza to the tenant's host of files, to its proxy, or to its pubsub service. These have no accounts. */
export async function arriveAtHost(
  turn: Turn,
  tenant: Tenant,
  stanza: Stanza,
  service: Exclude<HostService, 'host'>,
  id: string,
): Promise<void> {
  try {
    await enterHost(turn, tenant, stanza, service, id);
  } catch (error) {
    refused(turn, tenant, stanza, error);
  }
}

function enter(turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Pending {
  const to = stanza.to!;
  if (to.local === '') return enterHost(turn, tenant, stanza, 'host', id);
  const account = new Account(turn, tenant, to.local, undefined, to);
  if (stanza.name === 'message') return arriveMessage(account, stanza, id);
  if (stanza.name === 'iq') return arriveIq(account, stanza);
  return arrivePresence(account, stanza, id);
}

async function enterHost(turn: Turn, tenant: Tenant, stanza: Stanza, service: HostService, id: string): Promise<void> {
  if (stanza.name === 'presence') return; // a host has no presence
  const { local, resource } = stanza.to!;
  const isHost = local === '' && resource === '';
  if (isHost && service === 'host' && tenant.policy.blockLists.length > 0 && (await takeListStanza(turn, tenant, stanza))) return;
  if (isHost && service === 'pubsub' && stanza.name === 'message' && (await takePubsubMessage(turn, tenant, stanza, id))) return;
  if (isHost && service === 'host' && stanza.name === 'iq' && stanza.type !== 'get' && stanza.type !== 'set') {
    for (const hostAnswered of turn.dependencies.features.of('hostAnswered'))
      if (await hostAnswered(turn, tenant, stanza)) return;
  }
  if (stanza.name === 'message' || !isHost) throw new StanzaError('service-unavailable'); // RFC 6120 §10.5.2, §10.5.3
  return hostIq(turn, tenant, stanza, service, id);
}

async function takePubsubMessage(turn: Turn, tenant: Tenant, message: Stanza, id: string): Promise<boolean> {
  const host = hostContext(turn, tenant, message, id);
  for (const pubsubMessage of turn.dependencies.features.of('pubsubMessage')) if (await pubsubMessage(message, host)) return true;
  return false;
}

function refused(turn: Turn, tenant: Tenant, stanza: Stanza, error: unknown): void {
  if (error instanceof Superseded && stanza.name === 'iq')
    turn.answer(tenant, resultOf(stanza)); // the request was carried out before
  else if (error instanceof StanzaError) turn.bounce(tenant, stanza, error);
  else if (!(error instanceof Dropped)) throw error;
}
