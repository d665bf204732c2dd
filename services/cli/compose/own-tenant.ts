/** The tenant that the command line names: there from the first start, its registration as this start says. */
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { findRemoval } from '../../../lib/runtime/removals.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { Refusal } from '../core/report.ts';
import { askRouter } from './admin-socket.ts';

interface OwnTenant {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly domain: string;
  readonly registration: 'open' | 'closed';
}

/** @throws {Refusal} when the domain cannot be a tenant, such as one that has the rooms of another */
export async function ensureTenant({ store, bus, clock, domain, registration }: OwnTenant): Promise<void> {
  const tenants = new Tenants(store, clock);
  const tenant = await tenants.find(domain);
  if (tenant !== undefined) {
    if (tenant.policy.registration !== registration) await tenants.setPolicy(domain, { registration });
    return;
  }
  if (await findRemoval(store, domain)) await askRouter(bus, 'tenant-remove', { domain, again: true }); // it broke off
  const { ok, error } = await askRouter(bus, 'tenant-add', { domain, registration });
  if (!ok) throw new Refusal(`--domain: ${error}`);
}
