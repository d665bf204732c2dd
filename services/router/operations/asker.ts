/** Who asks for an operation, and whether they may. */

import type { AdminRequest } from '../../../lib/runtime/admin-wire.ts';
import { type ApiKeyRow, findApiKey } from '../../../lib/runtime/api-keys.ts';
import type { ConsoleAsker } from '../../../lib/runtime/console-wire.ts';
import { tooMuchIn } from '../../../lib/runtime/field-rights.ts';
import { covers, type Held, isTenantRight, type Right, type Role, rightsOf, rightTexts } from '../../../lib/runtime/rights.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { heldBy } from '../core/roles.ts';
import { findConsoleSession } from './console-sessions.ts';
import { domainOf, uncached } from './inputs.ts';
import type { Operation } from './operation.ts';
import { Refusal } from './refusal.ts';

export interface Asker {
  /** As the audit log names them. */
  readonly name: string;
  readonly address?: string;
  /** Absent for an operator on this machine, who may do everything. */
  readonly scope?: Scope;
}

export interface Scope {
  /** What has the scope, for messages: `the key`. */
  readonly holder: string;
  /** The only tenant; absent: the whole deployment. */
  readonly domain?: string | undefined;
  readonly rights: readonly Right[];
  /** True: whatever changes something is refused. */
  readonly isReadOnly?: boolean;
  /** Somebody in the console who has not shown of late who they are. */
  readonly isUnproven?: boolean;
}

/** @throws {Refusal} `forbidden`, in the same words whatever is wrong with the key. @throws {Unavailable} */
export async function askerOf(dependencies: Dependencies, { by }: AdminRequest): Promise<Asker> {
  if (by === undefined) return { name: 'operator' };
  if ('session' in by) return holderOf(dependencies, by);
  const key = await findApiKey(dependencies, by.key);
  if (key === undefined || !(await isStillForTenant(dependencies, key))) {
    throw new Refusal('unknown-key', 'the key is not valid: it may be mistyped, expired or removed');
  }
  const { domain, access, hasContent } = key;
  const rights = rightsOf({ role: roleOfKey(key), hasContent });
  const scope: Scope = { holder: 'the key', domain, rights, isReadOnly: access === 'read' };
  return { name: `key ${by.key.id}`, address: by.address, scope };
}

/** Keys from before there were roles may do everything in their scope. */
export function roleOfKey({ domain, role }: Pick<ApiKeyRow, 'domain' | 'role'>): Role {
  return role ?? (domain === undefined ? 'deployment-owner' : 'owner');
}

/** @throws {Refusal} */
async function holderOf(dependencies: Dependencies, { session: digest, address }: ConsoleAsker): Promise<Asker> {
  const found = await findConsoleSession(dependencies, digest);
  if (found === undefined) throw new Refusal('unknown-key', 'the session has ended; sign in again');
  const { name, isProven, domain, rights } = found;
  return { name, address, scope: { holder: 'this session', domain, rights, isUnproven: !isProven } };
}

/** Somebody with a role, by ad-hoc commands of their own domain. */
export function commanderOf(jid: Jid, held: Held): Asker {
  const rights = rightsOf(held).filter(isTenantRight);
  return { name: `${jid.bare}`, scope: { holder: 'your role', domain: jid.domain, rights } };
}

/** A key ends with its tenant, also when a tenant of the same name is added later. */
async function isStillForTenant(dependencies: Dependencies, { domain, tenantSince }: ApiKeyRow): Promise<boolean> {
  if (domain === undefined) return true;
  return (await uncached(dependencies).find(domain))?.createdAt === tenantSince;
}

/** @param input as the operation's schema gives it. @throws {Refusal} `forbidden`, `unproven` */
export async function checkMay(
  dependencies: Dependencies,
  { scope }: Asker,
  operation: Operation,
  input: unknown,
): Promise<void> {
  if (scope === undefined) return;
  const { name, right, http } = operation;
  const { holder, domain, rights } = scope;
  if ('whyNone' in http) throw new Refusal('forbidden', `'${name}' is not for the API`);
  if (scope.isReadOnly && !isRead(operation)) {
    throw new Refusal('forbidden', `${holder} may only read, and '${name}' changes something`);
  }
  if (scope.isUnproven && isGrave(operation)) throw new Refusal('unproven', 'show again who you are before this is done');
  if (domain !== undefined && !isTenantRight(right)) {
    throw new Refusal('forbidden', `${holder} is for tenant '${domain}', and '${name}' is for the whole deployment`);
  }
  if (domain !== undefined && domainOf(input) !== domain) {
    throw new Refusal('forbidden', `${holder} is for tenant '${domain}' only`);
  }
  if (!rights.includes(right)) {
    throw new Refusal('forbidden', `'${name}' needs the right '${right}': to ${rightTexts[right]}; ${holder} does not have it`);
  }
  const tooMuch = tooMuchIn(operation.input, input as object, rights);
  if (tooMuch !== undefined) throw new Refusal('forbidden', `${tooMuch} is more than ${holder} may give`);
  if (!isRead(operation)) await checkIsNotAbove(dependencies, scope, input as object);
}

/** Whoever could change an account with more rights, such as its password, would have these rights, too. @throws {Refusal} */
async function checkIsNotAbove({ store }: Dependencies, { holder, rights }: Scope, input: object): Promise<void> {
  const { jid } = input as { readonly jid?: unknown };
  if (!(jid instanceof Jid)) return;
  const held = await heldBy(store, jid.domain, jid.local);
  if (!covers(rights, rightsOf(held))) {
    throw new Refusal('forbidden', `'${jid}' has the role ${held.role}, which is more than ${holder} may change`);
  }
}

/** True when the operation changes nothing. */
export function isRead({ http, isReadOnly }: Operation): boolean {
  return 'whyNone' in http ? isReadOnly === true : http.method === 'get';
}

/** Does it destroy something, or make a secret or an admin? */
function isGrave({ http, isGrave: isMarked }: Operation): boolean {
  return isMarked === true || ('method' in http && http.method === 'delete');
}
