/** Where a stanza with `from` and `to` goes (RFC 6120 §10): to the first of the destinations that owns the domain of its address. */
import type { Place, Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Pending } from '../core/stages.ts';
import type { Route, Turn } from '../core/turn.ts';
import type { Destination } from './destinations.ts';

/** The tenant's own domain needs no look at the tenants, so that a message to a neighbour waits for nothing here. */
export function routing(destinations: readonly Destination[]): Route {
  return (turn, tenant, stanza, id) => {
    const { to } = stanza;
    if (!to) throw new Error(`a ${stanza.name} to be routed has no 'to'`);
    const { domain } = to;
    if (domain === tenant.domain) return deliver(destinations, turn, tenant, stanza, id, { tenant, service: 'accounts' });
    return turn.dependencies.tenants.place(domain).then((place) => deliver(destinations, turn, tenant, stanza, id, place));
  };
}

function deliver(
  destinations: readonly Destination[],
  turn: Turn,
  tenant: Tenant,
  stanza: Stanza,
  id: string,
  place: Place | undefined,
): Pending {
  const { domain } = stanza.to!;
  for (const destination of destinations) {
    if (destination.owns(tenant, domain, place)) return destination.deliver(turn, tenant, stanza, id, place);
  }
  throw new StanzaError('remote-server-not-found', `no service for ${domain} is known here`);
}
