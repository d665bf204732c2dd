/** How an account is made, by an operator, by whoever registers for it (XEP-0077), or by an invite (XEP-0401). */
import { Conflict } from '../../../lib/ports/store.ts';
import { findRemoval, removalName } from '../../../lib/runtime/removals.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { isFull, isOverfull } from '../core/account-quota.ts';
import {
  type AccountRow,
  createAccount,
  deleteAccountRow,
  findAccount,
  isUnfurnished,
  LookTaken,
  unlistAccount,
} from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { tellOfAccount } from '../core/events.ts';
import { finishInvited } from '../invites/befriend.ts';
import { endUse, takeUse } from '../invites/invites.ts';
import { isReservedForOther } from '../invites/reservations.ts';
import { jwtLimits } from '../sasl/limits.ts';
import { deriveKeys } from '../sasl/passwords.ts';
import { furnish } from './newcomer.ts';

export interface AccountOrigin {
  /** Where somebody comes from who registers: it bounds their share of the work. */
  readonly network?: string | undefined;
  /** True: the name must not look like another's. */
  readonly isUnlikeOthers?: boolean;
  /** The invite by which they come. */
  readonly invite?: string | undefined;
}

/** `used`: the invite has no use left. `full`: the tenant has as many accounts as its policy lets it have. */
export type Added = 'added' | 'exists' | 'reserved' | 'alike' | 'leaving' | 'used' | 'full';

/**
 * @throws {InvalidPassword}
 * @throws {Overloaded}
 */
export async function addAccount(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  password: string,
  origin: AccountOrigin = {},
): Promise<Added> {
  const { clock, shares } = dependencies;
  const queued = [tenant.domain, origin.network ?? 'operators'] as const;
  const derive = () => deriveKeys(password, clock, (work) => shares.newPasswords.run(queued, work));
  return add(dependencies, tenant, local, async () => ({ scram: await derive(), isUnfurnished: isUnfurnished(tenant) }), origin);
}

/** Makes an account of which the rest follows: nobody is let in before, and it has what its file gives it instead of what newcomers get. */
export async function addArriving(dependencies: Dependencies, tenant: Tenant, local: string): Promise<Added> {
  return add(dependencies, tenant, local, async () => ({ scram: {}, isDisabled: true, isArriving: true }), {});
}

type Begun = Pick<AccountRow, 'scram' | 'isDisabled' | 'isArriving' | 'isUnfurnished'>;

async function add(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  begin: () => Promise<Begun>,
  { invite, isUnlikeOthers = false }: AccountOrigin,
): Promise<Added> {
  const { store, clock } = dependencies;
  const { domain } = tenant;
  const name = removalName(tenant, local);
  if (await findAccount(store, domain, local)) return 'exists';
  if (await findRemoval(store, name)) return 'leaving';
  if (await isReservedForOther(dependencies, tenant, local, invite)) return 'reserved';
  if (await isFull(store, tenant, local)) return 'full';
  const begun = await begin();
  const incarnation = clock.randomBytes(jwtLimits.incarnationBytes).toString('base64url');
  const use = { who: local, incarnation, atMs: clock.now() };
  if (invite !== undefined && !(await takeUse(dependencies, tenant, invite, use))) return 'used';
  const row: AccountRow = {
    createdAt: new Date(use.atMs).toISOString(),
    incarnation,
    ...begun,
    invitedBy: invite,
  };
  const told = { type: 'account.added', data: { jid: `${Jid.of(local, domain)}` }, ifAccount: { local, incarnation } } as const;
  const write = () => writeAccount(dependencies, tenant, local, row, isUnlikeOthers);
  const outcome = await tellOfAccount(dependencies, tenant, told, write, (added) => added === 'added');
  if (invite !== undefined && outcome !== 'added') await endUse(dependencies, tenant, invite, use, false);
  if (outcome === 'added') {
    await finishInvited(dependencies, tenant, local, row);
    await furnish(dependencies, tenant, local, row);
  }
  return outcome;
}

async function writeAccount(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  row: AccountRow,
  isUnlikeOthers: boolean,
): Promise<Added> {
  const { store } = dependencies;
  const { domain } = tenant;
  try {
    await createAccount(store, domain, local, row, { isUnlikeOthers });
  } catch (error) {
    if (error instanceof Conflict) return 'exists';
    if (error instanceof LookTaken) return 'alike';
    throw error;
  }
  // A removal that ran meanwhile may have taken the new row along, or still be about to. The name may have been reserved, and others
  // may have been made at the same time.
  const isLeaving = (await findRemoval(store, removalName(tenant, local))) ?? (await findRemoval(store, domain));
  const isReserved = await isReservedForOther(dependencies, tenant, local, row.invitedBy);
  const isTooMany = await isOverfull(store, tenant, local);
  const isThere = (await findAccount(store, domain, local))?.incarnation === row.incarnation;
  if (!isLeaving && !isReserved && !isTooMany && isThere) return 'added';
  await deleteAccountRow(store, domain, local);
  await unlistAccount(store, domain, local);
  if (isTooMany) return 'full';
  return isReserved ? 'reserved' : 'leaving';
}
