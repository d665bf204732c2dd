/** Makes the domain of the command line a tenant at the first start, and sets its registration policy at each start. */
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

/** @throws {Refusal} when the domain cannot be a tenant, for example because it serves the rooms of another tenant */
export async function ensureTenant({ store, bus, clock, domain, registration }: OwnTenant): Promise<void> {
  const tenants = new Tenants(store, clock);
  const tenant = await tenants.find(domain);
  if (tenant !== undefined) {
    if (tenant.policy.registration !== registration) await tenants.setPolicy(domain, { registration });
    return;
  }
  // An earlier removal that was interrupted is finished first.
  if (await findRemoval(store, domain)) await askRouter(bus, 'tenant-remove', { domain, again: true });
  const { ok, error } = await askRouter(bus, 'tenant-add', { domain, registration, prove: 'no' });
  if (!ok) throw new Refusal(`--domain: ${error}`);
}
