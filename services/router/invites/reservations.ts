/**
 * Names of accounts that are kept for whoever has an invite (XEP-0401 §5.2), until it is used, revoked or over. Whoever reserves writes first
 * and looks for the account then; whoever makes an account does the reverse, so that of the two at least one sees the other.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { inviteLimits } from './limits.ts';

interface Reservation {
  /** The invite. */
  readonly id: string;
  readonly expiresMs: number;
}

const reservations = collection<Reservation>('reservedName', 'tenant');

/** @returns false when the name is an account's, or reserved for another invite */
export async function reserveName(
  { store, clock }: Dependencies,
  { domain }: Tenant,
  local: string,
  wanted: Reservation,
): Promise<boolean> {
  const rows = Rows.ofTenant(store, domain);
  const change = (there: Reservation | undefined) => (there && there.expiresMs > clock.now() ? there : wanted);
  const expiresAtMs = wanted.expiresMs + inviteLimits.graceMs;
  if ((await update(rows, reservations, local, change, expiresAtMs))?.id !== wanted.id) return false;
  if ((await findAccount(store, domain, local)) === undefined) return true;
  await freeName({ store }, { domain }, local, wanted.id);
  return false;
}

/** @param id of the invite that whoever asks has shown */
export async function isReservedForOther(
  { store, clock }: Dependencies,
  { domain }: Pick<Tenant, 'domain'>,
  local: string,
  id: string | undefined,
): Promise<boolean> {
  const there = (await Rows.ofTenant(store, domain).get(reservations, local))?.value;
  return there !== undefined && there.id !== id && there.expiresMs > clock.now();
}

export async function freeName(
  { store }: Pick<Dependencies, 'store'>,
  { domain }: Pick<Tenant, 'domain'>,
  local: string,
  id: string,
): Promise<void> {
  await update(Rows.ofTenant(store, domain), reservations, local, (there) => (there?.id === id ? undefined : there));
}
