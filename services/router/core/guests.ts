/**
 * Guests: accounts without a password, which end with their session (RFC 4505). What they may do is declared where it is done: requests to
 * their own account and to the domain are refused unless the route says `forGuests`.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { isGuestName } from '../../../lib/runtime/guest-names.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from './account.ts';
import type { Dependencies } from './dependencies.ts';

export interface GuestRow {
  /** Stands for the network that they come from, and does not say which it is. */
  readonly network: string;
  readonly sinceMs: number;
  /** When their rows were erased. Requests that were under way may have written some again. */
  readonly endedMs?: number;
}

/** By local part. */
export const guests = collection<GuestRow>('guest', 'tenant');
/** The tenants that have guests, by domain. The value has no meaning. */
export const guestTenants = collection<string>('guests', 'deployment');

export function guestRows({ store }: Dependencies, domain: string): Rows {
  return Rows.ofTenant(store, domain);
}

export function guestTenantRows({ store }: Pick<Dependencies, 'store'>): Rows {
  return Rows.ofDeployment(store, 'guests');
}

export function isGuest({ tenant, local }: Pick<Account, 'tenant' | 'local'>): boolean {
  return isGuestName(tenant, local);
}

/** @param route of a request that the account has made. @throws {StanzaError} */
export function checkGuest(account: Account | undefined, route: { readonly forGuests?: true }): void {
  if (account === undefined || route.forGuests || !isGuest(account)) return;
  throw new StanzaError('not-allowed', 'guests cannot ask for this');
}
