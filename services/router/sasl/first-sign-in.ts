/** Accounts of people whom the tenant's own system vouches for: they appear at the first sign-in, without a password. */
import { Conflict } from '../../../lib/ports/store.ts';
import { findRemoval, removalName } from '../../../lib/runtime/removals.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { fullText, isFull } from '../core/account-quota.ts';
import { type AccountRow, createAccount, findAccount, isUnfurnished } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { tellOfAccount } from '../core/events.ts';
import { jwtLimits } from './limits.ts';

/** @throws {SaslFailure} while the account is being removed, or when the tenant may have no further one */
export async function accountOf(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
): Promise<Pick<AccountRow, 'incarnation' | 'isDisabled'> | undefined> {
  const { store, clock, log } = dependencies;
  const { domain } = tenant;
  const found = await findAccount(store, domain, local);
  if (found) return found;
  if ((await findRemoval(store, removalName(tenant, local))) ?? (await findRemoval(store, domain)))
    throw new SaslFailure('temporary-auth-failure', 'the account is being removed');
  if (await isFull(store, tenant, local)) throw new SaslFailure('not-authorized', fullText(tenant));
  const incarnation = clock.randomBytes(jwtLimits.incarnationBytes).toString('base64url');
  const row = { createdAt: new Date(clock.now()).toISOString(), incarnation, scram: {}, isUnfurnished: isUnfurnished(tenant) };
  const told = { type: 'account.added', data: { jid: `${Jid.of(local, domain)}` }, ifAccount: { local, incarnation } } as const;
  try {
    await tellOfAccount(
      dependencies,
      tenant,
      told,
      () => createAccount(store, domain, local, row),
      () => true,
    );
    log.info({ domain }, 'an account appeared at its first sign-in');
    return { incarnation };
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    return findAccount(store, domain, local); // another router was faster
  }
}
