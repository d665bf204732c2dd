/** How an account is made, by an operator or by whoever registers for it (XEP-0077). */
import { Conflict } from '../../../lib/ports/store.ts';
import { findRemoval, removalName } from '../../../lib/runtime/removals.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { createAccount, deleteAccountRow, findAccount, LookTaken, unlistAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { jwtLimits } from '../sasl/limits.ts';
import { deriveKeys } from '../sasl/passwords.ts';

/**
 * @param network of somebody who registers for an account: it bounds their share of the work, and their name must not look like
 *   another's
 * @throws {InvalidPassword}
 * @throws {Overloaded}
 */
export async function addAccount(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  password: string,
  network?: string,
): Promise<'added' | 'exists' | 'alike' | 'leaving'> {
  const { store, clock } = dependencies;
  const { domain } = tenant;
  const name = removalName(tenant, local);
  if (await findAccount(store, domain, local)) return 'exists';
  if (await findRemoval(store, name)) return 'leaving';
  const scram = await deriveKeys(password, clock, (work) =>
    dependencies.shares.newPasswords.run([domain, network ?? 'operators'], work),
  );
  const incarnation = clock.randomBytes(jwtLimits.incarnationBytes).toString('base64url');
  try {
    const row = { createdAt: new Date(clock.now()).toISOString(), incarnation, scram };
    await createAccount(store, domain, local, row, { isUnlikeOthers: network !== undefined });
  } catch (error) {
    if (error instanceof Conflict) return 'exists';
    if (error instanceof LookTaken) return 'alike';
    throw error;
  }
  // A removal that ran meanwhile may have taken the new row along, or still be about to.
  const isLeaving = (await findRemoval(store, name)) ?? (await findRemoval(store, domain));
  if (!isLeaving && (await findAccount(store, domain, local))?.incarnation === incarnation) return 'added';
  await deleteAccountRow(store, domain, local);
  await unlistAccount(store, domain, local);
  return 'leaving';
}
