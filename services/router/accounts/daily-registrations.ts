/** How many accounts were registered today (UTC), of all and by network, where the tenant's policy has a bound (XEP-0077). */
import { collection } from '../../../lib/runtime/collection.ts';
import { isOwnMachine } from '../../../lib/runtime/networks.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { dailyLimits } from './limits.ts';

interface Day {
  /** `2026-11-30` */
  readonly day: string;
  readonly count: number;
  /** By a digest of the network: those with the most. */
  readonly byNetwork: Readonly<Record<string, number>>;
}

/** A single row. */
const registered = collection<Day>('registered', 'tenant', 'live');

/** Takes one of today's. @returns false when there are none left. @throws {Unavailable} */
export async function takeRegistration(dependencies: Dependencies, tenant: Tenant, network: string): Promise<boolean> {
  const { registrationsPerDay, registrationsPerAddress } = tenant.policy;
  if (registrationsPerDay === 0 && registrationsPerAddress === 0) return true;
  let isLeft = false;
  await change(dependencies, tenant, network, (all, own) => {
    const isFull = registrationsPerDay > 0 && all >= registrationsPerDay;
    const isTooMany = registrationsPerAddress > 0 && !isOwnMachine(network) && own >= registrationsPerAddress;
    isLeft = !isFull && !isTooMany;
    return isLeft ? 1 : 0;
  });
  return isLeft;
}

/** Gives one back that has not become an account. @throws {Unavailable} */
export async function giveBackRegistration(dependencies: Dependencies, tenant: Tenant, network: string): Promise<void> {
  const { registrationsPerDay, registrationsPerAddress } = tenant.policy;
  if (registrationsPerDay === 0 && registrationsPerAddress === 0) return;
  await change(dependencies, tenant, network, (all, own) => (all > 0 && own > 0 ? -1 : 0));
}

/** @param by how many more there are, of so many at the tenant and from the network */
async function change(
  { store, clock }: Dependencies,
  tenant: Tenant,
  network: string,
  by: (all: number, own: number) => number,
): Promise<void> {
  const nowMs = clock.timeOfDay();
  const day = new Date(nowMs).toISOString().slice(0, 10);
  const mark = keyedDigest(tenant.secret, 'registration network', network).slice(0, 16);
  const next = (before: Day | undefined): Day | undefined => {
    const { count, byNetwork }: Omit<Day, 'day'> = before?.day === day ? before : { count: 0, byNetwork: {} };
    const own = byNetwork[mark] ?? 0;
    const more = by(count, own);
    return more === 0 ? before : { day, count: count + more, byNetwork: mostOf({ ...byNetwork, [mark]: own + more }) };
  };
  await update(Rows.ofTenant(store, tenant.domain), registered, '', next, nowMs + dailyLimits.keepMs);
}

function mostOf(byNetwork: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const all = Object.entries(byNetwork);
  if (all.length <= dailyLimits.networksMax) return byNetwork;
  return Object.fromEntries(all.sort(([, a], [, b]) => b - a).slice(0, dailyLimits.networksMax));
}
