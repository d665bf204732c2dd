/**
 * Secrets in the policy of a tenant, sealed with a key that the store does not have. The context begins with a word that routers may seal and
 * open things for, and that no domain can contain.
 */
import { type Keys, NotOpened } from '../../../lib/ports/keys.ts';
import type { TenantPolicy } from '../../../lib/runtime/policy/tenant-policy.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { routerLimits } from '../limits.ts';
import type { Dependencies } from './dependencies.ts';

function contextOf(domain: string, name: string): string {
  return `tokens ${name} ${domain}`;
}

/** @returns undefined when this router has no keys. @throws {Unavailable} */
export async function sealPolicySecret(
  { keys }: Dependencies,
  domain: string,
  name: string,
  secret: string,
): Promise<string | undefined> {
  return keys?.seal(Buffer.from(secret), contextOf(domain, name));
}

/** What was opened of late, by the sealed text. */
const opened = new WeakMap<Keys, Map<string, Promise<string | undefined>>>();

/**
 * The secret of a key of the policy.
 * @returns undefined if there is none, or none that this deployment can open
 * @throws {Unavailable}
 */
export async function openPolicySecret(
  { keys }: Dependencies,
  { domain, policy }: Tenant,
  name: keyof TenantPolicy,
): Promise<string | undefined> {
  return openSecret({ keys }, domain, name, policy[name] as string);
}

/** Whatever was sealed under a name for a tenant. @throws {Unavailable} */
export async function openSecret(
  { keys }: Pick<Dependencies, 'keys'>,
  domain: string,
  name: string,
  sealed: string,
): Promise<string | undefined> {
  if (keys === undefined || sealed === '') return undefined;
  const known = opened.get(keys) ?? new Map<string, Promise<string | undefined>>();
  opened.set(keys, known);
  const place = `${name} ${domain} ${sealed}`;
  const found = known.get(place);
  if (found !== undefined) return found;
  const opening = open(keys, sealed, contextOf(domain, name));
  if (known.size >= routerLimits.openedSecretsMax) known.delete(known.keys().next().value!);
  known.set(place, opening);
  opening.catch(() => known.delete(place));
  return opening;
}

async function open(keys: Keys, sealed: string, context: string): Promise<string | undefined> {
  try {
    return (await keys.open(sealed, context)).toString();
  } catch (error) {
    if (error instanceof NotOpened) return undefined; // sealed with a key that this deployment does not have any more
    throw error;
  }
}
