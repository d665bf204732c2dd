/**
 * Roles of accounts (lib/runtime/rights.ts). The row of the account is what counts. Beside it stands a list of who has a role, one row for each
 * tenant and one for the deployment, by which they are found; it is changed first, so that of two who give up the last two roles of owners at
 * once, one is refused.
 */
import { Conflict, type Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { covers, type Held, isDeploymentRole, type Role, rightsOf } from '../../../lib/runtime/rights.ts';
import { Rows, singleRows } from '../../../lib/runtime/rows.ts';
import { update } from '../../../lib/runtime/update.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { findAccount } from './accounts.ts';
import { roleLimits } from './limits.ts';

export interface Holder extends Held {
  /** When the role was given. */
  readonly since: string;
}

type Holders = Readonly<Record<string, Holder>>;

const roles = collection<Held>('role', 'account');
const ofTenant = collection<Holders>('roleHolders', 'tenant');
const ofDeployment = collection<Holders>('roleHolders', 'deployment');

const nobody: Held = { role: 'none' };

/** The roles that somebody has to have, as long as anybody has. */
const lasting: readonly Role[] = ['owner', 'deployment-owner'];

/** Thrown when the role cannot be given or taken. The message is a sentence for people. */
export class RoleRefused extends Error {
  override name = 'RoleRefused';
}

/** Where the list of a role stands, and how it names an account. */
function placeOf(store: Store, domain: string, local: string, role: Role) {
  return isDeploymentRole(role)
    ? { rows: Rows.ofDeployment(store, 'roles'), list: ofDeployment, name: `${Jid.of(local, domain)}` }
    : { rows: Rows.ofTenant(store, domain), list: ofTenant, name: local };
}

export async function heldBy(store: Store, domain: string, local: string): Promise<Held> {
  return (await Rows.ofAccount(store, domain, local).get(roles))?.value ?? nobody;
}

/** The same of a page of accounts, by one read. */
export async function heldByEach(store: Store, accounts: readonly Rows[]): Promise<Held[]> {
  return (await singleRows(store, accounts, roles)).map((held) => held ?? nobody);
}

/** The version of the row, on which a write can depend; undefined: there is none. */
export async function roleVersion(store: Store, domain: string, local: string): Promise<string | undefined> {
  return (await Rows.ofAccount(store, domain, local).get(roles))?.version;
}

/** Those who have a role over the tenant, by local part. */
export async function holdersOf(store: Store, domain: string): Promise<Holders> {
  return (await Rows.ofTenant(store, domain).get(ofTenant))?.value ?? {};
}

/** Those who have a role over the deployment, by bare address. */
export async function operatorsOf(store: Store): Promise<Holders> {
  return (await Rows.ofDeployment(store, 'roles').get(ofDeployment))?.value ?? {};
}

/**
 * @param seen the version of the row of the role, where it must not have changed since; `none`: there was no such row
 * @returns what they had before. @throws {RoleRefused} @throws {Conflict} when it has changed
 */
export async function setRole(
  store: Store,
  { domain, local, since }: { readonly domain: string; readonly local: string; readonly since: string },
  next: Held,
  seen?: string,
): Promise<Held> {
  const rows = Rows.ofAccount(store, domain, local);
  const found = await rows.get(roles);
  if (seen !== undefined && (found?.version ?? 'none') !== seen) throw new Conflict('the role was changed');
  const before = found?.value ?? nobody;
  const { role, hasContent } = next;
  const [from, to] = [placeOf(store, domain, local, before.role), placeOf(store, domain, local, role)];
  const isLosing = lasting.includes(before.role) && !covers(rightsOf({ role }), rightsOf({ role: before.role }));
  const others = isLosing ? await othersWith(store, domain, local, before.role) : [];
  const check = (there: Holders) => isLosing && checkStays(there, others, from.name, before.role);
  if (from.list !== to.list) await change(from, undefined, check);
  await change(to, role === 'none' ? undefined : { role, ...(hasContent && { hasContent }), since }, (there) => {
    if (from.list === to.list) check(there);
  });
  // Nobody else has changed it meanwhile: what stands in the log as before is what was there.
  const condition = found === undefined ? 'absent' : { version: found.version };
  if (role !== 'none') await rows.put(roles, '', { role, ...(hasContent && { hasContent }) }, condition);
  else if (found !== undefined) await rows.delete(roles, '', { version: found.version });
  return before;
}

/** Lists an account whose role is from before there were lists. */
export async function listHolder(
  store: Store,
  { domain, local }: { domain: string; local: string },
  { role, hasContent }: Held,
  since: string,
) {
  const place = placeOf(store, domain, local, role);
  const there = (await place.rows.get(place.list))?.value ?? {};
  if (there[place.name] === undefined) await change(place, { role, ...(hasContent && { hasContent }), since });
}

/** @param next absent: the account leaves the list. @param check may throw */
async function change(
  { rows, list, name }: ReturnType<typeof placeOf>,
  next: Holder | undefined,
  check: (there: Holders) => void = () => {},
): Promise<void> {
  await update(rows, list, '', (there) => {
    if (next === undefined && there?.[name] === undefined) return there;
    const { [name]: _, ...others } = there ?? {};
    check(there ?? {});
    if (next === undefined) return Object.keys(others).length === 0 ? undefined : others;
    if (Object.keys(others).length >= roleLimits.holdersMax)
      throw new RoleRefused(`${roleLimits.holdersMax} accounts have a role already, and more are not allowed`);
    return { ...others, [name]: next };
  });
}

/** @throws {RoleRefused} */
function checkStays(there: Holders, others: readonly string[], name: string, role: Role): void {
  if (Object.keys(there).some((one) => one !== name && others.includes(one))) return;
  throw new RoleRefused(`'${name}' is the last ${role} of those that are let in; make somebody else one first`);
}

/** The other accounts with a role that are let in: the list alone may be ahead of their rows. */
async function othersWith(store: Store, domain: string, local: string, role: Role): Promise<string[]> {
  const { rows, list, name } = placeOf(store, domain, local, role);
  const listed = Object.entries((await rows.get(list))?.value ?? {});
  const found = await Promise.all(
    listed.map(async ([other, { role: has }]) => {
      if (other === name || has !== role) return [];
      const jid = isDeploymentRole(role) ? Jid.parse(other) : Jid.of(other, domain);
      const [account, held] = await Promise.all([
        findAccount(store, jid.domain, jid.local),
        heldBy(store, jid.domain, jid.local),
      ]);
      return account !== undefined && !account.isDisabled && held.role === role ? [other] : [];
    }),
  );
  return found.flat();
}

/** Is it an owner, and no other owner of the same kind is let in? */
export async function isLastOwner(store: Store, domain: string, local: string): Promise<boolean> {
  const { role } = await heldBy(store, domain, local);
  return lasting.includes(role) && (await othersWith(store, domain, local, role)).length === 0;
}

/** The account is removed: it stands in no list any more. */
export async function forgetRole(store: Store, domain: string, local: string): Promise<void> {
  const { role } = await heldBy(store, domain, local);
  if (role !== 'none') await change(placeOf(store, domain, local, role), undefined);
}
