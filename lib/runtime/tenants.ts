/**
 * Tenants: a tenant is a row (FEATURES C4). The registry caches rows for a second, so that a new domain serves within a
 * second and a message does not pay for the look-up.
 */
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';
import { update } from './update.ts';

export interface TenantPolicy {
  /** XEP-0077: may anyone make an account? */
  readonly registration: 'open' | 'closed';
  /** Days that archive entries are kept; 0 = for ever. */
  readonly retentionDays: number;
}

export interface Tenant {
  readonly domain: string;
  readonly createdAt: string;
  readonly policy: TenantPolicy;
  /** Base64 of 32 random bytes: salts of accounts that do not exist, occupant ids. */
  readonly secret: string;
}

const tenants = collection<Tenant>('tenant', 'deployment');

/** The service of a tenant's rooms: `conference.example.org` (XEP-0045). */
export function roomsDomain(tenantDomain: string): string {
  return `conference.${tenantDomain}`;
}

/** The service that gives a tenant's accounts slots for files: `upload.example.org` (XEP-0363). */
export function uploadsDomain(tenantDomain: string): string {
  return `upload.${tenantDomain}`;
}

/** Which tenant serves a domain, and which of its services: of accounts (the tenant's domain itself), rooms or files. */
export interface Place {
  readonly tenant: Tenant;
  readonly service: 'accounts' | 'rooms' | 'uploads';
}

const labels: Readonly<Record<string, Place['service']>> = { conference: 'rooms', upload: 'uploads' };

export class Tenants {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #cache = new Map<string, { readonly tenant: Tenant | undefined; readonly untilMs: number }>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get #rows(): Rows {
    return Rows.ofDeployment(this.#store, 'tenants');
  }

  /** At once when it was read of late. */
  find(domain: string): Promise<Tenant | undefined> | Tenant | undefined {
    const cached = this.#cache.get(domain);
    return cached && cached.untilMs > this.#clock.monotonic() ? cached.tenant : this.#read(domain);
  }

  async #read(domain: string): Promise<Tenant | undefined> {
    const item = await this.#rows.get(tenants, domain);
    if (this.#cache.size >= runtimeLimits.tenantCacheMax) this.#cache.clear();
    this.#cache.set(domain, { tenant: item?.value, untilMs: this.#clock.monotonic() + runtimeLimits.tenantCacheMs });
    return item?.value;
  }

  /** undefined: a domain that this deployment does not serve. */
  async place(domain: string): Promise<Place | undefined> {
    const tenant = await this.find(domain);
    if (tenant) return { tenant, service: 'accounts' };
    const dot = domain.indexOf('.');
    const label = domain.slice(0, Math.max(dot, 0));
    const service = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (service === undefined) return undefined;
    const host = await this.find(domain.slice(dot + 1));
    return host && { tenant: host, service };
  }

  /** @throws {Conflict} when the domain is a tenant already */
  async add(domain: string, policy: TenantPolicy): Promise<Tenant> {
    const tenant: Tenant = {
      domain,
      createdAt: new Date(this.#clock.now()).toISOString(),
      policy,
      secret: this.#clock.randomBytes(32).toString('base64'),
    };
    await this.#rows.put(tenants, domain, tenant, 'absent');
    this.#cache.delete(domain);
    return tenant;
  }

  /** @returns the tenant as it now is; undefined when there is none */
  async setPolicy(domain: string, change: Partial<TenantPolicy>): Promise<Tenant | undefined> {
    this.#cache.delete(domain);
    return update(this.#rows, tenants, domain, (tenant) => tenant && { ...tenant, policy: { ...tenant.policy, ...change } });
  }

  /** This one, and not a later one of the same domain. Its rows stay until they are erased. @returns whether it was there */
  async remove({ domain, secret }: Tenant): Promise<boolean> {
    this.#cache.delete(domain);
    const left = await update(this.#rows, tenants, domain, (there) => (there?.secret === secret ? undefined : there));
    return left === undefined;
  }

  async list(limit: number, after?: string): Promise<Tenant[]> {
    return (await this.#rows.list(tenants, { limit, after })).map((item) => item.value);
  }
}
