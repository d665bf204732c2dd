/**
 * The places that stanzas can go to, in the order in which they are asked. To add one, write a declaration
 * and one line in the list (docs/contributing.md).
 */
import { componentPair } from '../../../lib/runtime/outbox.ts';
import { allowsPeer } from '../../../lib/runtime/policy/peer-policy.ts';
import type { Place, Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { isContact } from '../core/remote-shares.ts';
import type { Pending } from '../core/stages.ts';
import type { Hosted, Turn } from '../core/turn.ts';
import { arrive, arriveAtHost } from './arrive.ts';

export interface Destination {
  /**
   * Do stanzas of this tenant for this domain go here?
   * @param place whose domain it is; undefined: it belongs to nobody in this deployment
   */
  readonly owns: (tenant: Tenant, domain: string, place: Place | undefined) => boolean;
  /** Queues every effect in the turn before it is done. @throws {StanzaError} the error for the sender */
  readonly deliver: (turn: Turn, tenant: Tenant, stanza: Stanza, id: string, place: Place | undefined) => Pending;
  /** What stanzas reach at a domain of this destination; absent or undefined if handlers need not know. */
  readonly hosts?: (place: Place | undefined) => Hosted | undefined;
}

/** The tenant's accounts, and its domain itself. */
const accounts: Destination = {
  owns: (tenant, domain) => domain === tenant.domain,
  deliver: arrive,
  hosts: () => 'accounts',
};

/** The tenant's host of files. */
const uploads: Destination = {
  owns: (tenant, _domain, place) => isHere(tenant, place) && place?.service === 'uploads',
  deliver: (turn, tenant, stanza, id) => arriveAtHost(turn, tenant, stanza, 'uploads', id),
};

/** The tenant's proxy for bytestreams. */
const proxy: Destination = {
  owns: (tenant, _domain, place) => isHere(tenant, place) && place?.service === 'proxy',
  deliver: (turn, tenant, stanza, id) => arriveAtHost(turn, tenant, stanza, 'proxy', id),
};

/** The tenant's pubsub service. */
const pubsub: Destination = {
  owns: (tenant, _domain, place) => isHere(tenant, place) && place?.service === 'pubsub',
  deliver: (turn, tenant, stanza, id) => arriveAtHost(turn, tenant, stanza, 'pubsub', id),
};

/** The tenant's rooms: their stanzas go to the worker of the room's shard. */
const rooms: Destination = {
  owns: (tenant, _domain, place) => isHere(tenant, place) && place?.service === 'rooms',
  deliver: (turn, tenant, stanza, id) => turn.room(tenant, stanza.to!.local, stanza, id),
  hosts: () => 'rooms',
};

/** The tenant's components: the outbox of their pair (decision 14). */
const components: Destination = {
  owns: (tenant, _domain, place) => isHere(tenant, place) && place?.service === 'component',
  deliver: (turn, tenant, stanza, id) => turn.departTo(componentPair(stanza.to!.domain), tenant, stanza, id),
};

/** Everything that belongs to another tenant of this deployment: it goes to a router that acts for that tenant. */
const otherTenants: Destination = {
  owns: (tenant, _domain, place) => place !== undefined && !isHere(tenant, place),
  deliver: (turn, _tenant, stanza, id, place) => turn.forward(place!.tenant.domain, stanza, id),
  hosts: (place) => (place?.service === 'accounts' || place?.service === 'rooms' ? place.service : undefined),
};

/** Whatever belongs to nobody in this deployment: the outbox of the pair of domains. */
const otherServers: Destination = {
  owns: (_tenant, _domain, place) => place === undefined,
  deliver(turn, tenant, stanza, id) {
    const [from, to] = [stanza.from!, stanza.to!];
    const { domain } = to;
    const { outbox, shares } = turn.dependencies;
    if (!allowsPeer(tenant.policy, domain)) throw new StanzaError('not-allowed', `${tenant.domain} does not talk with ${domain}`);
    if (outbox?.newPairs.mayUse(`${from.bare}`, tenant.domain, { host: from.domain, peer: domain }) === false)
      throw new StanzaError('resource-constraint', 'too many other servers at once; try again in some minutes');
    if (isContact(stanza)) shares.remote.noteMet(from, to);
    turn.departTo({ host: from.domain, peer: domain }, tenant, stanza, id);
  },
};

/** What the deployment has besides its tenants' own services. */
export interface Outside {
  readonly hasComponents?: boolean | undefined;
  /** It talks to other servers. */
  readonly isFederated?: boolean | undefined;
}

export function destinationsOf({ hasComponents = false, isFederated = false }: Outside): readonly Destination[] {
  return [
    ...[accounts, uploads, rooms, proxy, pubsub],
    ...(hasComponents ? [components] : []),
    otherTenants,
    ...(isFederated ? [otherServers] : []),
  ];
}

function isHere(tenant: Tenant, place: Place | undefined): boolean {
  return place?.tenant.domain === tenant.domain;
}
