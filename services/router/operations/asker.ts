/** Who asks for an operation, and whether they may. */
import { type ApiKeyRow, findApiKey } from '../../../lib/runtime/api-keys.ts';
import type { ConsoleAsker } from '../../../lib/runtime/console-wire.ts';
import type { AdminRequest } from '../../../lib/runtime/wire.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { findConsoleSession } from './console-sessions.ts';
import { uncached } from './inputs.ts';
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
  readonly access: ApiKeyRow['access'];
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
  return { name: `key ${by.key.id}`, address: by.address, scope: { holder: 'the key', ...key } };
}

/** @throws {Refusal} */
async function holderOf(dependencies: Dependencies, { session: digest, address }: ConsoleAsker): Promise<Asker> {
  const found = await findConsoleSession(dependencies, digest);
  if (found === undefined) throw new Refusal('unknown-key', 'the session has ended; sign in again');
  const { name, isProven, session } = found;
  return {
    name,
    address,
    scope: { holder: 'this session', domain: session.account?.domain, access: 'write', isUnproven: !isProven },
  };
}

/** An admin of a tenant, by ad-hoc commands. */
export function adminOf(jid: Jid): Asker {
  return { name: `${jid.bare}`, scope: { holder: 'an admin', domain: jid.domain, access: 'write' } };
}

/** A key ends with its tenant, also when a tenant of the same name is added later. */
async function isStillForTenant(dependencies: Dependencies, { domain, tenantSince }: ApiKeyRow): Promise<boolean> {
  if (domain === undefined) return true;
  return (await uncached(dependencies).find(domain))?.createdAt === tenantSince;
}

/** @param input as the operation's schema gives it. @throws {Refusal} `forbidden` */
export function checkMay({ scope }: Asker, operation: Operation, input: unknown): void {
  if (scope === undefined) return;
  if ('whyNone' in operation.http) throw new Refusal('forbidden', `'${operation.name}' is not for the API`);
  if (scope.access === 'read' && !isRead(operation)) {
    throw new Refusal('forbidden', `${scope.holder} may only read, and '${operation.name}' changes something`);
  }
  if (scope.isUnproven && isGrave(operation)) throw new Refusal('unproven', 'show again who you are before this is done');
  if (scope.domain === undefined) return;
  if (operation.right !== 'tenant') {
    throw new Refusal(
      'forbidden',
      `${scope.holder} is for tenant '${scope.domain}', and '${operation.name}' is for the whole deployment`,
    );
  }
  if (domainOf(input) !== scope.domain) {
    throw new Refusal('forbidden', `${scope.holder} is for tenant '${scope.domain}' only`);
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

/** The tenant that an input names, by `domain` or `jid`. */
export function domainOf(input: unknown): string | undefined {
  const { domain, jid } = input as { readonly domain?: unknown; readonly jid?: unknown };
  if (typeof domain === 'string') return domain;
  return jid instanceof Jid ? jid.domain : undefined;
}
