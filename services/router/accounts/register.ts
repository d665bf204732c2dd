/** How somebody registers an account for themselves: by XEP-0077, with or without an invite, or on the page of an invite. */
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { mixesScripts } from '../../../lib/xmpp/look-alike.ts';
import { fullText } from '../core/account-quota.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { isReserved } from '../core/reserved-names.ts';
import type { Invite } from '../invites/invites.ts';
import { prepareName } from '../sasl/credentials.ts';
import { InvalidPassword } from '../sasl/passwords.ts';
import { type Added, addAccount } from './add-account.ts';
import { giveBackRegistration, takeRegistration } from './daily-registrations.ts';

export interface Registration {
  readonly username: string | null | undefined;
  readonly password: string | null | undefined;
  readonly network: string;
  readonly invite?: { readonly id: string; readonly invite: Pick<Invite, 'name'> } | undefined;
}

/** `name`: no account can have it. `taken`: it is not free. `link`: the invite is used up. `busy`, `full`: it may work later. */
export type Refused = 'name' | 'taken' | 'password' | 'link' | 'busy' | 'full';

/** Thrown when the account cannot be made. The message is a sentence for people. */
export class NotRegistered extends Error {
  override name = 'NotRegistered';
  readonly reason: Refused;

  constructor(reason: Refused, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** @returns the local part of the new account. @throws {NotRegistered} @throws {Unavailable} */
export async function register(
  dependencies: Dependencies,
  tenant: Tenant,
  { username, password, network, invite }: Registration,
): Promise<string> {
  if (!username || !password) throw new NotRegistered(username ? 'password' : 'name', 'a user name and a password are required');
  const local = prepareName(username, tenant);
  if (local === undefined) throw new NotRegistered('name', `'${username.slice(0, 64)}' cannot be a user name`);
  const given = invite?.invite.name;
  if (given !== undefined && local !== given) throw new NotRegistered('name', `this invite is for the name '${given}'`);
  // Whoever made the invite has chosen the name that it has.
  if (given === undefined) checkName(local);
  if (dependencies.store.isShort) throw new NotRegistered('full', 'the server cannot store new accounts now; try again later');
  if (!dependencies.shares.mayRegister(tenant.domain, network)) {
    throw new NotRegistered('busy', `too many accounts are being made at ${tenant.domain}; try again in a moment`);
  }
  if (invite === undefined && !(await takeRegistration(dependencies, tenant, network))) {
    throw new NotRegistered('busy', `as many accounts were made at ${tenant.domain} today as may be; try again tomorrow`);
  }
  const origin = { network, invite: invite?.id, isUnlikeOthers: given === undefined };
  let outcome: Added | undefined;
  try {
    outcome = await checked(() => addAccount(dependencies, tenant, local, password, origin));
  } finally {
    if (invite === undefined && outcome !== 'added') await giveBackRegistration(dependencies, tenant, network);
  }
  switch (outcome) {
    case 'added':
      return local;
    case 'used':
      throw new NotRegistered('link', 'the invite is not valid');
    case 'alike':
      throw new NotRegistered('taken', `'${local}' looks like a name that is taken`);
    case 'full':
      throw new NotRegistered('full', fullText(tenant));
    case 'leaving':
      throw new NotRegistered('taken', 'this address is being removed; it is free again in a while');
    default:
      throw new NotRegistered('taken', `'${local}' is taken`);
  }
}

/** @throws {NotRegistered} */
export function checkName(local: string): void {
  if (isReserved(local)) throw new NotRegistered('name', `'${local}' is reserved; only an operator can add such an account`);
  if (mixesScripts(local)) throw new NotRegistered('name', 'a user name must not mix letters of several scripts');
}

/** Translates the errors of deriving keys. @throws {NotRegistered} */
export async function checked<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InvalidPassword) throw new NotRegistered('password', error.message);
    if (error instanceof Overloaded) throw new NotRegistered('busy', 'too many requests; try again in a moment');
    throw error;
  }
}
