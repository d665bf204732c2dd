/**
 * Links by which somebody sets a new password for an account, once. The row's key is a digest of the token. A link ends with the account, and
 * with the password that the account had when the link was made.
 */
import { Conflict } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { linkId } from '../../../lib/runtime/invite-wire.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type AccountRow, findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { passwordMark } from '../sasl/tokens.ts';
import { inviteLimits } from './limits.ts';

export interface Reset {
  readonly local: string;
  readonly incarnation: string | undefined;
  /** {@link passwordMark} */
  readonly password: string;
  readonly expiresMs: number;
}

const resets = collection<Reset>('passwordReset', 'tenant');

/** @returns the token, which is kept nowhere. @throws {Unavailable} */
export async function createReset(
  { store, clock }: Dependencies,
  { domain }: Tenant,
  local: string,
  account: AccountRow,
): Promise<{ readonly token: string; readonly expiresMs: number }> {
  const token = clock.randomBytes(runtimeLimits.inviteTokenBytes).toString('hex');
  const expiresMs = clock.now() + inviteLimits.resetLinkMs;
  const row = { local, incarnation: account.incarnation, password: passwordMark(account), expiresMs };
  await Rows.ofTenant(store, domain).put(resets, linkId('reset', token), row, 'absent', expiresMs);
  return { token, expiresMs };
}

/** @returns undefined when the link is unknown, used, or over */
export async function findReset(
  { store, clock }: Dependencies,
  { domain }: Tenant,
  id: string,
): Promise<Item<Reset> | undefined> {
  const found = await Rows.ofTenant(store, domain).get(resets, id);
  if (found === undefined || found.value.expiresMs <= clock.now()) return undefined;
  const { local, incarnation, password } = found.value;
  const account = await findAccount(store, domain, local);
  const isSame = account !== undefined && account.incarnation === incarnation && passwordMark(account) === password;
  return isSame ? found : undefined;
}

/** Uses the link up: of several who try at the same time, one wins. */
export async function takeReset({ store }: Dependencies, { domain }: Tenant, { key, version }: Item<Reset>): Promise<boolean> {
  try {
    return await Rows.ofTenant(store, domain).delete(resets, key, { version });
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}
