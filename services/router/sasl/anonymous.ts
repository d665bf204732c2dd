/**
 * ANONYMOUS (RFC 4505): whoever comes is given an account of its own, for one session. What such a guest may do is in
 * features/xep0175-anonymous.ts; there it ends, too.
 *
 * Hostile: somebody who signs in again and again, or holds as many sessions as there may be. Guests are bounded by tenant and by network, at
 * once and over time. What a client says of itself (the trace, §2) is not kept.
 */
import { Conflict } from '../../../lib/ports/store.ts';
import { guestName } from '../../../lib/runtime/guest-names.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { isOwnMachine, networkOf } from '../../../lib/runtime/networks.ts';
import { findRemoval } from '../../../lib/runtime/removals.ts';
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { createAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { guestRows, guests, guestTenantRows, guestTenants } from '../core/guests.ts';
import type { SignedIn } from './credentials.ts';
import { guestLimits, jwtLimits } from './limits.ts';

interface GuestStream {
  readonly address: string;
  /** {@link Claimed.from} */
  readonly from: string | undefined;
}

/** @param trace §2, ignored. @throws {SaslFailure} @throws {Unavailable} */
export async function signInAsGuest(
  dependencies: Dependencies,
  tenant: Tenant,
  trace: string,
  { address, from }: GuestStream,
): Promise<SignedIn> {
  if ([...trace].length > guestLimits.traceCharactersMax) throw new SaslFailure('malformed-request', 'the trace is too long');
  if (from !== undefined) throw new SaslFailure('not-authorized', 'the stream is for an account');
  const network = networkOf(address);
  const { store, clock, shares } = dependencies;
  if (store.isShort || !shares.mayBeGuest(tenant.domain, network)) throw full();
  const local = guestName(tenant, clock.randomBytes(runtimeLimits.guestRandomBytes));
  const mark = keyedDigest(tenant.secret, 'guest network', network).slice(0, 16);
  const rows = guestRows(dependencies, tenant.domain);
  await rows.put(guests, local, { network: mark, sinceMs: clock.now() }, 'absent');
  // This is the later one: whoever has found no guests takes the row of before away, and not this one.
  await guestTenantRows(dependencies).put(guestTenants, tenant.domain, '');
  // Those who come at the same time see each other: rather are all of them refused than one too many let in.
  if (!(await isWithin(dependencies, tenant, mark, isOwnMachine(network))) || (await findRemoval(store, tenant.domain))) {
    await rows.delete(guests, local);
    throw full();
  }
  const incarnation = clock.randomBytes(jwtLimits.incarnationBytes).toString('base64url');
  try {
    await createAccount(store, tenant.domain, local, {
      ...{ createdAt: new Date(clock.now()).toISOString(), incarnation, scram: {} },
    });
  } catch (error) {
    if (error instanceof Conflict) throw full(); // it cannot be: the name was drawn
    throw error;
  }
  return { local, incarnation, way: 'anonymous' };
}

async function isWithin(dependencies: Dependencies, tenant: Tenant, network: string, isOwn: boolean): Promise<boolean> {
  const page = await guestRows(dependencies, tenant.domain).list(guests, { limit: guestLimits.guestRowsMax });
  if (page.length >= guestLimits.guestRowsMax) return false;
  const present = page.filter(({ value }) => value.endedMs === undefined);
  const { guestsMax, guestsPerAddress } = tenant.policy;
  const beside = present.filter(({ value }) => value.network === network);
  return present.length <= guestsMax && (isOwn || beside.length <= guestsPerAddress);
}

function full(): SaslFailure {
  return new SaslFailure('temporary-auth-failure', 'there are too many guests; try again later');
}
