/** The tenant that the command line names: there from the first start, its registration as this start says. */
import type { Bus } from '../../lib/ports/bus.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { type Tenant, Tenants } from '../../lib/runtime/tenants.ts';
import { update } from '../../lib/runtime/update.ts';
import { askRouter } from './admin-socket.ts';
import { Refusal } from './report.ts';

const tenants = collection<Tenant>('tenant');

interface OwnTenant {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly domain: string;
  readonly registration: 'open' | 'closed';
}

/** @throws {Refusal} when the domain cannot be a tenant, such as one that has the rooms of another */
export async function ensureTenant({ store, bus, clock, domain, registration }: OwnTenant): Promise<void> {
  if ((await new Tenants(store, clock).find(domain)) === undefined) {
    const { ok, error } = await askRouter(bus, 'tenant-add', { domain, registration });
    if (!ok) throw new Refusal(`--domain: ${error}`);
    return;
  }
  await update(Rows.ofDeployment(store, 'tenants'), tenants, domain, (tenant) =>
    tenant === undefined || tenant.policy.registration === registration
      ? tenant
      : { ...tenant, policy: { ...tenant.policy, registration } },
  );
}
