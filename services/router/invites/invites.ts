/**
 * Invites (XEP-0401): a token lets whoever has it make an account (XEP-0445), or become a contact of the account that made it (XEP-0379).
 * The row's key is a digest of the token, so a copy of the rows brings nobody in. Each owner has a row that names its invites and bounds them.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { linkId } from '../../../lib/runtime/invite-wire.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { inviteLimits } from './limits.ts';
import { freeName, reserveName } from './reservations.ts';

/** Somebody whom the invite has brought, or who has begun to come by it. */
export interface InviteUse {
  /** The local part of a new account, or the bare JID of a contact. */
  readonly who: string;
  /** {@link AccountRow.incarnation} of the account. */
  readonly incarnation?: string | undefined;
  readonly atMs: number;
  /** Absent: the account may not have been made yet, or the contact may not be on the roster. */
  readonly isDone?: true;
}

export interface Inviter {
  readonly local: string;
  readonly incarnation: string | undefined;
}

export interface Invite {
  readonly createdAt: string;
  readonly expiresMs: number;
  /** The account that made it. Absent: an operator, a key of the API, or an admin for the tenant. */
  readonly by?: Inviter | undefined;
  /** True: whoever makes an account by it, or asks `by` for a subscription with it, becomes a contact of `by`. */
  readonly befriends?: true | undefined;
  /** The only name that the account can have. It is reserved. */
  readonly name?: string | undefined;
  readonly usesMax: number;
  readonly uses: readonly InviteUse[];
}

const invites = collection<Invite>('invite', 'tenant');

interface Listed {
  readonly id: string;
  readonly expiresMs: number;
}

const ofAccount = collection<readonly Listed[]>('invited', 'account');
const ofTenant = collection<readonly Listed[]>('tenantInvited', 'tenant');

function rowsOf({ store }: Pick<Dependencies, 'store'>, { domain }: Pick<Tenant, 'domain'>): Rows {
  return Rows.ofTenant(store, domain);
}

/** Thrown when an invite cannot be made. */
export class NoInvite extends Error {
  override name = 'NoInvite';
  readonly reason: 'many' | 'taken';

  /** @param reason `many`: the owner has as many as it may have. `taken`: the name is an account's, or reserved */
  constructor(reason: 'many' | 'taken', message: string) {
    super(message);
    this.reason = reason;
  }
}

export type Wanted = Pick<Invite, 'by' | 'befriends' | 'name' | 'usesMax'> & { readonly lastsMs: number };

/** @returns the token, which is kept nowhere. @throws {NoInvite} @throws {Unavailable} */
export async function createInvite(
  dependencies: Dependencies,
  tenant: Tenant,
  { lastsMs, ...wanted }: Wanted,
): Promise<{ readonly token: string; readonly id: string; readonly invite: Invite }> {
  const nowMs = dependencies.clock.now();
  const token = dependencies.clock.randomBytes(runtimeLimits.inviteTokenBytes).toString('hex');
  const id = linkId('invite', token);
  const invite: Invite = { createdAt: new Date(nowMs).toISOString(), expiresMs: nowMs + lastsMs, ...wanted, uses: [] };
  await enlist(dependencies, tenant, id, invite);
  const { name, expiresMs } = invite;
  if (name !== undefined && !(await reserveName(dependencies, tenant, name, { id, expiresMs }))) {
    await unlist(dependencies, tenant, id, invite);
    throw new NoInvite('taken', `'${name}' is taken`);
  }
  await rowsOf(dependencies, tenant).put(invites, id, invite, 'absent', expiresMs + inviteLimits.graceMs);
  return { token, id, invite };
}

async function enlist(dependencies: Dependencies, tenant: Tenant, id: string, { by, expiresMs }: Invite): Promise<void> {
  const { store, clock } = dependencies;
  const [rows, list, max] = by
    ? ([Rows.ofAccount(store, tenant.domain, by.local), ofAccount, inviteLimits.perAccountMax] as const)
    : ([rowsOf(dependencies, tenant), ofTenant, inviteLimits.perTenantMax] as const);
  await update(rows, list, '', (there = []) => {
    const lasting = there.filter((one) => one.expiresMs > clock.now());
    if (lasting.length >= max) throw new NoInvite('many', `there are ${max} invites already; revoke one that is not needed`);
    return [...lasting, { id, expiresMs }];
  });
}

async function unlist(
  dependencies: Pick<Dependencies, 'store'>,
  tenant: Tenant,
  id: string,
  { by }: Pick<Invite, 'by'>,
): Promise<void> {
  const without = (there: readonly Listed[] | undefined) =>
    there?.some((one) => one.id === id) ? there.filter((one) => one.id !== id) : there;
  if (by) await update(Rows.ofAccount(dependencies.store, tenant.domain, by.local), ofAccount, '', without);
  else await update(rowsOf(dependencies, tenant), ofTenant, '', without);
}

/** An invite that can be used now. @returns undefined when it is unknown, used up, over, or whoever made it may not invite any more */
export async function findInvite(dependencies: Dependencies, tenant: Tenant, id: string): Promise<Invite | undefined> {
  const invite = (await rowsOf(dependencies, tenant).get(invites, id))?.value;
  if (invite === undefined || invite.expiresMs <= dependencies.clock.now()) return undefined;
  if (tenant.policy.invites === 'nobody' || !(await isInviterThere(dependencies, tenant, invite))) return undefined;
  return (await countUses(dependencies, tenant, invite)) < invite.usesMax ? invite : undefined;
}

async function isInviterThere({ store }: Dependencies, { domain }: Tenant, { by }: Invite): Promise<boolean> {
  if (by === undefined) return true;
  const account = await findAccount(store, domain, by.local);
  return account !== undefined && account.incarnation === by.incarnation && account.isDisabled !== true;
}

async function countUses(dependencies: Dependencies, tenant: Tenant, { uses }: Invite): Promise<number> {
  const abandoned = await abandonedUses(dependencies, tenant, uses);
  return uses.filter((use) => !abandoned.has(keyOf(use))).length;
}

/** Uses of new accounts that somebody began long ago, or that a process did that has died, and that no account has come of. */
async function abandonedUses(
  { store, clock }: Dependencies,
  { domain }: Tenant,
  uses: readonly InviteUse[],
): Promise<ReadonlySet<string>> {
  const isOpen = ({ isDone, incarnation, atMs }: InviteUse) =>
    !isDone && incarnation !== undefined && clock.now() - atMs > inviteLimits.useMs;
  const open = uses.filter(isOpen);
  const there = await Promise.all(
    open.map(async ({ who, incarnation }) => (await findAccount(store, domain, who))?.incarnation === incarnation),
  );
  return new Set(open.flatMap((use, index) => (there[index] ? [] : [keyOf(use)])));
}

function keyOf({ who, incarnation, atMs }: InviteUse): string {
  return `${who} ${incarnation ?? atMs}`;
}

function isOfSameContact(one: InviteUse, other: InviteUse): boolean {
  return one.who === other.who && one.incarnation === undefined && other.incarnation === undefined;
}

/**
 * Takes one use: of several who try at the same time, no more get one than there are. Whether the invite has expired was looked at before
 * (XEP-0445 §4).
 * @returns the invite; undefined when it has none left
 */
export async function takeUse(
  dependencies: Dependencies,
  tenant: Tenant,
  id: string,
  use: InviteUse,
): Promise<Invite | undefined> {
  const rows = rowsOf(dependencies, tenant);
  const found = (await rows.get(invites, id))?.value;
  if (found === undefined) return undefined;
  const abandoned = await abandonedUses(dependencies, tenant, found.uses);
  let hasTaken = false;
  const after = await update(
    rows,
    invites,
    id,
    (there) => {
      hasTaken = false;
      if (there === undefined) return undefined;
      const isOver = (one: InviteUse) => abandoned.has(keyOf(one)) || (isOfSameContact(one, use) && !one.isDone);
      const uses = there.uses.filter((one) => keyOf(one) === keyOf(use) || !isOver(one));
      hasTaken = uses.some((one) => keyOf(one) === keyOf(use));
      if (hasTaken || uses.length >= there.usesMax) return there;
      hasTaken = true;
      return { ...there, uses: [...uses, use] };
    },
    found.expiresMs + inviteLimits.graceMs,
  );
  return hasTaken ? after : undefined;
}

/** Notes that a use has brought its account or contact, or gives the use back. */
export async function endUse(
  dependencies: Pick<Dependencies, 'store'>,
  tenant: Tenant,
  id: string,
  use: InviteUse,
  isDone: boolean,
): Promise<void> {
  const rows = rowsOf(dependencies, tenant);
  const found = (await rows.get(invites, id))?.value;
  if (found === undefined) return;
  const change = (there: Invite | undefined): Invite | undefined => {
    const at = there?.uses.findIndex((one) => keyOf(one) === keyOf(use)) ?? -1;
    if (there === undefined || at < 0 || (isDone && there.uses[at]!.isDone)) return there;
    return { ...there, uses: there.uses.toSpliced(at, 1, ...(isDone ? [{ ...there.uses[at]!, isDone: true as const }] : [])) };
  };
  const after = await update(rows, invites, id, change, found.expiresMs + inviteLimits.graceMs);
  if (after !== undefined && after.uses.filter((one) => one.isDone).length >= after.usesMax) {
    await unlist(dependencies, tenant, id, after);
  }
}

/**
 * Uses an invite of this account for somebody who asks it for a subscription (XEP-0379). Whoever has begun to use it may ask again until they
 * are a contact, because a process may die, or the roster may have no room, after the use was taken.
 * @returns what notes that they are a contact now; undefined when the invite is not good
 */
export async function useForContact(
  dependencies: Dependencies,
  tenant: Tenant,
  id: string,
  { local, contact }: { readonly local: string; readonly contact: string },
): Promise<(() => Promise<void>) | undefined> {
  const nowMs = dependencies.clock.now();
  const row = (await rowsOf(dependencies, tenant).get(invites, id))?.value;
  if (!row?.befriends || row.by?.local !== local) return undefined;
  const now = { who: contact, atMs: nowMs };
  // The request that has just used it may come twice.
  const last = row.uses.find((use) => isOfSameContact(use, now) && nowMs - use.atMs < inviteLimits.useMs);
  const isBegun = nowMs < row.expiresMs && row.uses.some((use) => isOfSameContact(use, now) && !use.isDone);
  if (!last && !isBegun && (await findInvite(dependencies, tenant, id)) === undefined) return undefined;
  const use = last ?? now;
  if (!last && (await takeUse(dependencies, tenant, id, use)) === undefined) return undefined;
  return () => endUse(dependencies, tenant, id, use, true);
}

/** @returns a page of the invites of a tenant, also those that are used up */
export function listInvites(
  dependencies: Pick<Dependencies, 'store'>,
  tenant: Tenant,
  limit: number,
  after?: string,
): Promise<Item<Invite>[]> {
  return rowsOf(dependencies, tenant).list(invites, { limit, ...(after !== undefined && { after }) });
}

/** @returns whether it was there */
export async function revokeInvite(dependencies: Pick<Dependencies, 'store'>, tenant: Tenant, id: string): Promise<boolean> {
  const rows = rowsOf(dependencies, tenant);
  const found = (await rows.get(invites, id))?.value;
  if (found === undefined) return false;
  await rows.delete(invites, id);
  if (found.name !== undefined) await freeName(dependencies, tenant, found.name, id);
  await unlist(dependencies, tenant, id, found);
  return true;
}

/** The invites of an account that is removed end with it. */
export async function revokeInvitesOf(dependencies: Pick<Dependencies, 'store'>, tenant: Tenant, local: string): Promise<void> {
  const listed = (await Rows.ofAccount(dependencies.store, tenant.domain, local).get(ofAccount))?.value ?? [];
  for (const { id } of listed) await revokeInvite(dependencies, tenant, id);
}
