/**
 * Tenants: a tenant is a row (FEATURES C4). A new domain serves within a second, and a message does not pay for the look-up: the
 * registry keeps rows, and once a second reads a counter that grows with each change of any tenant. While it stands still, no row
 * is read again. All processes read the counter, so it is far below what one partition of DynamoDB gives (lib/runtime/limits.ts).
 */
import type { Clock } from '../ports/clock.ts';
import { Conflict, type Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import type { Hook } from './hooks.ts';
import { runtimeLimits } from './limits.ts';
import { type PolicyChange, readPolicy, type TenantPolicy } from './policy/tenant-policy.ts';
import type { Privileges } from './privileges.ts';
import type { RosterGroup, RosterGroups } from './roster-groups.ts';
import { Rows } from './rows.ts';
import { update } from './update.ts';

/** A program that serves a domain below the tenant's, such as a gateway to IRC (XEP-0114). */
export interface Component {
  /** One label and the tenant's domain: `irc.example.org`. */
  readonly domain: string;
  readonly addedAt: string;
  /** What it proves itself with, sealed for {@link componentContext}. */
  readonly sealedSecret: string;
  /** XEP-0356; absent: it may do nothing more than others. */
  readonly privileges?: Privileges;
}

/** What a component's secret is sealed for: the domain alone is for the keys of certificates. */
export function componentContext(domain: string): string {
  return `component ${domain}`;
}

/** What an account is told once, when a session of it becomes available (XEP-0133 §4.24). */
export interface Motd {
  /** Another one with each change. */
  readonly id: string;
  readonly subject?: string | undefined;
  readonly text: string;
  readonly setAt: string;
}

export interface Tenant {
  readonly domain: string;
  readonly createdAt: string;
  readonly policy: TenantPolicy;
  /** How often its policy was changed. */
  readonly policyVersion: number;
  /** Base64 of 32 random bytes: salts of accounts that do not exist, occupant ids. */
  readonly secret: string;
  readonly components?: readonly Component[];
  /** Where events are posted. */
  readonly hooks?: readonly Hook[];
  /** Groups whose members are in each other's rosters. */
  readonly rosterGroups?: RosterGroups | undefined;
  /** The message of the day. */
  readonly motd?: Motd | undefined;
  /** The name of its cell (cells.ts). Absent: it was added before any cell had told its name. */
  readonly cell?: string;
  /** Whoever asked for it has not shown yet that the domain is theirs (domain-proof.ts): it is served to nobody. */
  readonly isUnproven?: true | undefined;
}

/** A row may have been written by an older program or by a newer one, so what it says of the policy is read key by key. */
type TenantRow = Omit<Tenant, 'policy' | 'policyVersion'> & { readonly policy?: PolicyChange; readonly policyVersion?: number };

const tenants = collection<TenantRow>('tenant', 'deployment');

/** How often any tenant was changed. */
const changes = collection<number>('tenant-changes', 'deployment');

function tenantOf(row: TenantRow): Tenant {
  return { ...row, policy: readPolicy(row.policy), policyVersion: row.policyVersion ?? 0 };
}

/** The service of a tenant's rooms: `conference.example.org` (XEP-0045). */
export function roomsDomain(tenantDomain: string): string {
  return `conference.${tenantDomain}`;
}

/** The service that gives a tenant's accounts slots for files: `upload.example.org` (XEP-0363). */
export function uploadsDomain(tenantDomain: string): string {
  return `upload.${tenantDomain}`;
}

/** The service that tells a tenant's accounts where bytestreams are relayed: `proxy.example.org` (XEP-0065). */
export function proxyDomain(tenantDomain: string): string {
  return `${proxyLabel}.${tenantDomain}`;
}

/** The pubsub service of a tenant: `pubsub.example.org` (XEP-0060). */
export function pubsubDomain(tenantDomain: string): string {
  return `${pubsubLabel}.${tenantDomain}`;
}

/**
 * Which tenant serves a domain, and which of its services: of accounts (the tenant's domain itself), rooms, files, a component, bytestreams, or
 * pubsub.
 */
export interface Place {
  readonly tenant: Tenant;
  readonly service: 'accounts' | 'rooms' | 'uploads' | 'component' | 'proxy' | 'pubsub';
}

const labels: Readonly<Record<string, Place['service']>> = { conference: 'rooms', upload: 'uploads' };

/** A component may have this one: where services are apart, a program of its own relays bytestreams. */
const proxyLabel = 'proxy';
/** A component may have this one, too. */
const pubsubLabel = 'pubsub';

/** Labels below a tenant's domain that its own services have. */
export const ownLabels: readonly string[] = Object.keys(labels);

/** The component of this domain, if the tenant has one. */
export function componentOf({ components }: Pick<Tenant, 'components'>, domain: string): Component | undefined {
  return components?.find((component) => component.domain === domain);
}

/** What is said of a tenant and its services without asking anybody. */
export type TenantSettings = Pick<Tenant, 'domain' | 'policy' | 'components'>;

/** Has the tenant a pubsub service of ours? */
export function hasPubsub(tenant: TenantSettings): boolean {
  return tenant.policy.pubsub !== 'off' && componentOf(tenant, pubsubDomain(tenant.domain)) === undefined;
}

function placeOf(tenant: Tenant): Place {
  return { tenant, service: 'accounts' };
}

/** @param domain one label below the tenant's */
function serviceOf(tenant: Tenant, domain: string): Place | undefined {
  const label = domain.slice(0, domain.indexOf('.'));
  if (Object.hasOwn(labels, label)) return { tenant, service: labels[label]! };
  if (componentOf(tenant, domain)) return { tenant, service: 'component' };
  if (label === pubsubLabel && hasPubsub(tenant)) return { tenant, service: 'pubsub' };
  return label === proxyLabel ? { tenant, service: 'proxy' } : undefined;
}

export class Tenants {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #seesUnproven: boolean;
  readonly #cache = new Map<string, { readonly tenant: Tenant | undefined; readonly untilMs: number }>();
  readonly #reading = new Map<string, Promise<Tenant | undefined>>();
  /** The counter, and when it was read. */
  #changes = 0;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;

  /** @param seesUnproven for operators: they also find tenants whose domain is not proven */
  constructor(store: Store, clock: Clock, { seesUnproven = false }: { readonly seesUnproven?: boolean } = {}) {
    this.#store = store;
    this.#clock = clock;
    this.#seesUnproven = seesUnproven;
  }

  get #rows(): Rows {
    return Rows.ofDeployment(this.#store, 'tenants');
  }

  /** At once when it was read of late. undefined: also one whose domain is not proven, which is to be as unknown as any other. */
  find(domain: string): Promise<Tenant | undefined> | Tenant | undefined {
    const found = this.findAny(domain);
    if (found instanceof Promise) return found.then((tenant) => this.#served(tenant));
    return this.#served(found);
  }

  #served(tenant: Tenant | undefined): Tenant | undefined {
    return tenant?.isUnproven && !this.#seesUnproven ? undefined : tenant;
  }

  /** The same, proven or not. */
  findAny(domain: string): Promise<Tenant | undefined> | Tenant | undefined {
    const now = this.#clock.monotonic();
    if (now - this.#checkedMs >= runtimeLimits.tenantCacheMs) return this.#findChecked(domain);
    const cached = this.#cache.get(domain);
    return cached && cached.untilMs > now ? cached.tenant : this.#read(domain);
  }

  async #findChecked(domain: string): Promise<Tenant | undefined> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    await this.#checking;
    return this.findAny(domain);
  }

  /** Rows that were read before the counter grew may be old. */
  async #check(): Promise<void> {
    const begunMs = this.#clock.monotonic();
    const found = (await this.#rows.get(changes))?.value ?? 0;
    if (found !== this.#changes) this.#forgetAll();
    this.#changes = found;
    this.#checkedMs = begunMs;
  }

  /** One read for all who ask meanwhile. What was written since is not covered by what was read before. */
  #read(domain: string): Promise<Tenant | undefined> {
    const running = this.#reading.get(domain);
    if (running !== undefined) return running;
    const reading = this.#readRow(domain).then((tenant) => {
      if (this.#reading.get(domain) === reading) this.#remember(domain, tenant);
      return tenant;
    });
    this.#reading.set(domain, reading);
    const done = () => {
      if (this.#reading.get(domain) === reading) this.#reading.delete(domain);
    };
    reading.then(done, done);
    return reading;
  }

  async #readRow(domain: string): Promise<Tenant | undefined> {
    const item = await this.#rows.get(tenants, domain);
    return item && tenantOf(item.value);
  }

  #remember(domain: string, tenant: Tenant | undefined): void {
    if (this.#cache.size >= runtimeLimits.tenantCacheMax) this.#cache.clear();
    this.#cache.set(domain, { tenant, untilMs: this.#clock.monotonic() + runtimeLimits.tenantKeepMs });
  }

  /** At once when the rows were read of late. undefined: a domain that this deployment does not serve. */
  place(domain: string): Promise<Place | undefined> | Place | undefined {
    const tenant = this.find(domain);
    if (tenant instanceof Promise) return tenant.then((found) => (found ? placeOf(found) : this.#placeBelow(domain)));
    return tenant === undefined ? this.#placeBelow(domain) : placeOf(tenant);
  }

  #placeBelow(domain: string): Promise<Place | undefined> | Place | undefined {
    const dot = domain.indexOf('.');
    if (dot <= 0) return undefined;
    const host = this.find(domain.slice(dot + 1));
    if (host instanceof Promise) return host.then((found) => found && serviceOf(found, domain));
    return host === undefined ? undefined : serviceOf(host, domain);
  }

  /** @param policy what it says of keys other than their presets. @throws {Conflict} when the domain is a tenant already */
  async add(domain: string, policy: PolicyChange, cell?: string, isUnproven = false): Promise<Tenant> {
    const row: TenantRow = {
      domain,
      createdAt: new Date(this.#clock.now()).toISOString(),
      policy,
      secret: this.#clock.randomBytes(32).toString('base64'),
      ...(cell !== undefined && { cell }),
      ...(isUnproven && { isUnproven }),
    };
    await this.#rows.put(tenants, domain, row, 'absent');
    await this.#tell();
    return tenantOf(row);
  }

  /**
   * Changes keys of the policy and leaves the others, also those that this program does not know.
   * @returns the tenant as it now is; undefined when there is none
   * @throws {Conflict} when the policy does not have the version that is given
   */
  async setPolicy(domain: string, change: PolicyChange, onlyVersion?: number): Promise<Tenant | undefined> {
    const left = await update(this.#rows, tenants, domain, (row) => {
      const policyVersion = row?.policyVersion ?? 0;
      if (row === undefined) return undefined;
      if (onlyVersion !== undefined && onlyVersion !== policyVersion)
        throw new Conflict(`the policy has version ${policyVersion}`);
      return { ...row, policy: { ...row.policy, ...change }, policyVersion: policyVersion + 1 };
    });
    await this.#tell();
    return left && tenantOf(left);
  }

  /** @returns the tenant as it now is; undefined when there is none */
  async setComponents(
    domain: string,
    change: (components: readonly Component[]) => readonly Component[],
  ): Promise<Tenant | undefined> {
    const left = await update(this.#rows, tenants, domain, (row) => row && { ...row, components: change(row.components ?? []) });
    await this.#tell();
    return left && tenantOf(left);
  }

  /** @returns the tenant as it is then; undefined when there is none */
  async setHooks(domain: string, change: (hooks: readonly Hook[]) => readonly Hook[]): Promise<Tenant | undefined> {
    const left = await update(this.#rows, tenants, domain, (row) => row && { ...row, hooks: change(row.hooks ?? []) });
    await this.#tell();
    return left && tenantOf(left);
  }

  /** @param change gets the groups and returns the new ones; the same ones: nothing is written. @returns the tenant as it is then */
  async setRosterGroups(
    domain: string,
    change: (groups: readonly RosterGroup[]) => readonly RosterGroup[],
  ): Promise<Tenant | undefined> {
    const left = await update(this.#rows, tenants, domain, (row) => {
      const before = row?.rosterGroups?.groups ?? [];
      const groups = change(before);
      if (row === undefined || groups === before) return row;
      return { ...row, rosterGroups: { groups, changedMs: this.#clock.now() } };
    });
    await this.#tell();
    return left && tenantOf(left);
  }

  /** @param motd absent: there is none any more. @returns the tenant as it was before; undefined when there is none */
  async setMotd(domain: string, motd: Motd | undefined): Promise<Tenant | undefined> {
    let before: TenantRow | undefined;
    await update(this.#rows, tenants, domain, (row) => {
      before = row;
      return row && { ...row, motd };
    });
    await this.#tell();
    return before && tenantOf(before);
  }

  /** It is served from now on. @returns the tenant as it is then; undefined when there is none */
  async setProven(domain: string): Promise<Tenant | undefined> {
    const left = await update(this.#rows, tenants, domain, (row) => (row?.isUnproven ? { ...row, isUnproven: undefined } : row));
    await this.#tell();
    return left && tenantOf(left);
  }

  /** This one, and not a later one of the same domain. Its rows stay until they are erased. @returns whether it was there */
  async remove({ domain, secret }: Tenant): Promise<boolean> {
    const left = await update(this.#rows, tenants, domain, (there) => (there?.secret === secret ? undefined : there));
    await this.#tell();
    return left === undefined;
  }

  /** Behind a change. If this process dies before, others see the change after `tenantKeepMs`. */
  async #tell(): Promise<void> {
    this.#forgetAll();
    await this.#rows.add(changes, 1);
  }

  #forgetAll(): void {
    this.#cache.clear();
    this.#reading.clear();
  }

  /** Also those that are not proven. */
  async list(limit: number, after?: string): Promise<Tenant[]> {
    return (await this.#rows.list(tenants, { limit, after })).map((item) => tenantOf(item.value));
  }
}
