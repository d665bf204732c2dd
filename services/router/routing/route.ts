/**
 * Where a stanza with `from` and `to` goes (RFC 6120 §10): an account or a host of this tenant, a room of this tenant, another
 * domain of this deployment; there is nothing else until federation comes.
 */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Pending } from '../core/stages.ts';
import type { Turn } from '../core/turn.ts';
import { arrive } from './arrive.ts';

/** All effects are queued in the turn when it is done. @throws {StanzaError} that the sender is to get */
export function routeStanza(turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Pending {
  const to = stanza.to;
  if (!to) throw new Error(`a ${stanza.name} to be routed has no 'to'`);
  return to.domain === tenant.domain ? arrive(turn, tenant, stanza, id) : routeElsewhere(turn, tenant, stanza, to, id);
}

async function routeElsewhere(turn: Turn, tenant: Tenant, stanza: Stanza, to: Jid, id: string): Promise<void> {
  const place = await turn.parts.tenants.place(to.domain);
  if (!place) throw new StanzaError('remote-server-not-found', `no service for ${to.domain} is known here`);
  const own = turn.origin?.jid === stanza.attributes.from ? turn.origin : undefined;
  const sender = own && { address: { node: own.node, sid: own.sid }, incarnation: own.incarnation };
  if (place.tenant.domain === tenant.domain) {
    if (place.service === 'uploads') return arrive(turn, tenant, stanza, id);
    turn.room(tenant, to.local, stanza.bytes, id, sender);
  } else {
    turn.hop(place.tenant.domain, stanza.bytes, id, sender);
  }
}

/**
 * Sends a stanza back as an error to whoever sent it (RFC 6120 §8.3.1). Errors and results are never answered.
 */
export async function bounce(turn: Turn, tenant: Tenant, stanza: Stanza, error: StanzaError): Promise<void> {
  if (stanza.type === 'error' || stanza.type === 'result') return;
  const { from, to, id } = stanza.attributes;
  await answer(turn, tenant, xml(stanza.name, { from: to, to: from, id, type: 'error' }, error.toElement()));
}

/**
 * Sends an answer (it has `from` and `to`) to the session that this batch came from if it is the one, else on its way. A message
 * always goes on its way: other resources have got a copy of what it is the answer to (XEP-0280 §6.1).
 */
export async function answer(turn: Turn, tenant: Tenant, stanza: Element): Promise<void> {
  const { origin, parts } = turn;
  if (origin && stanza.name !== 'message' && stanza.attrs.to === origin.jid) {
    origin.reply(Buffer.from(stanza.toString()));
    return;
  }
  try {
    await routeStanza(turn, tenant, Stanza.parse(stanza.toString()), parts.ids.mint());
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error; // nobody to tell: the asker's domain is gone
  }
}
