/** Where a stanza with `from` and `to` goes (RFC 6120 §10): to the first destination that owns the domain of its address. */
import type { Place, Tenant, Tenants } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Pending } from '../core/stages.ts';
import type { Hosted, Route, Turn } from '../core/turn.ts';
import type { Destination } from './destinations.ts';

/** The tenant's own domain is known without looking at the tenants, and others that were looked at of late are, too: nothing waits then. */
export function routing(destinations: readonly Destination[]): Route {
  const route = (turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Pending => {
    const { to } = stanza;
    if (!to) throw new Error(`a ${stanza.name} to be routed has no 'to'`);
    const { domain } = to;
    if (domain === tenant.domain) return deliver(destinations, turn, tenant, stanza, id, { tenant, service: 'accounts' });
    const finding = turn.dependencies.tenants.place(domain);
    if (finding instanceof Promise) return finding.then((place) => deliver(destinations, turn, tenant, stanza, id, place));
    return deliver(destinations, turn, tenant, stanza, id, finding);
  };
  const hosted = async (tenants: Tenants, tenant: Tenant, domain: string): Promise<Hosted | undefined> => {
    const place = await tenants.place(domain);
    return destinations.find(({ owns }) => owns(tenant, domain, place))?.hosts?.(place);
  };
  return Object.assign(route, { hosted });
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
  throw new StanzaError('remote-server-not-found', `the domain ${domain} is unknown here`);
}
