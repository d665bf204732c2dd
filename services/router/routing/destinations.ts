/**
 * The places that stanzas can go to, in the order in which they are asked. Adding one (components, other servers): a declaration, and one
 * line in the list (docs/contributing.md).
 */
import type { Place, Tenant } from '../../../lib/runtime/tenants.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Pending } from '../core/stages.ts';
import type { Turn } from '../core/turn.ts';
import { arrive, arriveAtUploads } from './arrive.ts';

export interface Destination {
  /**
   * Do stanzas of this tenant for this domain go here?
   * @param place whose domain it is; undefined: it belongs to nobody in this deployment
   */
  readonly owns: (tenant: Tenant, domain: string, place: Place | undefined) => boolean;
  /** Every effect is queued in the turn when it is done. @throws {StanzaError} what the sender is to be told */
  readonly deliver: (turn: Turn, tenant: Tenant, stanza: Stanza, id: string, place: Place | undefined) => Pending;
}

/** The tenant's accounts, and its domain itself. */
const accounts: Destination = {
  owns: (tenant, domain) => domain === tenant.domain,
  deliver: arrive,
};

/** The tenant's host of files. */
const uploads: Destination = {
  owns: (tenant, _domain, place) => isHere(tenant, place) && place?.service === 'uploads',
  deliver: arriveAtUploads,
};

/** The tenant's rooms: the worker of the room's shard. */
const rooms: Destination = {
  owns: (tenant, _domain, place) => isHere(tenant, place) && place?.service === 'rooms',
  deliver: (turn, tenant, stanza, id) => turn.room(tenant, stanza.to!.local, stanza, id),
};

/** Whatever belongs to another tenant of this deployment: a router that acts for that tenant. */
const otherTenants: Destination = {
  owns: (tenant, _domain, place) => place !== undefined && !isHere(tenant, place),
  deliver: (turn, _tenant, stanza, id, place) => turn.forward(place!.tenant.domain, stanza, id),
};

export const destinations: readonly Destination[] = [accounts, uploads, rooms, otherTenants];

function isHere(tenant: Tenant, place: Place | undefined): boolean {
  return place?.tenant.domain === tenant.domain;
}
