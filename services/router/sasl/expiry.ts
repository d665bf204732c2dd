/** How long a session may go on whose owner is vouched for until some time: by a token, a certificate, or another system of the tenant. */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { SignedIn } from './credentials.ts';
import { jwtLimits } from './limits.ts';

/** @returns undefined when it need not end, as the tenant's policy has it */
export function leftMs({ clock }: Dependencies, { policy }: Tenant, { untilMs }: Pick<SignedIn, 'untilMs'>): number | undefined {
  if (untilMs === undefined || policy.expiredSessions === 'stay') return undefined;
  const left = untilMs - clock.timeOfDay();
  // Whoever was let in although the time is over, because clocks differ, is not sent away at once.
  return left > 0 ? left : Math.max(0, left + jwtLimits.jwtToleranceSeconds * 1_000);
}
